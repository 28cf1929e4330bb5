import { assert, describe, it } from "@effect/vitest"
import { type Answer, completed, consensus, isSettled } from "../../../src/protocols/routes/consensus.ts"
import { ip } from "./kit.ts"

/** `a=1 b=2 c!`: a saw 192.0.2.1, b saw 192.0.2.2, c failed. */
const answers = (text: string): ReadonlyArray<Answer> =>
  text
    .split(" ")
    .filter((one) => one !== "")
    .map((one) =>
      one.endsWith("!")
        ? { _tag: "Failed", server: one.slice(0, -1), problem: "dead" }
        : { _tag: "Saw", server: one.split("=")[0]!, address: ip(`192.0.2.${one.split("=")[1]}`) }
    )

const verdict = (text: string): string => {
  const found = consensus(answers(text))
  const dissent = found.dissent.map(({ said, server }) => `${server}:${said}`).join(" ")
  return found._tag === "Agreed"
    ? `${String(found.external)} by ${found.agreed.join("")}${dissent === "" ? "" : ` not ${dissent}`}`
    : `${found._tag} ${dissent}`.trim()
}

describe("the consensus of servers", () => {
  for (const [said, expected] of [
    ["a=1 b=1", "192.0.2.1 by ab"],
    ["a=1 b=1 c=2", "192.0.2.1 by ab not c:192.0.2.2"],
    ["c=2 a=1 d! b=1", "192.0.2.1 by ab not c:192.0.2.2 d:dead"],
    ["a=1", "192.0.2.1 by a"],
    ["a! b=1", "192.0.2.1 by b not a:dead"],
    ["a=1 b=2", "Disagreed a:192.0.2.1 b:192.0.2.2"],
    ["a=1 b=2 c!", "Disagreed a:192.0.2.1 b:192.0.2.2 c:dead"],
    ["a=1 b=1 c=2 d=2 e=3", "Disagreed a:192.0.2.1 b:192.0.2.1 c:192.0.2.2 d:192.0.2.2 e:192.0.2.3"],
    ["a! b!", "Unknown a:dead b:dead"],
    ["", "Unknown"]
  ] as const) {
    it(`${said || "nobody"} -> ${expected}`, () => assert.strictEqual(verdict(said), expected))
  }

  it("is settled when enough agree or all have spoken", () => {
    const settled = (text: string, agree: number, asked: number) => isSettled(answers(text), agree, asked)
    assert.isFalse(settled("", 2, 3))
    assert.isFalse(settled("a=1", 2, 3))
    assert.isTrue(settled("a=1", 1, 3))
    assert.isFalse(settled("a=1 b=2", 2, 3))
    assert.isTrue(settled("a=1 b=1", 2, 3))
    assert.isTrue(settled("a=1 b=2 c!", 2, 3))
    assert.isTrue(settled("a!", 1, 1))
  })

  it("counts who has not spoken as silent, unless it was settled without", () => {
    const servers = ["a", "b", "c"]
    assert.deepStrictEqual(completed(answers("a=1 b=1"), 2, servers), answers("a=1 b=1"))
    assert.deepStrictEqual(completed(answers("b=1"), 2, servers), [
      ...answers("b=1"),
      { _tag: "Failed", server: "a", problem: "no answer in time" },
      { _tag: "Failed", server: "c", problem: "no answer in time" }
    ])
  })
})
