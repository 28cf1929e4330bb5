/** What strangers and liars can make a peer do: nothing, or little. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import { encode } from "../../../src/protocols/connect/frames.ts"
import { encodeRequest, REVERSE } from "../../../src/protocols/connect/messages.ts"
import { encodeText } from "../../../src/protocols/address/PeerAddress.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import type { Identity } from "../../../src/services/Identity.ts"
import { Messages } from "../../../src/services/Messages.ts"
import { Peer, type Request } from "../../../src/services/Peer.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { call, echo, mallory, mouth, oneBroker, signedAddress, withPeer } from "./kit.ts"

const three = { link: { latency: 10 }, hosts: { bob: {}, mallory: {}, victim: {} } } as const
const VICTIM = "11.0.0.3"

const attempt = (count: number): Uint8Array => new Uint8Array(16).fill(count)

/** Bob, and somebody who writes to him; gives what Bob sent to whom, by TCP. */
const asking = (
  bob: SimulatedPeer.Options,
  mallory: (to: PeerId, bobs: SignedPeerAddress) => Effect.Effect<unknown, unknown, Peer | Messages | Identity>
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(three, { trace: true })
    const brokers = oneBroker()
    const address = mouth<SignedPeerAddress>()
    const done = mouth<void>()
    yield* world.run({
      bob: withPeer(
        { ...brokers, ...bob },
        Effect.gen(function* () {
          const peer = yield* Peer
          yield* echo
          yield* address.say(yield* peer.address)
          yield* done.hear
          yield* Effect.sleep("30 seconds")
        })
      ),
      mallory: withPeer(
        brokers,
        Effect.gen(function* () {
          const bobs = yield* address.hear
          yield* mallory(bobs.address.peer, bobs)
        })
      ).pipe(Effect.ensuring(done.say(undefined)))
    })
    assert.strictEqual(world.openSockets("bob"), 0)
    return world.trace.flatMap(({ from, packet }) =>
      from === "bob" && packet._tag === "Tcp"
        ? [`${NetAddress.formatIp(NetAddress.ipFromStringUnsafe(packet.dst))}`]
        : []
    )
  })

const request = (to: PeerId, address: Uint8Array, count = 1) =>
  Effect.flatMap(Messages, (messages) =>
    messages.request(to, REVERSE, encodeRequest({ attempt: attempt(count), timeLeft: 10_000, address }), {
      timeout: "2 seconds"
    })
  )

describe("who asks a peer to dial", () => {
  it.effect("and is not allowed: nothing is sent anywhere", () =>
    Effect.gen(function* () {
      const asked: Array<Request["kind"]> = []
      const allow = (_: PeerId, { kind }: Request) => Effect.sync(() => (asked.push(kind), false))
      const sent = yield* asking({ allow }, (to) =>
        Effect.gen(function* () {
          const address = yield* signedAddress([`${VICTIM}:80`])
          yield* Effect.exit(request(to, address.bytes))
        })
      )
      assert.deepStrictEqual(sent, [])
      assert.deepStrictEqual([...new Set(asked)], ["reverse"])
    })
  )

  it.effect("with somebody else's address, or a forged, expired or garbled one: nothing is sent, nobody is asked", () =>
    Effect.gen(function* () {
      let asked = 0
      const allow = () => Effect.sync(() => (asked++, true))
      const sent = yield* asking({ allow }, (to, bobs) =>
        Effect.gen(function* () {
          const good = (yield* signedAddress([`${VICTIM}:80`])).bytes
          const forged = Uint8Array.from(good)
          forged[forged.length - 1]! ^= 1
          const expired = (yield* signedAddress([`${VICTIM}:80`], { expires: 1_000_000_000_000 })).bytes
          for (const address of [bobs.bytes, forged, expired, new Uint8Array(50).fill(9), good.slice(0, 60)]) {
            yield* Effect.exit(request(to, address))
          }
        })
      )
      assert.deepStrictEqual([sent, asked], [[], 0])
    })
  )

  it.effect("and is allowed: what it lists is dialled within a budget, and not on this machine or its network", () =>
    Effect.gen(function* () {
      const sent = yield* asking({}, (to) =>
        Effect.gen(function* () {
          const ports = Array.from({ length: 12 }, (_, at) => `${VICTIM}:${80 + at}`)
          const inside = ["127.0.0.1:22", "192.168.1.1:80", "11.0.0.1:22", "169.254.1.1:80"]
          for (let count = 0; count < 40; count++) {
            const address = yield* signedAddress(count % 2 === 0 ? inside : ports.slice(0, 12))
            const asked = yield* Effect.result(request(to, address.bytes, count))
            if (count % 2 === 0) assert.isTrue(Result.isFailure(asked))
          }
        })
      )
      const dialled = sent.filter((to) => to === VICTIM)
      // 24 at once and one every two seconds; each SYN is answered by a reset. What was asked in vain cost one each.
      assert.isAtMost(dialled.length, 24 + 80)
      assert.isAtLeast(dialled.length, 16)
      assert.deepStrictEqual(
        sent.filter((to) => to !== VICTIM),
        []
      )
    })
  )
})

