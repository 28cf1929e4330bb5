/**
 * What a real network refuses, in a namespace where nothing gets out: black holes, routes that say no, broadcast, multicast,
 * and ICMP that somebody forged. With native socket options and without.
 *
 * Needs root and `ip netns`; elsewhere skipped.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fileURLToPath } from "node:url"
import { type Child, child } from "../support/childProcess.ts"
import { cable, ip, namespace, unavailable } from "../support/namespace.ts"

const why = unavailable()
if (why !== undefined) console.log(`skipped: what a network refuses, in network namespaces (${why})`)

const script = fileURLToPath(new URL("../support/lonelyHost.ts", import.meta.url))

class LonelyHost extends Context.Service<LonelyHost, Child>()("test/LonelyHost") {}

const host = Effect.fnUntraced(function* (variant: string) {
  const name = yield* namespace
  const silence = yield* namespace
  yield* cable([name, "hole0"], [silence, "end0"])
  yield* ip(
    name,
    `link set lo up
     addr add 192.0.2.1/24 dev hole0
     addr add 2001:db8:1::1/64 dev hole0 nodad
     neigh add 192.0.2.2 lladdr 02:00:5e:10:00:02 dev hole0 nud permanent
     neigh add 2001:db8:1::2 lladdr 02:00:5e:10:00:02 dev hole0 nud permanent
     route add unreachable 198.51.100.0/25
     route add prohibit 198.51.100.128/25
     route add 224.0.0.0/4 dev hole0`
  )
  return yield* child("ip", ["netns", "exec", name, process.execPath, script, variant])
})

interface Refusal {
  readonly op: string
  readonly kind: string
  readonly says: string
}

const refusals: Record<string, Refusal> = {
  "dial timeout": { op: "dial", kind: "TimedOut", says: "-> 192.0.2.2:80: nobody answered in time" },
  "dial timeout IPv6": { op: "dial", kind: "TimedOut", says: "-> [2001:db8:1::2]:80: nobody answered in time" },
  "dial unreachable": { op: "dial", kind: "Unreachable", says: "-> 198.51.100.1:80: the network is unreachable" },
  "dial no route": { op: "dial", kind: "Unreachable", says: "(ENETUNREACH)" },
  "dial no route IPv6": { op: "dial", kind: "Unreachable", says: "(ENETUNREACH)" },
  "dial prohibited": { op: "dial", kind: "Permission", says: "(EACCES)" },
  "pipe timeout": { op: "open", kind: "TimedOut", says: "tcp pipe open 192.0.2.2:80: nobody answered in time" },
  "pipe unreachable": { op: "open", kind: "Unreachable", says: "tcp pipe open 198.51.100.1:80" },
  "udp pipe unreachable": { op: "open", kind: "Unreachable", says: "198.51.100.1:80: the network is unreachable" },
  "send unreachable": { op: "send", kind: "Unreachable", says: "-> 198.51.100.1:9: the network is unreachable" },
  "broadcast refused": { op: "send", kind: "Permission", says: "-> 192.0.2.255:9: the operating system refused it" },
  "too large for the path": { op: "send", kind: "TooLarge", says: "the message is too large" },
  "join no group": { op: "join", kind: "InvalidInput", says: "the input is not valid" }
}

for (const variant of ["native", "plain"]) {
  describe.skipIf(why !== undefined)(`a lonely host (${variant} sockets)`, () => {
    layer(Layer.effect(LonelyHost, host(variant)), { excludeTestServices: true })((it) => {
      it.effect("hears why each thing does not work, and has nothing left open", () =>
        Effect.gen(function* () {
          const lonely = yield* LonelyHost
          for (const [name, { kind, op, says }] of Object.entries(refusals)) {
            const { left, result } = yield* lonely.ask(name)
            assert.deepStrictEqual({ name, op: result.op, kind: result.kind, left }, { name, op, kind, left: 0 })
            assert.include(result.message, says)
          }
          assert.deepStrictEqual(yield* lonely.ask("broadcast allowed"), { result: { succeeded: true }, left: 0 })
          assert.deepStrictEqual(yield* lonely.ask("dial interrupted"), {
            result: { opened: 1, interrupted: true },
            left: 0
          })
        })
      )

      it.effect("hears what is sent to a group while it is a member, and no longer", () =>
        Effect.gen(function* () {
          const lonely = yield* LonelyHost
          const heard = Effect.fnUntraced(function* (name: string) {
            const { left, result } = yield* lonely.ask(name)
            assert.strictEqual(left, 0, name)
            return result.all
          })
          const member = ["to the group", "mark 1", "mark 2"]
          assert.deepStrictEqual(yield* heard("multicast"), member)
          assert.deepStrictEqual(yield* heard("multicast IPv6"), member)
          assert.deepStrictEqual(yield* heard("multicast at open"), [
            "to the group",
            "mark 1",
            "after leaving",
            "mark 2"
          ])
          assert.deepStrictEqual(yield* heard("multicast without loopback"), ["mark 1", "mark 2"])
          if (variant === "native") {
            assert.deepStrictEqual(yield* heard("multicast on an interface"), member)
            assert.deepStrictEqual(yield* heard("multicast on an interface IPv6"), member)
          }
        })
      )

      it.effect("lives through a flood of forged ICMP", () =>
        Effect.gen(function* () {
          const lonely = yield* LonelyHost
          assert.deepStrictEqual(yield* lonely.ask("forged reports"), {
            result: { sent: 200, heard: ["still alive?"] },
            left: 0
          })
          assert.deepStrictEqual(yield* lonely.ask("forged reports, connected"), {
            result: { sent: 200, heard: ["still alive?"], back: ["yes"], reports: ["Refused"] },
            left: 0
          })
        })
      )
    })
  })
}
