/**
 * The world `p2p simulate` runs in: two hosts behind a NAT each, a server, and the internet between them.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as SimulatedWorld from "../../layers/simulated/SimulatedWorld.ts"
import type { TraceEvent } from "../../protocols/trace/TraceEvent.ts"
import type { NatDevice } from "../../schemas/NatDevice.ts"
import type { World } from "../../schemas/World.ts"
import * as Exchange from "./exchange.ts"

export interface Settings {
  readonly natA: NatDevice
  readonly natB: NatDevice
  readonly seed: number
  /** One way across the internet, in milliseconds. */
  readonly latency: number
  /** Probability of a packet being lost on the internet. */
  readonly loss: number
}

const SERVER = "server"
export const SERVER_ADDRESS = "203.0.113.10"

/** When its clocks start, in Unix milliseconds: a day that does not depend on the day it is run. */
export const START = Date.UTC(2026, 0, 1)

/** The hosts and the gateways before them, in the order of a picture. */
export const COLUMNS = ["alice", "nat-a", SERVER, "nat-b", "bob"] as const

const describe = ({ latency, loss, natA, natB, seed }: Settings) =>
  ({
    seed,
    start: new Date(START).toISOString(),
    // Two links make one way: half of the latency each, and the loss on the second, so that a packet is seen to get lost on the way.
    link: { latency: latency / 2, down: { loss } },
    hosts: {
      alice: { behind: "nat-a" },
      bob: { behind: "nat-b" },
      [SERVER]: { addresses: [SERVER_ADDRESS] }
    },
    gateways: {
      "nat-a": { device: natA, outside: "internet", addresses: ["198.51.100.1"] },
      "nat-b": { device: natB, outside: "internet", addresses: ["198.51.100.2"] }
    }
  }) satisfies World

export interface Outcome {
  readonly reports: ReadonlyArray<Exchange.Report>
  readonly seen: Exchange.Seen
  readonly trace: ReadonlyArray<TraceEvent>
  /** Packets the trace had no room for. */
  readonly omitted: number
}

/** After the exchange, what is under way may arrive. */
const SETTLE = 3_000

/** The exchange, from beginning to end. */
export const run = Effect.fnUntraced(function* (settings: Settings) {
  const world = yield* SimulatedWorld.make(describe(settings), { trace: true })
  const seen = Exchange.nothingSeen()
  const server = NetAddress.ipFromStringUnsafe(SERVER_ADDRESS)
  const call = (name: string) => Exchange.call({ name, server, roundTrip: 2 * settings.latency })
  const { alice, bob } = yield* world.run(
    { alice: call("alice"), bob: call("bob") },
    { background: { [SERVER]: Exchange.serve(seen) } }
  )
  yield* world.settle(SETTLE + 4 * settings.latency)
  const outcome: Outcome = { reports: [alice, bob], seen, trace: world.trace, omitted: world.traceDropped }
  return outcome
})
