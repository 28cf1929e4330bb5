/** `npm run demo`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { hosts } from "../servers/support.ts"
import { packageJson, root, spawned } from "./command.ts"

describe("npm run demo", () => {
  it.live("sends a file through every kind of pipe and gets it back unchanged", () =>
    Effect.gen(function* () {
      const [node, script = "", ...args] = packageJson.scripts.demo!.split(" ")
      assert.strictEqual(node, "node")
      const { ended } = yield* spawned(process.execPath, [root + script, ...args])
      const { code, stderr, stdout } = yield* ended
      assert.deepStrictEqual([stderr, code], ["", 0])
      const [header = "", ...rows] = stdout.toString().trimEnd().split("\n")
      assert.match(header, /^pipe +to +sent back +MB\/s +SHA-256$/)
      const kinds = hosts.flatMap((host) => {
        const [family, shown] = host === "::1" ? ["IPv6", "\\[::1\\]"] : ["IPv4", "127\\.0\\.0\\.1"]
        return [`tcp ${family} +${shown}:\\d+ +67\\.1 MB`, `udp ${family} +${shown}:\\d+ +4\\.2 MB`]
      })
      assert.strictEqual(rows.length, kinds.length, stdout.toString())
      for (const [at, kind] of kinds.entries()) assert.match(rows[at]!, new RegExp(`^${kind} +\\d+ +[0-9a-f]{16}… ok$`))
    })
  )
})
