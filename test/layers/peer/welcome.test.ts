/** Who is welcome has a pipe half a round trip after the other can know of it: what may happen in that time. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as LinkPlain from "../../../src/layers/LinkPlain.ts"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import type * as SimulatedPeer from "../../../src/layers/simulated/SimulatedPeer.ts"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import { encode } from "../../../src/protocols/connect/frames.ts"
import type { SignedPeerAddress } from "../../../src/schemas/PeerAddress.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"
import type { World } from "../../../src/schemas/World.ts"
import { LinkSecurity, type SecuredLink } from "../../../src/services/LinkSecurity.ts"
import { Peer } from "../../../src/services/Peer.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { aliceCallsBob, echoing, type InPeer, mallory, mouth, signedAddress, withPeer } from "./kit.ts"

/** 40 ms there and back. */
const open: World = { link: { latency: 10 }, hosts: { alice: {}, bob: {} } }
const ROUND_TRIP = 40

const attempt = new Uint8Array(16).fill(7)
const hex = (chunks: ReadonlyArray<Uint8Array>) => Buffer.concat(chunks).toString("hex")

/** Alice and Bob, each with a peer and the other's address, until both are done. */
const two = <A, B, E, F>(
  alice: (bobs: string) => Effect.Effect<A, E, InPeer>,
  bob: (alices: string) => Effect.Effect<B, F, InPeer>,
  options: { readonly alice?: SimulatedPeer.Options; readonly bob?: SimulatedPeer.Options } = {},
  where: { readonly world: World; readonly seed: number } = { world: open, seed: 0 }
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make(where.world, { seed: where.seed })
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

/**
 * Alice connects to Mallory, who says that any link is welcome, has TAKE by now, and goes on as he likes. What comes of the pipe,
 * and of his own.
 */
const takenFrom = <A, E>(
  goOn: (link: SecuredLink, dial: Effect.Effect<SecuredLink, unknown, Scope.Scope>) => Effect.Effect<A, E, InPeer>,
  security: NonNullable<SimulatedPeer.Options["security"]> = LinkPlain.layer
) =>
  Effect.gen(function* () {
    const world = yield* SimulatedWorld.make({ link: { latency: 10 }, hosts: { alice: {}, mallory: {} } })
    const words = { alice: mouth<readonly [NetAddress.InetAddress, PeerId]>(), mallory: mouth<SignedPeerAddress>() }
    const ran = yield* world.run({
      alice: withPeer(
        { security },
        Effect.gen(function* () {
          const peer = yield* Peer
          yield* words.alice.say([(yield* peer.endpoints)[0]!, peer.peerId])
          const pipe = yield* peer.connect(yield* words.mallory.hear)
          const began = yield* Clock.currentTimeMillis
          yield* pipe.send("hello")
          let heard = ""
          const error = yield* Effect.flip(Effect.forever(Effect.map(pipe.receive(), ({ text }) => (heard += text))))
          const took = (yield* Clock.currentTimeMillis) - began
          return { heard, problem: error.message, ended: (yield* pipe.closed)._tag, took }
        })
      ),
      mallory: withPeer(
        { security },
        Effect.gen(function* () {
          const tcp = yield* Tcp
          const links = yield* LinkSecurity
          const [remote, expect] = yield* words.alice.hear
          const listener = yield* tcp.listen({ port: 7000 })
          yield* words.mallory.say(yield* signedAddress(["11.0.0.2:7000"]))
          const link = yield* links.server(yield* listener.accept, { welcome: true })
          assert.strictEqual(hex(yield* link.connection.pull).slice(0, 4), "0601")
          const dial = Effect.flatMap(tcp.dial({ remote }), (dialled) => links.client(dialled, { expect }))
          return yield* goOn(link, dial)
        }).pipe(Effect.provide(security))
      )
    })
    assert.strictEqual(world.openSockets("alice"), 0)
    return ran
  })

const text = (said: string) => [...new TextEncoder().encode(said)]

/** What is said to TAKE and done then, what the program hears, and what is wrong with it. */
const answers = (
  unconfirmed: string
): ReadonlyArray<readonly [ReadonlyArray<number>, "end" | "reset", string, string | undefined]> => [
  [text("HELLO"), "end", "", unconfirmed],
  [[], "end", "", unconfirmed],
  [[], "reset", "", unconfirmed],
  // Half a REFUSE; OPEN; GO.
  [[3], "end", "", unconfirmed],
  [[1, ...text("abc")], "end", "", unconfirmed],
  [[4, ...text("abc")], "end", "", unconfirmed],
  [[3, 2, ...text("abc")], "end", "", "the other peer refused"],
  [[5, 5, 2, ...text("abc")], "end", "abc", undefined],
  [[2], "end", "", undefined]
]

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

  for (const [name, security] of [
    ["plain", LinkPlain.layer],
    ["TLS", LinkTls.layer]
  ] as const) {
    it.effect(
      `and answered by anything but ACCEPT or REFUSE fails, and nothing of that is the program's, ${name}`,
      () =>
        Effect.gen(function* () {
          const unconfirmed = "the other peer did not confirm the pipe"
          for (const [bytes, after, heard, problem] of answers(unconfirmed)) {
            const { alice } = yield* takenFrom(
              ({ connection }) =>
                Effect.andThen(Effect.ignore(connection.write(Uint8Array.from(bytes))), connection[after]),
              security
            )
            assert.deepStrictEqual(
              [alice.heard, alice.ended],
              [heard, problem === undefined ? "ClosedByPeer" : "Failed"]
            )
            if (problem !== undefined) assert.include(alice.problem, problem)
          }
        })
    )
  }

  it.effect("outlives its peer, confirmed or not", () =>
    Effect.gen(function* () {
      for (const after of [0, ROUND_TRIP / 2, 5 * ROUND_TRIP]) {
        const world = yield* SimulatedWorld.make(open)
        const address = mouth<string>()
        const done = mouth<void>()
        const { alice } = yield* world.run({
          alice: Effect.gen(function* () {
            const scope = yield* Effect.scope
            const pipe = yield* withPeer(
              {},
              Effect.gen(function* () {
                const peer = yield* Peer
                const pipe = yield* Scope.provide(peer.connect(yield* address.hear), scope)
                yield* Effect.sleep(after)
                return pipe
              })
            )
            yield* pipe.send("hello")
            return (yield* pipe.receive({ timeout: "1 second" })).text
          }).pipe(Effect.scoped, Effect.ensuring(done.say(undefined))),
          bob: echoing({}, address, done)
        })
        assert.strictEqual(alice, "hello", `the peer closed ${after} ms after`)
        assert.strictEqual(world.openSockets("alice"), 0)
      }
    })
  )

  it.effect("and never confirmed fails in time", () =>
    Effect.gen(function* () {
      // WAIT without end holds up nothing.
      const { alice } = yield* takenFrom(({ connection }) =>
        Effect.ignore(Effect.forever(Effect.andThen(connection.write(encode({ _tag: "Wait" })), Effect.sleep(1000))))
      )
      assert.include(alice.problem, "it said nothing in time")
      assert.strictEqual(alice.took, 15_000)
    })
  )

  it.effect("and never confirmed lets others wait some seconds, and no longer", () =>
    Effect.gen(function* () {
      const { mallory } = yield* takenFrom((_, dial) =>
        Effect.gen(function* () {
          const began = yield* Clock.currentTimeMillis
          const { connection, welcome } = yield* dial
          yield* connection.write(encode({ _tag: "Open", kind: "direct", attempt }))
          let said = ""
          while (!said.endsWith("02")) said += hex(yield* connection.pull)
          return { welcome, said, took: (yield* Clock.currentTimeMillis) - began }
        })
      )
      assert.isFalse(mallory.welcome)
      // WAIT each second, then ACCEPT.
      assert.match(mallory.said, /^(05){3,5}02$/)
      assert.isBelow(mallory.took, 5500)
    })
  )
})