describe("who answers for another", () => {
  it.effect("is found out, and the error says so", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { alice: {}, mallory: {}, bob: {} } })
      const listening = mouth<string>()
      const address = mouth<string>()
      const done = mouth<void>()
      const { alice } = yield* world.run({
        alice: withPeer(
          {},
          Effect.flatMap(address.hear, (to) => Effect.result(call(to)))
        ).pipe(Effect.ensuring(done.say(undefined))),
        mallory: withPeer(
          {},
          Effect.gen(function* () {
            const [endpoint] = yield* (yield* Peer).endpoints
            yield* listening.say(NetAddress.formatInet(endpoint!))
            yield* done.hear
          })
        ),
        // Bob's address is old: somebody else has it now.
        bob: withPeer(
          {},
          Effect.gen(function* () {
            yield* address.say(encodeText(yield* signedAddress([yield* listening.hear])))
            yield* done.hear
          })
        )
      })
      assert.isTrue(Result.isFailure(alice))
      if (Result.isFailure(alice) && alice.failure._tag === "ConnectError") {
        assert.strictEqual(alice.failure.attempts[0]!.reason, "WrongPeer")
        assert.include(alice.failure.message, "another peer answers at that address")
      }
      for (const name of ["alice", "mallory", "bob"] as const) assert.strictEqual(world.openSockets(name), 0)
    })
  )
})

describe("a peer that does not want everybody", () => {
  it.effect("refuses, and the other is told", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { alice: {}, bob: {} } })
      const address = mouth<string>()
      const done = mouth<void>()
      const seen: Array<Request> = []
      const allow = (_: PeerId, request: Request) => Effect.sync(() => (seen.push(request), false))
      const { alice } = yield* world.run({
        alice: withPeer(
          {},
          Effect.flatMap(address.hear, (to) => Effect.result(call(to)))
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: withPeer(
          { allow },
          Effect.gen(function* () {
            yield* address.say(yield* (yield* Peer).addressText)
            yield* done.hear
          })
        )
      })
      assert.isTrue(Result.isFailure(alice))

      if (Result.isFailure(alice)) assert.include(alice.failure.message, "does not allow this one")
      assert.deepStrictEqual(
        seen.map(({ kind }) => kind),
        ["pipe"]
      )
    })
  )
})

