/** What a peer knows of its networks, and how its address follows them. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import type { StunServer as ServerAddress } from "../../../src/protocols/natprofile/Plan.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import type { World, WorldHost } from "../../../src/schemas/World.ts"
import * as StunServer from "../../../src/servers/StunServer.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { at, ip } from "../simulated/kit.ts"
import { call, echo, mouth, oneBroker, withPeer } from "./kit.ts"

const endpointsOf = ({ address }: SignedPeerAddress): ReadonlyArray<string> =>
  address.interfaces.flatMap(({ candidates }) =>
    candidates.map(({ endpoint, kind }) => `${kind} ${NetAddress.formatIp(endpoint.address)}`)
  )

describe("the address of a peer", () => {
  it.effect("follows its interfaces, and who reads the new one gets through", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({
        link: { latency: 10 },
        hosts: { alice: {}, bob: { addresses: ["11.0.0.5"] } },
        changes: [
          { at: "1 minute", node: "bob", addresses: ["11.0.0.77"] },
          { at: "2 minutes", node: "bob", up: false },
          { at: "3 minutes", node: "bob", up: true }
        ]
      })
      const moved = mouth<string>()
      const done = mouth<void>()
      const { alice, bob } = yield* world.run({
        alice: withPeer(
          {},
          Effect.flatMap(moved.hear, (to) => call(to))
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* echo
            const seen = yield* Stream.runCollect(
              Stream.take(
                Stream.tap(peer.addresses, ({ address: { sequence } }) =>
                  Effect.flatMap(Clock.currentTimeMillis, (now) =>
                    now % 3_600_000 < 60_000 || sequence < 2 ? Effect.void : Effect.flatMap(peer.addressText, moved.say)
                  )
                ),
                4
              )
            )
            yield* done.hear
            return seen
          })
        )
      })
      assert.deepStrictEqual(bob.map(endpointsOf), [
        ["host 11.0.0.5"],
        ["host 11.0.0.77"],
        ["host 127.0.0.1"],
        ["host 11.0.0.77"]
      ])
      const sequences = bob.map(({ address }) => address.sequence)
      assert.deepStrictEqual(
        sequences,
        sequences.toSorted((a, b) => a - b)
      )
      assert.strictEqual(new Set(sequences).size, 4)
      assert.strictEqual(alice.remote, "11.0.0.77")
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )

  it.effect("is signed anew in time, and never expired", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { bob: {} } })
      const { bob } = yield* world.run({
        bob: withPeer(
          { lifetime: "10 minutes" },
          Effect.gen(function* () {
            const peer = yield* Peer
            const seen: Array<number> = []
            for (let minute = 0; minute < 60; minute++) {
              const { address } = yield* peer.address
              seen.push(address.expires - (yield* Clock.currentTimeMillis))
              yield* Effect.sleep("1 minute")
            }
            return seen
          })
        )
      })
      assert.isAtLeast(Math.min(...bob), 5 * 60_000)
      assert.isAtMost(Math.max(...bob), 10 * 60_000 + 1000)
    })
  )

  it.effect("has a sequence that no other one of the peer has had, and no more life than any may have", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({
        hosts: { bob: { addresses: ["11.0.0.5"] } },
        changes: Array.from({ length: 6 }, (_, n) => ({
          at: 100 * (n + 1),
          node: "bob",
          addresses: [`11.0.0.${6 + n}`]
        }))
      })
      const identity = IdentityLayer.layerFromSeed(Redacted.make(new Uint8Array(32).fill(5)))
      // Changes seven times in a second, and is started again in the same one.
      const { bob } = yield* world.run({
        bob: Effect.gen(function* () {
          const seen: Array<SignedPeerAddress["address"]> = []
          for (const rest of ["700 millis", "10 millis"] as const) {
            yield* withPeer(
              { identity, lifetime: "400 days" },
              Effect.gen(function* () {
                const peer = yield* Peer
                yield* Effect.forkScoped(
                  Stream.runForEach(peer.addresses, ({ address }) => Effect.sync(() => seen.push(address)))
                )
                yield* Effect.sleep(rest)
              })
            )
          }
          return { seen, now: yield* Clock.currentTimeMillis }
        })
      })
      const sequences = bob.seen.map(({ sequence }) => sequence)
      assert.isAtLeast(sequences.length, 8)
      assert.deepStrictEqual(
        sequences,
        [...new Set(sequences)].toSorted((a, b) => a - b)
      )
      for (const { expires } of bob.seen) assert.isAtMost(expires - bob.now, 31 * 86_400_000 + 1000)
    })
  )

  it.effect("of a peer that was started again replaces the old one", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
      const identity = IdentityLayer.layerFromSeed(Redacted.make(new Uint8Array(32).fill(5)))
      const [first, second] = [mouth<SignedPeerAddress>(), mouth<SignedPeerAddress>()]
      const done = mouth<void>()
      const { alice, bob } = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const old = yield* first.hear
            const fresh = yield* second.hear
            const refused = yield* Effect.flip(Effect.scoped(peer.connect(old)))
            const pipe = yield* peer.connect(fresh)
            return { reason: refused.attempts[0]!.reason, peer: pipe.peer }
          })
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: Effect.gen(function* () {
          const once = Effect.flatMap(Peer, (peer) => peer.address)
          const old = yield* withPeer({ identity }, Effect.tap(once, first.say))
          yield* Effect.sleep("2 seconds")
          const fresh = yield* withPeer(
            { identity },
            Effect.gen(function* () {
              yield* echo
              const address = yield* once
              yield* second.say(address)
              yield* done.hear
              return address
            })
          )
          return [old.address, fresh.address] as const
        })
      })
      assert.strictEqual(bob[0].peer, bob[1].peer)
      assert.isAbove(bob[1].sequence, bob[0].sequence)
      assert.deepStrictEqual(alice, { reason: "Refused", peer: bob[1].peer })
    })
  )
})

const SERVERS = ["11.0.9.1", "11.0.9.2"] as const
const stun: ReadonlyArray<ServerAddress> = [{ id: "one", endpoint: at(`${SERVERS[0]}:3478`), udp: true, tcp: true }]

/** Alice calls Bob; both ask a server on the internet who they are. */
const knowing = (alice: WorldHost, bob: WorldHost, options: SimulatedPeer.Options = {}, probeBack = false) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make({
      link: { latency: 10 },
      hosts: { alice, bob, server: { addresses: [...SERVERS] } }
    } as World)
    const brokers = oneBroker({ latency: 200 })
    const address = mouth<SignedPeerAddress>()
    const done = mouth<void>()
    const server = Effect.andThen(
      StunServer.serve({ address: ip(SERVERS[0]), alternate: { address: ip(SERVERS[1]) }, probeBack }),
      Effect.never
    ).pipe(Effect.scoped)
    const ran = yield* world.run(
      {
        alice: withPeer(
          { ...brokers, stun, ...options },
          Effect.gen(function* () {
            const to = yield* address.hear
            const before = yield* Clock.currentTimeMillis
            const peer = yield* Peer
            const result = yield* Effect.result(peer.connect(to))
            const took = (yield* Clock.currentTimeMillis) - before
            return { result, took, problems: yield* peer.problems }
          })
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: withPeer(
          { ...brokers, stun, ...options },
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* echo
            const started = yield* Clock.currentTimeMillis
            yield* address.say(yield* peer.address)
            yield* done.hear
            return { address: (yield* peer.address).address, started, problems: yield* peer.problems }
          })
        )
      },
      { background: { server } }
    )
    return { ...ran.alice, bob: ran.bob, left: world.openSockets("alice") + world.openSockets("bob") }
  })