describe("several connects at once", () => {
  it.effect("where all are welcome have a pipe each that lasts, and share those with who calls meanwhile", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 40; seed++) {
        for (const second of [27, 37, 52]) {
          const calls = (waits: ReadonlyArray<number>) => (to: string) =>
            Effect.gen(function* () {
              const peer = yield* Peer
              yield* peer.onPipe((pipe) => pipe.closed)
              const pipes = yield* Effect.forEach(
                waits,
                (wait) => Effect.andThen(Effect.sleep(wait), Effect.result(peer.connect(to))),
                { concurrency: "unbounded" }
              )
              yield* Effect.sleep("1 second")
              return yield* Effect.forEach(pipes, (pipe) =>
                Result.isFailure(pipe)
                  ? Effect.succeed("failed")
                  : Effect.as(Effect.timeoutOption(pipe.success.closed, 1), "open")
              )
            })
          const world: World = { link: { latency: 10, jitter: 3, loss: 0.08 }, hosts: { alice: {}, bob: {} } }
          const ran = yield* two(calls([0, second]), calls([82 + (seed % 2) * 10]), {}, { world, seed })
          assert.deepStrictEqual([ran.alice, ran.bob], [["open", "open"], ["open"]], `seed ${seed}, second ${second}`)
        }
      }
    })
  )
})
