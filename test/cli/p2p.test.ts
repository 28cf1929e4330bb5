/** The command as people start it: its version, its help, and how it ends when something is wrong. See also main.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { freePort } from "../servers/support.ts"
import { type Ended, p2p, packageJson, run, spawned } from "./command.ts"

/** One line on standard error, and nothing else. */
const complaint = (ended: Ended, code: number): string => {
  assert.match(ended.stderr, /^p2p: [^\n]+\n$/)
  assert.strictEqual(ended.stdout.toString(), "")
  assert.deepStrictEqual([ended.code, ended.signal], [code, null])
  return ended.stderr.slice("p2p: ".length, -1)
}

describe.concurrent("p2p", () => {
  it.live("tells its version", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* run(["--version"])
      assert.deepStrictEqual([stdout.toString(), stderr, code], [`p2p v${packageJson.version}\n`, "", 0])
    })
  )

  it.live("without arguments gives help", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* run([])
      for (const command of ["interfaces", "echo", "pipe"]) {
        assert.match(stdout.toString(), new RegExp(`^  ${command} `, "m"))
      }
      assert.deepStrictEqual([stderr, code], ["", 0])
    })
  )

  it.live("ends with 2 when it is not understood", () =>
    Effect.gen(function* () {
      const says = "Unrecognized flag: --upd in command p2p pipe; did you mean --udp? (see p2p pipe --help)"
      assert.strictEqual(complaint(yield* run(["pipe", "--upd", "a:1"]), 2), says)
    })
  )

  it.live("ends with 1 when it fails", () =>
    Effect.gen(function* () {
      const to = `127.0.0.1:${yield* freePort}`
      assert.include(
        complaint(yield* run(["pipe", to]), 1),
        `tcp pipe open ${to}: the connection was refused (ECONNREFUSED); nothing listens there`
      )
    })
  )

  // Where no packet can leave, no name server is asked.
  const canIsolate = process.platform === "linux" && spawnSync("unshare", ["-n", "true"]).status === 0
  if (!canIsolate) console.log("skipped: p2p pipe to an unknown host (cannot make a network namespace)")
  it.live.skipIf(!canIsolate)("knows no host that nobody knows", () =>
    Effect.gen(function* () {
      const { ended } = yield* spawned("unshare", ["-n", p2p, "pipe", "nobody.invalid:80"])
      assert.match(
        complaint(yield* ended, 1),
        /^tcp pipe open nobody\.invalid:80: the host name has no address; "nobody\.invalid" has no IPv4 or IPv6 address: /
      )
    })
  )
})
