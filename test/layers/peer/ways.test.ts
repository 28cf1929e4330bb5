/** Ways that are taken seldom: links this side did not dial, ports that cannot listen and dial, and IPv6 alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as IdentityLayer from "../../../src/layers/Identity.ts"
import * as CryptographyLayer from "../../../src/layers/node/Cryptography.ts"
import * as LinkPlain from "../../../src/layers/LinkPlain.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { encodeText } from "../../../src/protocols/address/text.ts"
import { encode } from "../../../src/protocols/connect/frames.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import * as StunServer from "../../../src/servers/StunServer.ts"
import { LinkSecurity } from "../../../src/services/LinkSecurity.ts"
import { Peer, type Strategy, StrategyError } from "../../../src/services/Peer.ts"
import { Tcp, TcpError, TcpOpenError } from "../../../src/services/Tcp.ts"
import { at, ip } from "../simulated/kit.ts"
import { aliceCallsBob, BROKER, call, echo, mouth, oneBroker, signedAddress, withPeer } from "./kit.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

describe("a strategy that gives the server's side of the handshake", () => {
  /** Waits for the other to come to a port both know of. */
  const door: Strategy<Tcp> = {
    run: () =>
      Effect.gen(function* () {
        const tcp = yield* Tcp
        const listener = yield* tcp.listen({ address: ip("11.0.0.1"), port: 5000 })
        return { connection: yield* listener.accept, as: "server" as const }
      }).pipe(Effect.mapError((cause) => new StrategyError({ reason: "Door", problem: cause.message, cause })))
  }

  /** Bob's address names one key, and one comes to the door: the same, or another one. */
  const meeting = (isBob: boolean) =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, bob: {} } })
      const address = mouth<SignedPeerAddress>()
      const alices = mouth<PeerId>()
      const done = Deferred.makeUnsafe<void>()
      const identity = (seed: number) =>
        IdentityLayer.layerFromSeed(Redacted.make(new Uint8Array(32).fill(seed))).pipe(
          Layer.provideMerge(CryptographyLayer.layer)
        )
      const knocking = Effect.gen(function* () {
        const tcp = yield* Tcp
        const security = yield* LinkSecurity
        const expect = yield* alices.hear
        const dialled = yield* tcp.dial({ remote: at("11.0.0.1:5000") })
        const { connection } = yield* security.client(dialled, { expect })
        const said: Array<string> = []
        const hear = Effect.map(connection.pull, (chunks) =>
          said.push(hex(Uint8Array.from(chunks.flatMap((c) => [...c]))))
        )
        yield* hear
        yield* connection.write(encode({ _tag: "Accept" }))
        yield* hear
        yield* Deferred.await(done)
        return said
      }).pipe(Effect.provide(LinkPlain.layer.pipe(Layer.provide(identity(isBob ? 1 : 2)))))
      const ran = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const to = yield* address.hear
            yield* alices.say(peer.peerId)
            return yield* Effect.result(peer.connect(to, { strategies: { door }, deadline: "5 seconds" }))
          })
        ).pipe(Effect.ensuring(Deferred.succeed(done, undefined))),
        bob: Effect.gen(function* () {
          yield* address.say(yield* signedAddress(["11.0.0.2:1"]))
          return yield* Effect.result(knocking)
        }).pipe(Effect.scoped, Effect.provide(identity(1)))
      })
      assert.deepStrictEqual([world.openSockets("alice"), world.openSockets("bob")], [0, 0])
      return ran
    })

  it.effect("has its link secured, and agreed on as any", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* meeting(true)
      assert.deepInclude(Result.getOrThrow(alice), { strategy: "door", initiator: "here" })
      const [open, go] = Result.getOrThrow(bob)
      assert.match(open!, /^010101[\da-f]{32}$/)
      assert.strictEqual(go, "04")
    })
  )

  it.effect("and takes nobody else for the peer", () =>
    Effect.gen(function* () {
      const { alice } = yield* meeting(false)
      assert.isTrue(Result.isFailure(alice))
      if (Result.isFailure(alice)) {
        assert.deepInclude(alice.failure.attempts[0], { strategy: "door", step: "secure", reason: "WrongPeer" })
      }
    })
  )
})

