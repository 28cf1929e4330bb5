/**
 * Ports for tests that need one nobody else has: where nothing answers, or to open again after a close. One the system gave
 * may be another socket's as soon as it is closed, and in the other family all the time.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"
import { endpointOf, type Host, type World } from "./World.ts"

// Below the ports systems give away, and below those of the tests of servers. Each worker has numbers of its own.
const BLOCK = 1000
const first = 10_000 + (Number(process.env["VITEST_POOL_ID"] ?? 0) % 10) * BLOCK
let given = (process.ppid * 37) % BLOCK

/** A port that nothing holds on any address of the host, with either transport. */
export const freePort = Effect.fnUntraced(function* (world: World, host: Host) {
  for (;;) {
    const port = first + (given++ % BLOCK)
    const holding = Effect.forEach(world.families, (family) => {
      const local = endpointOf(host, family, port)
      return host.on(Effect.all([Tcp.use((tcp) => tcp.listen(local)), Udp.use((udp) => udp.bind(local))]))
    })
    if (yield* Effect.isSuccess(Effect.scoped(holding))) return port
  }
})

/** Where nothing answers on a host. */
export const deadEnd = (world: World, host: Host, family: NetAddress.IpFamily) =>
  Effect.map(freePort(world, host), (port) => endpointOf(host, family, port))
