/**
 * coturn's programs find out about the network from our server: `turnutils_stunclient` and `turnutils_natdiscovery`, in network
 * namespaces, with no NAT and behind Linux's.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { unavailable } from "../support/namespace.ts"
import { CLIENT, direct, output, routed, ROUTER, server, SERVERS } from "./stunNetwork.ts"

const why =
  unavailable() ?? (spawnSync("turnutils_stunclient").error === undefined ? undefined : "apt-get install coturn")
if (why !== undefined) console.log(`skipped: coturn's programs and our STUN server (${why})`)

/** The words of a report, without its empty lines and rules. */
const facts = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .map((line) => line.replace(/^\d+: : IPv\d\. /, "").trim())
    .filter((line) => line !== "" && !/^=+$/.test(line))

const count = (lines: ReadonlyArray<string>, pattern: RegExp): number =>
  lines.filter((line) => pattern.test(line)).length

describe.skipIf(why !== undefined)("coturn's programs with our server", () => {
  for (const [family, client] of [
    ["IPv4", "192.0.2.77"],
    ["IPv6", "2001:db8:2::77"]
  ] as const) {
    const [address, alternate] = SERVERS[family]

    it.live(`see no NAT where there is none (${family})`, () =>
      Effect.gen(function* () {
        const { inside, outside } = yield* direct
        yield* server(outside, family)
        const asked = facts(yield* output(inside, `turnutils_stunclient -f ${address}`))
        // The second answer comes from the other endpoint to another port.
        assert.strictEqual(count(asked, /^RFC 5780 response/), 2)
        assert.include(asked, `Response origin: : ${address}:3478`)
        assert.include(asked, `Other addr: : ${alternate}:3479`)
        assert.include(asked, `Response origin: : ${alternate}:3479`)

        const found = facts(yield* output(inside, `turnutils_natdiscovery -m -f -P -L ${client} ${address}`))
        assert.isAbove(count(found, /^No NAT! \(Endpoint Independent Mapping\)$/), 0)
        assert.include(found, "NAT with Endpoint Independent Filtering!")
        assert.isAbove(count(found, /^No ALG: Mapped == XOR-Mapped$/), 2, "padded answers have both forms")
        assert.strictEqual(count(found, /timeout|error|not a|Cannot|differ/i), 0, found.join("\n"))
      })
    )
  }

  it.live("see Linux's NAT behind it", () =>
    Effect.gen(function* () {
      const { inside, outside } = yield* routed("drop")
      yield* server(outside, "IPv4")
      const run = (flags: string) =>
        Effect.map(output(inside, `turnutils_natdiscovery ${flags} -L ${CLIENT.IPv4} ${SERVERS.IPv4[0]}`), facts)
      // Each waits some seconds for what does not come.
      const [found, lifetime] = yield* Effect.all([run("-m -f"), run("-t -T 1")], { concurrency: 2 })
      assert.include(found, "NAT with Endpoint Independent Mapping!")
      assert.include(found, "NAT with Address and Port Dependent Filtering!")
      assert.isAbove(count(found, new RegExp(`^UDP reflexive addr: ${ROUTER.IPv4}:`)), 0)
      // One socket heard, by RESPONSE-PORT, what another had asked for: two mappings were seen.
      const seen = lifetime.filter((line) => line.startsWith(`UDP reflexive addr: ${ROUTER.IPv4}:`))
      assert.strictEqual(new Set(seen).size, 2, lifetime.join("\n"))
    })
  )
})