describe("a peer that asks a STUN server", () => {
  it.effect("tells its mapped port, and is dialled through a NAT that lets anyone in", () =>
    Effect.gen(function* () {
      const { bob, left, problems, result } = yield* knowing({}, { behind: "full-cone-random" })
      const pipe = Result.getOrThrow(result)
      const [first] = bob.address.interfaces
      assert.deepStrictEqual(first!.candidates.map(({ kind }) => kind).toSorted(), ["host", "reflexive"])
      assert.deepInclude(
        first!.nats.find(({ transport }) => transport === "tcp")!,
        { family: "IPv4", mapping: "endpoint-independent" }
      )
      assert.strictEqual(pipe.strategy, "direct")
      assert.strictEqual(pipe.report.attempts.find(({ outcome }) => outcome === "connected")!.candidate, "reflexive")
      assert.deepStrictEqual([problems, bob.problems, left], [[], [], 0])
    })
  )

  it.effect("knows what filters, and asks to be dialled back at once", () =>
    Effect.gen(function* () {
      const { left, result, took } = yield* knowing({}, { behind: "port-restricted-cone-equal" })
      const pipe = Result.getOrThrow(result)
      assert.strictEqual(pipe.strategy, "reverse")
      assert.closeTo(took, 200 + 2.5 * 40, 1)
      assert.strictEqual(left, 0)
    })
  )

  it.effect("which dials back knows what filters TCP, and is asked for that without being told", () =>
    Effect.gen(function* () {
      const filters = {
        "full-cone-random": "endpoint-independent",
        "port-restricted-cone-equal": "address-and-port-dependent"
      }
      for (const [behind, filtering] of Object.entries(filters)) {
        const { bob, left, result } = yield* knowing({}, { behind }, {}, true)
        Result.getOrThrow(result)
        const brief = bob.address.interfaces[0]!.nats.find(({ transport }) => transport === "tcp")
        assert.strictEqual(brief?.filtering, filtering)
        assert.strictEqual(left, 0)
      }
    })
  )

  it.effect("knows when both sides are behind such NATs, and says what would help", () =>
    Effect.gen(function* () {
      const { left, result } = yield* knowing({ behind: "linux-router" }, { behind: "linux-router" })
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) {
        assert.include(result.failure.message, "both sides are behind a NAT or firewall that lets nobody in")
      }
      assert.strictEqual(left, 0)
    })
  )

  it.effect("that is dead starts all the same, and says so", () =>
    Effect.gen(function* () {
      const dead = [{ ...stun[0]!, endpoint: at("11.0.8.8:3478") }]
      const { bob, left, result } = yield* knowing({}, {}, { stun: dead })
      assert.strictEqual(Result.getOrThrow(result).strategy, "direct")
      assert.match(bob.problems.join(), /the outside of 11.0.0.2:\d+ is not known: .*nobody answered in time/)
      // Of the 3 seconds it has for that.
      assert.strictEqual(bob.started % 60_000, 3000)
      assert.strictEqual(left, 0)
    })
  )
})

