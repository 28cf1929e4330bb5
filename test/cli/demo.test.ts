/** `npm run demo`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { unavailable } from "../support/namespace.ts"
import { packageJson, root, spawned } from "./command.ts"

const [node = "", script = "", ...args] = packageJson.scripts.demo!.split(" ")

// A network with nothing but its loopback is the least there can be; CI runs the demo on the machine as it is, too.
const isAlone = unavailable() === undefined
const inside = (line: string) =>
  isAlone
    ? spawned("unshare", ["-n", "sh", "-c", `ip link set lo up && exec ${line}`])
    : spawned("sh", ["-c", `exec ${line}`])

describe("npm run demo", () => {
  it.live(
    `has two peers meet by every strategy and exchange a file${isAlone ? ", on a machine with no network" : ""}`,
    () =>
      Effect.gen(function* () {
        assert.strictEqual(node, "node")
        const line = [process.execPath, root + script, ...args].join(" ")
        const { code, stderr, stdout } = yield* (yield* inside(line)).ended
        assert.deepStrictEqual([stderr, code], ["", 0])
        const [header = "", ...rows] = stdout.toString().trimEnd().split("\n")
        assert.match(header, /^strategy +connected in +first byte +alice to bob +bob to alice +secured by +SHA-256$/)
        const numbers = " +\\d+ ms +\\d+ ms +\\d+ MB/s +\\d+ MB/s"
        assert.strictEqual(rows.length, 2, stdout.toString())
        for (const [at, strategy] of ["direct", "reverse"].entries()) {
          assert.match(rows[at]!, new RegExp(`^${strategy}${numbers} +tls1\\.3 +[0-9a-f]{16}… ok$`))
        }
      }),
    { timeout: 60_000 }
  )
})