/** As on systems where a port that listens cannot dial any more. */
const dialsFirst = (tcp: Tcp["Service"]): Tcp["Service"] =>
  Tcp.of({
    ...tcp,
    reserve: (options) =>
      Effect.map(tcp.reserve(options), (reservation) => {
        let listens = false
        return {
          local: reservation.local,
          binding: reservation.binding,
          listenFirst: false,
          listen: (how) => Effect.tap(reservation.listen(how), () => Effect.sync(() => (listens = true))),
          dial: (how) => {
            const { local } = reservation
            const { remote } = how
            const inUse = new TcpOpenError({ op: "dial", kind: "AddressInUse", local, remote, detail: "it listens" })
            return listens ? Effect.fail(new TcpError({ reason: inUse })) : reservation.dial(how)
          }
        }
      })
  })

describe("a listening port that cannot dial", () => {
  it.effect("asks for its outside before it listens, and is reached there", () =>
    Effect.gen(function* () {
      const [first, second] = ["11.0.9.1", "11.0.9.2"] as const
      const world = yield* SimulatedWorld.make({
        link: { latency: 10 },
        hosts: { alice: {}, bob: { behind: "full-cone-random" }, server: { addresses: [first, second] } }
      })
      const stun = [{ id: "one", endpoint: at(`${first}:3478`), udp: true, tcp: true }]
      const address = mouth<string>()
      const done = mouth<void>()
      const { alice, bob } = yield* world.run(
        {
          alice: withPeer(
            {},
            Effect.flatMap(address.hear, (to) => call(to))
          ).pipe(Effect.ensuring(done.say(undefined))),
          bob: withPeer(
            { stun },
            Effect.gen(function* () {
              const peer = yield* Peer
              yield* echo
              yield* address.say(yield* peer.addressText)
              yield* done.hear
              return yield* peer.problems
            })
          ).pipe(Effect.updateService(Tcp, dialsFirst))
        },
        {
          background: {
            server: StunServer.serve({ address: ip(first), alternate: { address: ip(second) } }).pipe(
              Effect.andThen(Effect.never),
              Effect.scoped
            )
          }
        }
      )
      assert.strictEqual(alice.strategy, "direct")
      assert.strictEqual(alice.attempts.find(({ outcome }) => outcome === "connected")!.candidate, "reflexive")
      assert.deepStrictEqual(bob, [])
      assert.deepStrictEqual([world.openSockets("alice"), world.openSockets("bob")], [0, 0])
    })
  )

  it.effect("listens all the same where nobody answers, and says what it does not know", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { bob: {} } })
      const stun = [{ id: "one", endpoint: at("11.0.9.1:3478"), udp: true, tcp: true }]
      const { bob } = yield* world.run({
        bob: withPeer(
          { stun },
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* Effect.sleep("10 seconds")
            return [(yield* peer.endpoints).map(NetAddress.formatInet).length, (yield* peer.problems).join()] as const
          })
        ).pipe(Effect.updateService(Tcp, dialsFirst))
      })
      assert.strictEqual(bob[0], 1)
      assert.match(bob[1], /the outside of 11\.0\.0\.1:\d+ is not known/)
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )
})

