/** Running a plan: what leaves when, in which order, from which ports, and what an answer has to be. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { Journal } from "../../../src/layers/natdetector/Journal.ts"
import { run } from "../../../src/layers/natdetector/run.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { type Plan, type Probe, type Slot, unchanged } from "../../../src/protocols/natprofile/Plan.ts"
import { decode } from "../../../src/protocols/stun/decode.ts"
import { transactionKey } from "../../../src/protocols/stun/Message.ts"
import type { NatObservation } from "../../../src/schemas/NatObservation.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { Udp } from "../../../src/services/Udp.ts"
import { at, ip } from "../simulated/kit.ts"
import { background, FULL, worldOf } from "./kit.ts"

const OWN = "192.168.1.2"
const SERVER = at(`${FULL[0]}:3478`)
/** Nobody has it. */
const NOWHERE = at("45.99.0.1:3478")

const slot = (id: string, own: Partial<Slot> = {}): Slot => ({
  id,
  transport: "udp",
  address: ip(OWN),
  listen: false,
  ...own
})

const probe = (id: string, own: Partial<Probe> = {}): Probe => ({
  id,
  interface: "eth0",
  family: "IPv4",
  transport: "udp",
  test: "mapping",
  slot: "a",
  server: "full",
  target: { _tag: "Endpoint", endpoint: SERVER },
  change: unchanged,
  after: [],
  at: 0,
  transmissions: [0],
  wait: 100,
  ...own
})

/** Runs a plan on the client, with a program before it; gives the observations by id and the world. */
const ran = Effect.fnUntraced(function* (plan: Plan, before: Effect.Effect<void, unknown, Tcp | Udp> = Effect.void) {
  const world = yield* SimulatedWorld.make(worldOf({ device: "full-cone-equal" }), { trace: true })
  const client = Effect.gen(function* () {
    yield* before
    const { randomBytes } = yield* SecureRandom
    const sockets = { tcp: yield* Tcp, udp: yield* Udp }
    const journal = new Journal(() => {})
    yield* Effect.scoped(run(plan, { interface: "eth0", journal, sockets, randomBytes }))
    assert.strictEqual(journal.planned, plan.probes.length)
    return new Map(journal.observations.map((each) => [each.id, each]))
  })
  const outcomes = yield* world.run({ client }, { background })
  assert.strictEqual(world.openSockets("client"), 0)
  return { seen: outcomes.client, world }
})

const leaving = (world: SimulatedWorld.SimulatedWorld) =>
  world.trace.flatMap(({ from, packet, time }) =>
    from === "client" && packet._tag === "Udp" ? [{ time, port: packet.srcPort, bytes: packet.payload }] : []
  )

const tagOf = (observation: NatObservation | undefined): string | undefined => observation?.outcome._tag

