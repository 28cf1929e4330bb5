/**
 * The simulated internet: whole worlds a second, memory over a hundred thousand of them, packets a second with many hosts.
 *
 * Baselines are the figures asked for, or the same work in a small world: there is no other simulator to race.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import type { Scope } from "effect/Scope"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as SimulatedWorld from "../src/layers/simulated/SimulatedWorld.ts"
import type { World, WorldHost } from "../src/schemas/World.ts"
import { Tcp } from "../src/services/Tcp.ts"
import { Udp } from "../src/services/Udp.ts"
import { type Bench, type CaseResult, compare, type Context } from "./harness/case.ts"
import { memory } from "./harness/child.ts"

/** Complete worlds a second and core that were asked for. */
const WANTED = 3000

const endpoint = (text: string) => NetAddress.inetAddressFromStringUnsafe(text)
const hello = new TextEncoder().encode("hello")

// A fresh description each time, so that checking it and working it out count too.
const behindNats = (): World => ({
  link: { latency: 10 },
  hosts: { alice: { behind: "port-restricted-cone-equal" }, bob: { behind: "port-restricted-cone-equal" } }
})

// Opens its own NAT, then answers what comes through it.
const exchange = (remote: string) => {
  const to = endpoint(remote)
  return Effect.gen(function* () {
    const socket = yield* (yield* Udp).bind({ address: NetAddress.ipv4Unspecified, port: 5000 })
    yield* socket.send(hello, to)
    yield* socket.pull
    yield* socket.send(hello, to)
    return (yield* socket.pull).length
  }).pipe(Effect.scoped)
}
const alice = exchange("11.0.0.2:5000")
const bob = exchange("11.0.0.1:5000")

const oneWorld = (description: World, seed: number): void => {
  const world = Effect.runSync(SimulatedWorld.make(description, { seed }))
  const exit = Effect.runSyncExit(world.run({ alice, bob }))
  if (Exit.isFailure(exit)) throw new Error(`the exchange failed: ${exit.cause}`)
}

const worldsPerSecond = (count: number, describe: () => World): number => {
  const start = performance.now()
  for (let index = 0; index < count; index++) oneWorld(describe(), index)
  return (count * 1000) / (performance.now() - start)
}

// `memory` needs the collector at hand, which takes a flag; this gives it without starting another process.
setFlagsFromString("--expose-gc")
globalThis.gc ??= runInNewContext("gc") as NodeJS.GCFunction

// Heap after each tenth of the worlds, garbage gone: the last against the first.
const heaps = async (count: number): Promise<{ readonly first: number; readonly last: number }> => {
  const step = Math.max(1, Math.round(count / 10))
  let first = 0
  let last = 0
  for (let done = 0; done < count; done += step) {
    worldsPerSecond(step, behindNats)
    last = (await memory()).heapUsed
    if (first === 0) first = last
  }
  return { first: first / 1024, last: last / 1024 }
}

// Hosts on the internet, some of them in pairs: each sends `each` datagrams to the other and waits for as many. Microseconds
// of real time for one datagram.
const pairs = (hosts: number, active: number, each: number): number => {
  const described: Record<string, WorldHost> = {}
  for (let index = 0; index < hosts; index++) described[`host${index}`] = {}
  const world = Effect.runSync(SimulatedWorld.make<World>({ hosts: described }))
  const address = (index: number): string => {
    const rest = Math.floor(index / 254)
    return `11.${rest >> 8}.${rest & 0xff}.${1 + (index % 254)}:5000`
  }
  const programs: Record<string, Effect.Effect<void, unknown, Udp>> = {}
  for (let index = 0; index < active; index++) {
    const to = endpoint(address(index ^ 1))
    programs[`host${index}`] = Effect.gen(function* () {
      const socket = yield* (yield* Udp).bind({ address: NetAddress.ipv4Unspecified, port: 5000 })
      for (let sent = 0; sent < each; sent++) {
        yield* socket.send(hello, to)
        yield* socket.pull
      }
    }).pipe(Effect.scoped)
  }
  const start = performance.now()
  const exit = Effect.runSyncExit(world.run(programs))
  if (Exit.isFailure(exit)) throw new Error(`the datagrams did not arrive: ${exit.cause}`)
  return ((performance.now() - start) * 1000) / (active * each)
}