describe("the text of an address", () => {
  it.effect(
    "has at most 400 letters for one interface with IPv4 behind a NAT, IPv6, and all that is known of both",
    () =>
      Effect.gen(function* () {
        const servers = { IPv4: [...SERVERS], IPv6: ["2a10::9:1", "2a10::9:2"] }
        const world = yield* SimulatedWorld.make({
          ipv6: true,
          hosts: { bob: { behind: "linux-router" }, server: { addresses: [...servers.IPv4, ...servers.IPv6] } }
        })
        const serve = (family: "IPv4" | "IPv6") =>
          StunServer.serve({ address: ip(servers[family][0]!), alternate: { address: ip(servers[family][1]!) } })
        const both = [...servers.IPv4, ...servers.IPv6].filter((_, index) => index % 2 === 0)
        const { bob } = yield* world.run(
          {
            bob: withPeer(
              {
                ...oneBroker(),
                machine: new Uint8Array(32),
                stun: both.map((address) => ({
                  id: address,
                  endpoint: NetAddress.inetAddressUnsafe(ip(address), 3478),
                  udp: true,
                  tcp: true
                }))
              },
              Effect.flatMap(Peer, (peer) => Effect.all([peer.addressText, peer.address]))
            )
          },
          {
            background: {
              server: Effect.scoped(Effect.andThen(Effect.all([serve("IPv4"), serve("IPv6")]), Effect.never))
            }
          }
        )
        const [text, { address }] = bob
        assert.deepStrictEqual(
          address.interfaces.map(({ candidates, nats }) => [candidates.length, nats.length]),
          [
            [3, 4],
            [1, 0]
          ]
        )
        assert.isAtMost(text.length, 400)
      })
  )
})