describe("strangers at the door", () => {
  const knocking = (limits: SimulatedPeer.Options["limits"], knocks: number, say: Uint8Array | undefined) =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { alice: {}, bob: {}, mallory: {} } })
      const address = mouth<string>()
      const endpoint = mouth<NetAddress.InetAddress>()
      const knocked = mouth<void>()
      const done = mouth<void>()
      const open: Array<number> = []
      const { alice } = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            yield* knocked.hear
            const called = yield* call(yield* address.hear)
            yield* Effect.sleep("1 minute")
            open.push(world.openSockets("bob"))
            return called
          })
        ).pipe(Effect.ensuring(done.say(undefined))),
        bob: withPeer(
          { limits },
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* echo
            yield* endpoint.say((yield* peer.endpoints)[0]!)
            yield* address.say(yield* peer.addressText)
            open.push(world.openSockets("bob"))
            yield* done.hear
          })
        ),
        mallory: Effect.gen(function* () {
          const tcp = yield* Tcp
          const remote = yield* endpoint.hear
          for (let count = 0; count < knocks; count++) {
            const connection = yield* tcp.dial({ remote })
            if (say !== undefined) yield* Effect.ignore(connection.write(say))
          }
          yield* Effect.sleep(100)
          open.push(world.openSockets("bob"))
          yield* knocked.say(undefined)
          yield* done.hear
        }).pipe(Effect.scoped)
      })
      return { called: alice, open }
    })

  it.effect("who say nothing hold a bounded number of slots for a bounded time, and others still get in", () =>
    Effect.gen(function* () {
      const { called, open } = yield* knocking({ handshakesPerSource: 20 }, 100, undefined)
      assert.strictEqual(called.strategy, "direct")
      // Its listener; with as many of them as may wait; and with Alice's pipe alone.
      assert.deepStrictEqual(open, [1, 1 + 20, 1 + 1])
    })
  )

  it.effect("who say something else are gone at once", () =>
    Effect.gen(function* () {
      const { called, open } = yield* knocking({}, 100, new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"))
      assert.strictEqual(called.strategy, "direct")
      assert.deepStrictEqual(open, [1, 1, 1 + 1])
    })
  )
})

describe("links nobody decides", () => {
  it.effect("are a bounded number, and end in time", () =>
    Effect.gen(function* () {
      const open: Array<number> = []
      // Opens links, and never says GO on one that is accepted.
      const heard = yield* mallory({ limits: { linksPerPeer: 3 } }, (dial, bobsSockets) =>
        Effect.gen(function* () {
          const said: Array<string> = []
          for (let count = 0; count < 6; count++) {
            const { connection } = yield* dial
            yield* connection.write(encode({ _tag: "Open", kind: "direct", attempt: attempt(count) }))
            said.push(Buffer.from((yield* connection.pull)[0]!).toString("hex"))
          }
          open.push(bobsSockets())
          yield* Effect.sleep("16 seconds")
          open.push(bobsSockets())
          return said
        })
      )
      // ACCEPT; REFUSE, busy.
      assert.deepStrictEqual(heard, ["02", "02", "02", "0302", "0302", "0302"])
      assert.deepStrictEqual(open, [1 + 3, 1])
    })
  )
})

describe("pipes nobody accepts", () => {
  it.effect("are a bounded number, and those that come then are told to wait", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ hosts: { alice: {}, bob: {} } })
      const address = mouth<string>()
      const done = mouth<void>()
      const { alice, bob } = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            const to = yield* address.hear
            const results: Array<string> = []
            for (let count = 0; count < 6; count++) {
              results.push(
                Result.match(yield* Effect.result(peer.connect(to)), {
                  onFailure: (error) => error.advice,
                  onSuccess: () => "pipe"
                })
              )
            }
            yield* done.say(undefined)
            yield* Effect.sleep("1 second")
            return results
          })
        ),
        bob: withPeer(
          { limits: { arrivals: 4 } },
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* address.say(yield* peer.addressText)
            yield* done.hear
            const pipes = yield* Effect.forEach([1, 2, 3, 4], () => peer.accept())
            return pipes.length
          })
        )
      })
      const busy = "the other peer was reached and has no room: try again later"
      assert.deepStrictEqual(alice, ["pipe", "pipe", "pipe", "pipe", busy, busy])
      assert.strictEqual(bob, 4)
      assert.strictEqual(world.openSockets("bob"), 0)
    })
  )
})
