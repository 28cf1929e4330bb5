/**
 * What a test body written on the contracts needs of a network, so that one body runs on real sockets and on a simulated
 * internet.
 *
 * Time in a body is the world's: a real clock or a virtual one. So a body waits for events, and uses sleeps and timeouts
 * only where time is what it tests.
 */
import * as Effect from "effect/Effect"
import type * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import { it } from "vitest"
import type { Interfaces } from "../../src/services/Interfaces.ts"
import type { Pipes } from "../../src/services/Pipes.ts"
import type { Tcp } from "../../src/services/Tcp.ts"
import type { Tls } from "../../src/services/Tls.ts"
import type { Udp } from "../../src/services/Udp.ts"

export type Services = Tcp | Udp | Tls | Dns.Dns | Interfaces | Pipes

export interface Host {
  readonly name: string
  /** An address the other host reaches it by. */
  readonly address: (family: NetAddress.IpFamily) => NetAddress.IpAddress
  /** Gives an effect the sockets, the names and the clock of this host. */
  readonly on: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Services>>
}

/** Two hosts that reach each other. On the real network both are this machine. */
export interface Hosts {
  readonly server: Host
  readonly client: Host
  /** Sockets open now on both hosts together: listening, connected, or on the way to be. */
  readonly openSockets: () => number
}

export interface World {
  readonly name: string
  readonly families: ReadonlyArray<NetAddress.IpFamily>
  /** Whether time passes only as the world says, so that what took how long is known exactly. */
  readonly virtualTime: boolean
  /** Runs one body to its end, on hosts of its own where the world can make them. Closing up is part of the run. */
  readonly run: <A, E>(body: (hosts: Hosts) => Effect.Effect<A, E, Scope.Scope>, signal?: AbortSignal) => Promise<A>
}

/** In the world's own time. Much longer than anything here takes, so that only a hang runs into it. */
const LIMIT = "15 seconds"

/** Registers a test that runs in the world. */
export const testIn =
  (world: World) =>
  <A, E>(name: string, body: (hosts: Hosts) => Effect.Effect<A, E, Scope.Scope>): void => {
    // oxlint-disable-next-line vitest/valid-title -- the bodies name their tests
    it(name, async ({ signal }) => {
      await world.run((hosts) => Effect.timeout(body(hosts), LIMIT), signal)
    })
  }

/** One transport in one family. */
export interface Case {
  readonly transport: "tcp" | "udp"
  readonly family: NetAddress.IpFamily
}

export const casesOf = (world: World): ReadonlyArray<Case> =>
  (["tcp", "udp"] as const).flatMap((transport) => world.families.map((family) => ({ transport, family })))

export const nameOf = ({ family, transport }: Case): string => `${transport} over ${family}`

/** An endpoint as text, for comparing and for messages. */
export const at = (endpoint: NetAddress.InetAddress | undefined): string | undefined =>
  endpoint === undefined ? undefined : NetAddress.formatInet(endpoint)

/** The endpoint `port` of a host. */
export const endpointOf = (host: Host, family: NetAddress.IpFamily, port: number): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(host.address(family), port)

/**
 * Waits until `progress` stands still, at `least` or above, although other work on the same network goes on; `beat` does a
 * little of that. Says where it stands.
 */
export const standstill = Effect.fnUntraced(function* <E, R>(
  progress: () => number,
  beat: Effect.Effect<unknown, E, R>,
  least = 0
) {
  let last = progress()
  for (let quiet = 0; quiet < 40; quiet++) {
    yield* beat
    const now = progress()
    if (now !== last || now < least) quiet = 0
    last = now
  }
  return last
})

/** Runs an effect in a scope of its own and waits until no more sockets are open than before; a leak runs into the test's limit. */
export const leavingNothing =
  (hosts: Hosts) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
    Effect.gen(function* () {
      const before = hosts.openSockets()
      const result = yield* Effect.scoped(effect)
      while (hosts.openSockets() > before) yield* Effect.sleep("1 millis")
      return result
    })

/** The error of an effect that must fail. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.matchEffect(effect, {
    onFailure: Effect.succeed,
    onSuccess: () => Effect.die(new Error("it succeeded, and was to fail"))
  })