describe("a plan", () => {
  it.effect("sends at its times, to the microsecond, and in its order where times are the same", () =>
    Effect.gen(function* () {
      const times = [0, 3, 6, 9, 14, 14, 14, 19, 22.5]
      const slots = times.map((_, index) => slot(`s${index}`, { port: 40_000 + index }))
      const probes = times.map((time, index) => probe(`p${index}`, { at: time, slot: `s${index}`, test: "sample" }))
      const { seen, world } = yield* ran({ slots, probes })
      assert.deepStrictEqual(
        leaving(world).map(({ port, time }) => [port - 40_000, Math.round(time * 1000) / 1000]),
        times.map((time, index) => [index, time])
      )
      assert.deepStrictEqual(
        [...seen.values()].toSorted((a, b) => a.order - b.order).map(({ id }) => id),
        probes.map(({ id }) => id)
      )
    })
  )

  it.effect("sends again until there is an answer, each time under another transaction id", () =>
    Effect.gen(function* () {
      const silent = probe("silent", {
        target: { _tag: "Endpoint", endpoint: NOWHERE },
        transmissions: [0, 40, 80],
        wait: 60
      })
      const heard = probe("heard", { slot: "b", transmissions: [0, 40, 80] })
      const { seen, world } = yield* ran({ slots: [slot("a", { port: 40_000 }), slot("b")], probes: [silent, heard] })
      const packets = leaving(world).filter(({ port }) => port === 40_000)
      assert.deepStrictEqual(
        packets.map(({ time }) => Math.round(time)),
        [0, 40, 80]
      )
      const ids = packets.map(({ bytes }) => transactionKey(Result.getOrThrow(decode(bytes)).transactionId))
      assert.strictEqual(new Set(ids).size, 3)
      assert.deepInclude(seen.get("silent"), { transmissions: 3, sentAt: seen.get("heard")!.sentAt })
      assert.strictEqual(tagOf(seen.get("silent")), "Silent")
      // 50 ms away: the second transmission had left.
      assert.strictEqual(seen.get("heard")!.transmissions, 2)
      const { outcome } = seen.get("heard")!
      assert.approximately(outcome._tag === "Answered" ? outcome.roundTrip : 0, 50.2, 0.01)
    })
  )

  it.effect("waits for answers, and does not ask what cannot be asked any more", () =>
    Effect.gen(function* () {
      const { seen, world } = yield* ran({
        slots: [slot("a"), slot("b")],
        probes: [
          probe("first", { at: 10 }),
          probe("dead", { slot: "b", target: { _tag: "Endpoint", endpoint: NOWHERE } }),
          probe("then", { after: ["first"] }),
          probe("never", { slot: "b", after: ["first", "dead"] }),
          probe("neither", { slot: "b", after: ["never"] })
        ]
      })
      const [first, then] = [seen.get("first")!, seen.get("then")!]
      assert.strictEqual(tagOf(then), "Answered")
      assert.approximately(then.sentAt - first.sentAt, 50.2, 0.01)
      assert.deepStrictEqual(seen.get("never")!.outcome, { _tag: "NotSent", detail: "dead was not answered" })
      assert.deepStrictEqual(seen.get("neither")!.outcome, { _tag: "NotSent", detail: "never was not answered" })
      assert.isUndefined(seen.get("never")!.to)
      assert.isBelow(world.now, 175)
    })
  )

  for (const transport of ["udp", "tcp"] as const) {
    it.effect(`takes the ports it wants, or others where they are taken (${transport})`, () =>
      Effect.gen(function* () {
        const there = { port: 40_001, address: ip(OWN) }
        const hold = Effect.gen(function* () {
          if (transport === "udp") yield* (yield* Udp).bind(there)
          else yield* (yield* Tcp).listen(there)
        })
        const taken = Effect.gen(function* () {
          yield* Effect.forkDetach(Effect.scoped(Effect.andThen(hold, Effect.sleep(1))), { startImmediately: true })
        })
        const { seen } = yield* ran(
          {
            slots: [slot("a", { port: 40_000, transport }), slot("b", { port: 40_001, transport })],
            probes: [probe("mine", { transport }), probe("other", { slot: "b", transport })].map((each) =>
              Object.assign(each, { wait: 200 })
            )
          },
          taken
        )
        assert.strictEqual(seen.get("mine")!.local!.port, 40_000)
        assert.notStrictEqual(seen.get("other")!.local!.port, 40_001)
        for (const id of ["mine", "other"]) assert.strictEqual(tagOf(seen.get(id)), "Answered")
      })
    )

    it.effect(`says why where there is no socket at all (${transport})`, () =>
      Effect.gen(function* () {
        const { seen } = yield* ran({
          slots: [slot("a", { address: ip("192.168.1.99"), transport })],
          probes: [probe("lost", { transport })]
        })
        const { outcome } = seen.get("lost")!
        assert.match(
          outcome._tag === "NotSent" ? outcome.detail : "",
          /on eth0: the local address is not available; eth0 has 192\.168\.1\.2$/
        )
      })
    )
  }

  it.effect("dials again where a connection is not made in time, and keeps those that are until its end", () =>
    Effect.gen(function* () {
      const { seen, world } = yield* ran({
        slots: [slot("a", { transport: "tcp", port: 40_000 }), slot("b", { transport: "tcp", port: 40_001 })],
        probes: [
          probe("nowhere", {
            transport: "tcp",
            target: { _tag: "Endpoint", endpoint: NOWHERE },
            transmissions: [0, 60, 120],
            wait: 200
          }),
          probe("there", { slot: "b", transport: "tcp", transmissions: [0, 70], wait: 200 })
        ]
      })
      const packets = (port: number, flag: number) =>
        world.trace.flatMap(({ from, packet, time }) =>
          from === "client" && packet._tag === "Tcp" && packet.srcPort === port && (packet.flags & flag) !== 0
            ? [Math.round(time)]
            : []
        )
      const [FIN, SYN] = [1, 2]
      assert.deepStrictEqual(packets(40_000, SYN), [0, 60, 120])
      assert.deepInclude(seen.get("nowhere"), { transmissions: 3 })
      assert.deepStrictEqual(packets(40_001, SYN), [0])
      assert.strictEqual(tagOf(seen.get("there")), "Answered")
      assert.isAtLeast(packets(40_001, FIN)[0]!, 320)
      assert.strictEqual(NetAddress.formatInet(seen.get("there")!.to!), NetAddress.formatInet(SERVER))
    })
  )
})
