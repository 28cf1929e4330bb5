/**
 * Servers that are given an interface and no address: on the device under every address of it, without native options under
 * one. In a namespace whose interfaces have the addresses this is about; needs root and `ip netns`, elsewhere skipped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { child } from "../../support/childProcess.ts"
import { cable, ip, namespace, unavailable } from "../../support/namespace.ts"

const why = unavailable()
if (why !== undefined) console.log(`skipped: servers on an interface, in network namespaces (${why})`)

const script = fileURLToPath(new URL("../../support/byInterface.ts", import.meta.url))

describe.skipIf(why !== undefined)("a server on an interface, with no address named", () => {
  it.live("hears both families, or the one there is", () =>
    Effect.gen(function* () {
      const name = yield* namespace
      const far = yield* namespace
      yield* cable([name, "v4"], [far, "far4"])
      yield* cable([name, "both"], [far, "far6"])
      yield* ip(
        name,
        `link set lo up
         addr add 10.9.9.1/24 dev v4
         addr add 10.9.8.1/24 dev both
         addr add 2001:db8:8::1/64 dev both nodad`
      )
      const host = yield* child("ip", ["netns", "exec", name, process.execPath, script])
      const bound = (binding: string, local: string, reached: ReadonlyArray<string>) => {
        const each = { binding, local, reached }
        return { tcp: each, udp: each }
      }
      const v4 = "10.9.9.1"
      const both = ["10.9.8.1", "2001:db8:8::1"] as const
      assert.deepStrictEqual(yield* host.ask(`native v4 ${v4} ${both.join(" ")}`), bound("device", "::", [v4]))
      assert.deepStrictEqual(yield* host.ask(`plain v4 ${v4} ${both.join(" ")}`), bound("address", v4, [v4]))
      assert.deepStrictEqual(yield* host.ask(`native both ${both.join(" ")} ${v4}`), bound("device", "::", both))
      // The widest scope first: the IPv4 address is a private one.
      assert.deepStrictEqual(yield* host.ask(`plain both ${both.join(" ")}`), bound("address", both[1], [both[1]]))
    })
  )
})