describe("a peer that listens nowhere", () => {
  it.effect("opens no port, dials back who asks, connects to others, and cannot be dialled itself", () =>
    Effect.gen(function* () {
      const [first, second] = ["11.0.9.1", "11.0.9.2"] as const
      const world = yield* SimulatedWorld.make({
        link: { latency: 10 },
        hosts: { alice: {}, bob: { behind: "linux-router" }, server: { addresses: [first, second] } }
      })
      const brokers = oneBroker()
      const stun = [{ id: "one", endpoint: at(`${first}:3478`), udp: true, tcp: true }]
      const [alices, bobs] = [mouth<string>(), mouth<SignedPeerAddress>()]
      const [called, done] = [mouth<void>(), mouth<void>()]
      const { alice, bob } = yield* world.run(
        {
          alice: withPeer(
            brokers,
            Effect.gen(function* () {
              const peer = yield* Peer
              yield* echo
              const to = encodeText(yield* bobs.hear)
              const direct = yield* Effect.flip(peer.connect(to, { strategies: ["direct"] }))
              const back = yield* call(to)
              yield* alices.say(yield* peer.addressText)
              yield* called.hear
              return { direct, back }
            })
          ).pipe(Effect.ensuring(done.say(undefined))),
          bob: withPeer(
            { ...brokers, stun, listen: false },
            Effect.gen(function* () {
              const peer = yield* Peer
              yield* echo
              yield* Effect.sleep("1 minute")
              const [endpoints, problems, open] = [
                yield* peer.endpoints,
                yield* peer.problems,
                world.openSockets("bob")
              ]
              yield* bobs.say(yield* peer.address)
              const to = yield* alices.hear
              const out = yield* call(to)
              const back = yield* Effect.flip(peer.connect(to, { strategies: ["reverse"] }))
              yield* called.say(undefined)
              yield* done.hear
              return { endpoints, problems, open, out, back }
            })
          )
        },
        {
          background: {
            server: StunServer.serve({ address: ip(first), alternate: { address: ip(second) } }).pipe(
              Effect.andThen(Effect.never),
              Effect.scoped
            )
          }
        }
      )
      assert.deepInclude(bob, { endpoints: [], problems: [], open: 0 })
      const { address } = yield* bobs.hear
      assert.deepStrictEqual(address.brokers, [BROKER])
      assert.isAbove(address.interfaces.flatMap(({ nats }) => nats).length, 0)
      assert.deepStrictEqual(
        address.interfaces.flatMap(({ candidates }) => candidates),
        []
      )
      const none = "its address has no TCP candidate"
      assert.strictEqual(alice.direct.reason, "NoWay")
      assert.deepStrictEqual(
        alice.direct.attempts.map(({ outcome, why }) => [outcome, why]),
        [["skipped", none]]
      )
      assert.strictEqual(alice.back.strategy, "reverse")
      assert.deepStrictEqual(
        alice.back.attempts.map(({ outcome, strategy, why }) => [strategy, outcome, why]),
        [
          ["reverse", "connected", "no direct dial is sure to get through"],
          ["direct", "skipped", none]
        ]
      )
      assert.strictEqual(bob.out.strategy, "direct")
      assert.deepStrictEqual(
        [bob.back.reason, bob.back.attempts.map(({ why }) => why).at(0)],
        ["NoWay", "the other could not dial this peer either"]
      )
      assert.deepStrictEqual([world.openSockets("alice"), world.openSockets("bob")], [0, 0])
    })
  )
})

describe("IPv6 alone", () => {
  const hosts = { alice: { addresses: ["2a10::a:1"] }, bob: { addresses: ["2a10::b:1"] } } as const

  it.effect("is enough to connect directly", () =>
    Effect.gen(function* () {
      const { left, result } = yield* aliceCallsBob({ ipv6: true, link: { latency: 10 }, hosts })
      assert.deepInclude(Result.getOrThrow(result), { strategy: "direct", remote: "2a10::b:1", took: 2 * 40 })
      assert.strictEqual(left, 0)
    })
  )

  it.effect("and to be dialled back from behind a firewall", () =>
    Effect.gen(function* () {
      const brokers = oneBroker({ latency: 100 })
      const walled = { behind: "wall" } as const
      const world = {
        ipv6: true,
        link: { latency: 10 },
        hosts: { alice: hosts.alice, bob: walled },
        gateways: { wall: { device: "linux-router", outside: "internet" } }
      }
      const { left, result } = yield* aliceCallsBob(world, {
        alice: brokers,
        bob: brokers,
        options: { families: ["IPv6"] }
      })
      const called = Result.getOrThrow(result)
      assert.strictEqual(called.strategy, "reverse")
      assert.isTrue(NetAddress.isIpv6Address(ip(called.remote)))
      assert.strictEqual(left, 0)
    })
  )
})
