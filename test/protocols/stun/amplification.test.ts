/** What the server makes of bytes of any kind: it bears them, and gives nobody more than `budget.ts` says. */
import { assert, describe, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import type { Attribute } from "../../../src/protocols/stun/Attribute.ts"
import { Method, request } from "../../../src/protocols/stun/Message.ts"
import { LARGEST, LARGEST_ELSEWHERE } from "../../../src/protocols/stun/server/budget.ts"
import { type Answer, decide, type Question, type Settings } from "../../../src/protocols/stun/server/decide.ts"
import { corners, type Layout } from "../../../src/protocols/stun/server/layout.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { damaged } from "./damage.ts"
import { randomAttribute, randomBytes, randomMessage, randomSeal } from "./generate.ts"
import { at, bytesOf, read } from "./kit.ts"

const INPUTS = 100_000

const layouts: ReadonlyArray<Layout> = [
  ["198.51.100.1:3478", "198.51.100.2:3479"],
  ["[2001:db8::1]:3478", "[2001:db8::2]:3479"],
  ["198.51.100.1:3478"],
  ["[::]:3478"]
].map(([primary, other]) => ({
  address: at(primary!).address,
  port: 3478,
  alternate: other === undefined ? undefined : { address: at(other).address, port: 3479 }
}))

const clients = {
  IPv4: ["192.0.2.7:40000", "10.1.2.3:7", "93.184.216.34:65535", "224.0.0.1:5", "192.0.2.7:0"].map(at),
  IPv6: ["[2001:db8:7::1]:40000", "[fe80::7%2]:9", "[::ffff:192.0.2.7]:1", "[2a10::5]:443"].map(at)
}

/** What only the server's own attributes can trip over, more often than among all there are. */
const fitting = (random: Luck): Attribute => {
  switch (random.below(6)) {
    case 0:
      return { _tag: "ChangeRequest", value: { address: random.chance(0.5), port: random.chance(0.5) } }
    case 1:
      return { _tag: "ResponsePort", value: random.below(65_536) }
    case 2:
      return { _tag: "Padding", value: random.pick([0, 1, 60, 1500, 20_000]) }
    case 3:
      return {
        _tag: "ProbeBack",
        value: {
          change: { address: random.chance(0.5), port: random.chance(0.5) },
          nonce: randomBytes(random, 8)
        }
      }
    case 4:
      return { _tag: "Unknown", type: random.below(65_536), value: new Uint8Array(random.below(9)) }
    default:
      return randomAttribute(random)
  }
}

const asked = (random: Luck): Uint8Array =>
  bytesOf(
    request(
      Method.Binding,
      randomBytes(random, random.chance(0.2) ? 16 : 12),
      Array.from({ length: random.below(4) }, () => fitting(random)).filter(
        ({ _tag }) => !/^(Message|Fingerprint)/.test(_tag)
      )
    ),
    random.chance(0.3) ? randomSeal(random) : {}
  )

const check = (settings: Settings, question: Question, answer: Answer): void => {
  const { bytes, from } = question
  const shown = `${Buffer.from(bytes).toString("hex")} -> ${Buffer.from(answer.bytes).toString("hex")}`
  const message = read(answer.bytes)
  assert.include(["success", "error"], message.class, shown)
  assert.deepStrictEqual(message.transactionId, bytes.subarray(20 - message.transactionId.length, 20), shown)
  assert.isTrue(Equal.equals(answer.to.address, from.address), shown)
  assert.isTrue(settings.layout.alternate !== undefined || (!answer.by.address && !answer.by.port), shown)
  const elsewhere = !Equal.equals(answer.by, question.at) || answer.to.port !== from.port
  if (question.transport === "tcp") return assert.isFalse(elsewhere, shown)
  const family = NetAddress.familyOf(from)
  assert.isAtMost(answer.bytes.length, Math.max(bytes.length, LARGEST[family]), shown)
  if (elsewhere) assert.isAtMost(answer.bytes.length, Math.max(bytes.length, LARGEST_ELSEWHERE[family]), shown)
}

/** Gives how many were answered and dialled for. */
const feed = (random: Luck, count: number, next: (random: Luck) => Uint8Array) => {
  const seen = { answered: 0, elsewhere: 0, dialled: 0 }
  for (let i = 0; i < count; i++) {
    const layout = random.pick(layouts)
    const settings: Settings = { layout, software: "effect-p2p", probeBack: random.chance(0.7) }
    const question: Question = {
      bytes: next(random),
      transport: random.chance(0.7) ? "udp" : "tcp",
      at: random.pick(corners(layout)),
      from: random.pick(clients[NetAddress.familyOf(layout.address)])
    }
    const decision = decide(settings, question)
    if (decision?._tag === "Answer") {
      check(settings, question, decision)
      seen.answered++
      if (decision.to.port !== question.from.port || !Equal.equals(decision.by, question.at)) seen.elsewhere++
    } else if (decision?._tag === "Dial") {
      assert.strictEqual(question.transport, "tcp")
      assert.isTrue(settings.probeBack)
      assert.strictEqual(decision.to, question.from, "never an address of the asker's choosing")
      seen.dialled++
    }
  }
  return seen
}

describe("a STUN server's answers", () => {
  it(`to ${INPUTS.toLocaleString("en-GB")} damaged messages are bounded, and it bears them all`, () => {
    const random = luck(3478)
    const whole = Array.from({ length: 400 }, () =>
      random.chance(0.7) ? asked(random) : bytesOf(randomMessage(random))
    )
    const short = whole.filter(({ length }) => length <= 4096)
    const seen = feed(random, INPUTS, () => damaged(random, short))
    assert.isAbove(seen.answered, INPUTS / 10)
    assert.isAbove(seen.elsewhere, INPUTS / 200)
    assert.isAbove(seen.dialled, 20)
  })

  it("to whole requests are bounded", () => {
    const seen = feed(luck(3479), 20_000, asked)
    assert.isAbove(seen.answered, 10_000)
    assert.isAbove(seen.dialled, 50)
  })
})
