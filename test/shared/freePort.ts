/**
 * Ports for tests that need one nobody else has: where nothing answers, or to open again after a close. One the system gave
 * may be another socket's as soon as it is closed, and in the other family all the time.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp } from "../../src/services/Udp.ts"
import { portNumbers } from "../support/portNumbers.ts"
import { endpointOf, type Host, type World } from "./World.ts"

const next = portNumbers(10_000, 10_000)

/** A port that nothing holds on any address of the host, with either transport. */
export const freePort = Effect.fnUntraced(function* (world: World, host: Host) {
  for (;;) {
    const port = next()
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
