/** Who is welcome has a pipe half a round trip after the other can know of it: what may happen in that time. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as LinkPlain from "../../../src/layers/LinkPlain.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { encode } from "../../../src/protocols/connect/frames.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import type { World } from "../../../src/schemas/World.ts"
import { LinkSecurity } from "../../../src/services/LinkSecurity.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { aliceCallsBob, type InPeer, mallory, mouth, signedAddress, withPeer } from "./kit.ts"

/** 40 ms there and back. */
const open: World = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } }
const ROUND_TRIP = 40

const attempt = new Uint8Array(16).fill(7)
const hex = (chunks: ReadonlyArray<Uint8Array>) => Buffer.concat(chunks).toString("hex")

/** Alice and Bob, each with a peer and the other's address, until both are done. */
const two = <A, B, E, F>(
  alice: (bobs: string) => Effect.Effect<A, E, InPeer>,
  bob: (alices: string) => Effect.Effect<B, F, InPeer>,
  options: { readonly alice?: SimulatedPeer.Options; readonly bob?: SimulatedPeer.Options } = {}
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(open)
    const words = { alice: mouth<string>(), bob: mouth<string>() }
    const done = { alice: mouth<void>(), bob: mouth<void>() }
    const side = <C, G>(name: "alice" | "bob", program: (theirs: string) => Effect.Effect<C, G, InPeer>) => {
      const other = name === "alice" ? "bob" : "alice"
      return withPeer(
        options[name] ?? {},
        Effect.gen(function* () {
          yield* words[name].say(yield* (yield* Peer).addressText)
          const result = yield* program(yield* words[other].hear)
          yield* done[name].say(undefined)
          yield* done[other].hear
          return result
        })
      )
    }
    const ran = yield* world.run({
      alice: side("alice", alice),
      bob: side("bob", bob)
    })
    assert.deepStrictEqual([world.openSockets("alice"), world.openSockets("bob")], [0, 0])
    return ran
  })

describe("a peer with a policy", () => {
  it.effect("is asked, which takes a round trip more, and a no is known before there is a pipe", () =>
    Effect.gen(function* () {
      const asked = yield* aliceCallsBob(open, { bob: { allow: () => Effect.succeed(true) } })
      assert.strictEqual(Result.getOrThrow(asked.result).took, 3 * ROUND_TRIP)
      const refused = yield* aliceCallsBob(open, { bob: { allow: () => Effect.succeed(false) } })
      assert.isTrue(Result.isFailure(refused.result))
    })
  )
})