const block = new Uint8Array(64 * 1024)

// Megabytes a second of real time through one TCP connection, and packets with it.
const tcpRate = (megabytes: number): number => {
  const world = Effect.runSync(SimulatedWorld.make({ link: { latency: 5 }, hosts: { alice: {}, bob: {} } }))
  const blocks = megabytes * 16
  const send: Effect.Effect<void, unknown, Tcp> = Effect.gen(function* () {
    const connection = yield* (yield* Tcp).dial({ remote: endpoint("11.0.0.2:80") })
    for (let index = 0; index < blocks; index++) yield* connection.write(block)
    yield* connection.end
    yield* connection.closed
  }).pipe(Effect.scoped)
  const take: Effect.Effect<void, unknown, Tcp> = Effect.gen(function* () {
    const listener = yield* (yield* Tcp).listen({ port: 80 })
    const connection = yield* listener.accept
    yield* Effect.ignore(Effect.forever(connection.pull) as Effect.Effect<void, unknown, Scope>)
    yield* connection.end
  }).pipe(Effect.scoped)
  const start = performance.now()
  const exit = Effect.runSyncExit(world.run({ alice: send, bob: take }))
  if (Exit.isFailure(exit)) throw new Error(`the transfer failed: ${exit.cause}`)
  return (megabytes * 1000) / (performance.now() - start)
}

const run = async (context: Context): Promise<ReadonlyArray<CaseResult>> => {
  const { quick } = context
  const results: Array<CaseResult> = []
  const count = quick ? 200 : 10_000
  const known = behindNats()
  const wanted = () => Promise.resolve(WANTED)

  results.push(
    await compare(context, {
      case: "worlds of two hosts behind two NATs, UDP exchange",
      unit: "worlds/s",
      better: "higher",
      target: 1,
      baseline: wanted,
      ours: async () => worldsPerSecond(count, behindNats)
    }),
    await compare(context, {
      case: "the same, one description for all",
      unit: "worlds/s",
      better: "higher",
      target: 1,
      baseline: wanted,
      ours: async () => worldsPerSecond(count, () => known)
    })
  )

  const measured = await heaps(quick ? 1000 : 100_000)
  results.push(
    await compare(
      { ...context, rounds: 1 },
      {
        case: "heap over 100,000 worlds: last tenth / first",
        unit: "KiB",
        better: "lower",
        target: 1.05,
        warmup: 0,
        baseline: async () => measured.first,
        ours: async () => measured.last
      }
    )
  )

  const [few, many, each] = quick ? [10, 100, 10] : [100, 10_000, 1000]
  results.push(
    await compare(context, {
      case: `time a datagram of ${few} busy hosts, among ${many} / alone`,
      unit: "us",
      better: "lower",
      target: 1.5,
      baseline: async () => pairs(few, few, each),
      ours: async () => pairs(many, few, each)
    }),
    await compare(context, {
      case: `time a datagram, ${many} busy hosts / ${few}`,
      unit: "us",
      better: "lower",
      baseline: async () => pairs(few, few, each),
      ours: async () => pairs(many, many, each / 10)
    }),
    await compare(context, {
      case: "bulk TCP in real time (asked: none; here: 20)",
      unit: "MB/s",
      better: "higher",
      baseline: async () => 20,
      ours: async () => tcpRate(quick ? 1 : 32)
    })
  )
  return results
}

const bench: Bench = {
  name: "simulation",
  description: "whole simulated worlds a second, their memory, and packets among 10,000 hosts",
  run
}

export default bench
