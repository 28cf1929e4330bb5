/**
 * Probing back on real kernels: to a client in reach, and to one behind a Linux router that drops what nobody asked for, resets
 * it, or answers with ICMP; NAT over IPv4, a firewall over IPv6.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { child } from "../support/childProcess.ts"
import { unavailable } from "../support/namespace.ts"
import { CLIENT, direct, type Family, output, routed, server, SERVERS } from "./stunNetwork.ts"

const why = unavailable()
if (why !== undefined) console.log(`skipped: probing back, in network namespaces (${why})`)

const script = fileURLToPath(new URL("../support/stunProber.ts", import.meta.url))
const families = ["IPv4", "IPv6"] as const

const endpointOf = (family: Family): string =>
  family === "IPv4" ? `${SERVERS.IPv4[0]}:3478` : `[${SERVERS.IPv6[0]}]:3478`

/** What is told about both dials by a client with this address. */
const told = Effect.fnUntraced(function* (
  inside: string,
  outside: string,
  family: Family,
  own: string,
  isSilent = false
) {
  yield* server(outside, family, "--probe-back")
  const prober = yield* child("ip", ["netns", "exec", inside, process.execPath, script, own, endpointOf(family)])
  // What is not heard of in time is silent, also where a machine is busy: it is asked again.
  const asked = (question: string) =>
    Effect.repeat(
      Effect.map(prober.ask(question), ({ from, told }) => ({
        from,
        told: told.filter((each: string) => each !== "silent") as ReadonlyArray<string>
      })),
      { until: ({ told }) => told.length > 0, times: isSilent ? 0 : 9 }
    )
  return [yield* asked("other"), yield* asked("other-port")]
})

describe.skipIf(why !== undefined)("a probe back, on Linux", () => {
  for (const family of families) {
    it.live(`reaches a client without a NAT, from each address (${family})`, () =>
      Effect.gen(function* () {
        const { inside, outside } = yield* direct
        const own = family === "IPv4" ? "192.0.2.77" : "2001:db8:2::77"
        const [here, other] = SERVERS[family]
        assert.deepStrictEqual(yield* told(inside, outside, family, own), [
          { told: ["connected"], from: [other] },
          { told: ["connected"], from: [here] }
        ])
      })
    )
  }

  for (const [rule, result] of [
    ["drop", "silent"],
    ["reject with tcp reset", "refused"],
    ["reject with icmpx admin-prohibited", "unreachable"],
    ["reject with icmpx port-unreachable", "refused"]
  ] as const) {
    it.live(`meets a router whose rule is ${rule}: ${result}`, () =>
      Effect.gen(function* () {
        const { inside, outside } = yield* routed(rule)
        // Over a cable without delay an ICMP error may come while the system call that sent the SYN still holds the socket,
        // and is dropped: no such thing on the internet. Of six SYNs this lets the last ones wait.
        yield* output(outside, "tc qdisc add dev down0 root tbf rate 100kbit burst 400 latency 1s")
        const probes = yield* Effect.forEach(
          families,
          (family) => told(inside, outside, family, CLIENT[family], result === "silent"),
          {
            concurrency: 2
          }
        )
        for (const { from, told } of probes.flat()) {
          assert.deepStrictEqual([from, told], [[], result === "silent" ? [] : [result]])
        }
      })
    )
  }
})