describe("a pipe that is taken", () => {
  it.effect("has what both sides say at once, and nothing else", () =>
    Effect.gen(function* () {
      const { alice } = yield* two(
        (bobs) =>
          Effect.gen(function* () {
            const pipe = yield* (yield* Peer).connect(bobs)
            yield* pipe.send("from alice")
            yield* pipe.end
            let heard = ""
            while (heard.length < "from bobfrom alice".length) heard += (yield* pipe.receive()).text
            return heard
          }),
        () =>
          Effect.gen(function* () {
            const pipe = yield* (yield* Peer).accept()
            assert.strictEqual(pipe.initiator, "there")
            yield* pipe.send("from bob")
            yield* pipe.send((yield* pipe.receive()).data)
            yield* pipe.closed
          })
      )
      assert.strictEqual(alice, "from bobfrom alice")
    })
  )

  it.effect("is confirmed though the program has not come for it, and others are welcome again", () =>
    Effect.gen(function* () {
      const twice = Effect.fnUntraced(function* (to: string) {
        const peer = yield* Peer
        const times: Array<number> = []
        for (let count = 0; count < 2; count++) {
          const before = yield* Clock.currentTimeMillis
          yield* peer.connect(to)
          times.push((yield* Clock.currentTimeMillis) - before)
          yield* Effect.sleep(ROUND_TRIP)
        }
        return times
      })
      // One after the other, and nobody accepts anything.
      const { alice, bob } = yield* two(twice, (alices) => Effect.andThen(Effect.sleep(500), twice(alices)))
      assert.deepStrictEqual([alice, bob], [Array(2).fill(2 * ROUND_TRIP), Array(2).fill(2 * ROUND_TRIP)])
    })
  )

  it.effect("and refused ends with that reason", () =>
    Effect.gen(function* () {
      const { alice } = yield* two(
        (bobs) =>
          Effect.gen(function* () {
            const pipe = yield* (yield* Peer).connect(bobs)
            const error = yield* Effect.flip(pipe.receive())
            return { error: error.message, closed: yield* pipe.closed }
          }),
        () => Effect.void,
        { bob: { limits: { linksPerPeer: 0 } } }
      )
      assert.include(alice.error, "the other peer refused: it has as many connections as it takes")
      assert.strictEqual(alice.closed._tag, "Failed")
    })
  )

  it.effect("is not to be had of who said no welcome", () =>
    Effect.gen(function* () {
      const said = yield* mallory({ allow: () => Effect.succeed(true) }, (dial) =>
        Effect.gen(function* () {
          const { connection, welcome } = yield* dial
          assert.isFalse(welcome)
          yield* connection.write(encode({ _tag: "Take", attempt }))
          return hex(yield* connection.pull)
        })
      )
      // REFUSE, version.
      assert.strictEqual(said, "0301")
    })
  )

  it.effect("is no more welcome than there is room", () =>
    Effect.gen(function* () {
      const said = yield* mallory({ limits: { arrivalsPerPeer: 2 } }, (dial) =>
        Effect.gen(function* () {
          // As many as there is room for, though nothing has been taken yet.
          const links = yield* Effect.forEach([1, 2, 3], () => dial)
          for (const { connection } of links.slice(0, 2)) yield* connection.write(encode({ _tag: "Take", attempt }))
          yield* Effect.sleep(100)
          return [...links, yield* dial].map(({ welcome }) => welcome)
        })
      )
      assert.deepStrictEqual(said, [true, true, false, false])
    })
  )

  it.effect("and never confirmed lets others wait some seconds, and no longer", () =>
    Effect.gen(function* () {
      const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, mallory: {} } })
      const words = { alice: mouth<readonly [NetAddress.InetAddress, PeerId]>(), mallory: mouth<SignedPeerAddress>() }
      const done = mouth<void>()
      const ran = yield* world.run({
        alice: withPeer(
          {},
          Effect.gen(function* () {
            const peer = yield* Peer
            yield* words.alice.say([(yield* peer.endpoints)[0]!, peer.peerId])
            yield* peer.connect(yield* words.mallory.hear)
            yield* done.hear
          })
        ),
        // Lets a pipe be taken, says nothing to that, and then opens a link of its own.
        mallory: withPeer(
          {},
          Effect.gen(function* () {
            const tcp = yield* Tcp
            const security = yield* LinkSecurity
            const [remote, expect] = yield* words.alice.hear
            const listener = yield* tcp.listen({ port: 7000 })
            yield* words.mallory.say(yield* signedAddress(["11.0.0.2:7000"]))
            yield* security.server(yield* listener.accept, { welcome: true })
            const began = yield* Clock.currentTimeMillis
            const link = yield* security.client(yield* tcp.dial({ remote }), { expect })
            yield* link.connection.write(encode({ _tag: "Open", kind: "direct", attempt }))
            let said = ""
            while (!said.endsWith("02")) said += hex(yield* link.connection.pull)
            return { welcome: link.welcome, said, took: (yield* Clock.currentTimeMillis) - began }
          }).pipe(Effect.provide(LinkPlain.layer))
        ).pipe(Effect.ensuring(done.say(undefined)))
      })
      assert.isFalse(ran.mallory.welcome)
      // WAIT each second, then ACCEPT.
      assert.match(ran.mallory.said, /^(05){3,5}02$/)
      assert.isBelow(ran.mallory.took, 5500)
      assert.strictEqual(world.openSockets("alice"), 0)
    })
  )
})
