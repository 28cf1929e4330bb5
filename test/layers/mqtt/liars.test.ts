/** Brokers that lie, flood and go silent: a good one beside them carries envelopes as if they were not there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { topicOf } from "../../../src/protocols/envelope/topic.ts"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import { type Luck, luck } from "../../lab/support/random.ts"
import { identity } from "../../protocols/envelope/kit.ts"
import { heldBytes } from "../../support/memory.ts"
import { broker, letter, type Peer, peer, uriOf } from "./kit.ts"
import { type Client, connack, liar, publish } from "./liar.ts"

/** Packets on their way and queues that are full; the flood sends many times as much. */
const MOST_HELD = 20e6

const mine = topicOf(identity(2).peerId, primitives)

/** Writes as fast as it is read. */
const pour = (client: Client, bytes: Buffer): void => {
  const more = () => {
    while (!client.socket.destroyed && client.socket.write(bytes));
  }
  client.socket.on("drain", more)
  void client.topic.then(more)
}

const flood = (client: Client, topic: string): void =>
  pour(client, Buffer.concat(Array.from({ length: 50 }, () => publish(client.version, topic, letter(66)))))

/** A packet with something done to it. */
const mutated = (random: Luck, version: number): Buffer => {
  const packets = [
    connack(version),
    publish(version, mine, letter(66, 30), random.below(3)),
    Buffer.from([0x40, 2, 0, 1]),
    Buffer.from([0x90, 3, 0, 1, random.below(256)]),
    Buffer.from(version === 5 ? [0xe0, 2, random.below(256), 0] : [0xd0, 0])
  ]
  const packet = packets[random.below(packets.length)]!
  for (let changes = random.below(4); changes > 0; changes--) packet[random.below(packet.length)] = random.below(256)
  return packet
}

const lies: ReadonlyArray<readonly [string, Effect.Effect<string, never, Scope.Scope>]> = [
  ["says nothing at all", liar(() => {}, { greet: false })],
  ["never acknowledges a subscription", liar(() => {}, { subscribe: false })],
  ["never acknowledges a message", liar(() => {})],
  ["hangs up at once", liar(({ socket }) => socket.destroy(), { greet: false })],
  ["hangs up when all is well", liar(({ socket, topic }) => void topic.then(() => socket.end()))],
  [
    "speaks another protocol",
    liar(({ socket }) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), { greet: false })
  ],
  ["greets twice", liar(({ socket, version }) => void socket.write(connack(version)))],
  ["floods the topic", liar((client) => flood(client, mine))],
  ["floods other topics", liar((client) => flood(client, "p2p1/other"))],
  ["floods with large envelopes", liar((client) => pour(client, publish(client.version, mine, letter(66, 16_384))))],
  [
    "announces a packet of 256 MB and sends it",
    liar((client) => {
      client.socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))
      pour(client, Buffer.alloc(65_536))
    })
  ],
  [
    "sends messages of quality 2 and never releases them",
    liar((client) => pour(client, publish(client.version, mine, letter(66, 16_000), 2)))
  ]
]

describe("a good broker carries envelopes beside one that", () => {
  for (const [name, lie] of lies) {
    it.live(name, () =>
      Effect.gen(function* () {
        const bad = yield* lie
        const good = uriOf(yield* broker())
        const alice = yield* peer(1, { brokers: [bad, good] })
        const bob = yield* peer(2, { brokers: [bad, good] })
        yield* until(
          () => bob.signalling.states,
          (states) => states[1]!.state === "connected"
        )
        yield* until(
          () => alice.signalling.states,
          (states) => states[1]!.state === "connected"
        )
        const before = heldBytes()
        for (let round = 0; round < 5; round++) {
          yield* carries(alice, bob)
          yield* Effect.sleep("20 millis")
        }
        assert.isBelow(heldBytes() - before, MOST_HELD)
      })
    )
  }

  it.live("sends 2,000 damaged packets", () =>
    Effect.gen(function* () {
      const random = luck(61)
      let sent = 0
      const bad = yield* liar(({ socket, topic, version }) => {
        const send = () => {
          for (let n = 0; n < 20 && !socket.destroyed; n++, sent++) socket.write(mutated(random, version))
          socket.end()
        }
        if (random.chance(0.3)) send()
        else void topic.then(send)
      })
      let peers = 0
      while (sent < 2000) {
        // User names make them different brokers.
        const via = Array.from({ length: 30 }, (_, n) => bad.replace("//", `//u${n}@`))
        const alice = yield* peer(1, { brokers: [bad] })
        yield* Effect.exit(alice.signalling.send(alice.id, letter(1), { via, expiry: 1000 }))
        peers++
      }
      assert.isAbove(peers, 1)
    })
  )
})

const until = <A>(look: () => Effect.Effect<A>, holds: (value: A) => boolean) =>
  Effect.suspend(look).pipe(Effect.repeat({ until: holds, schedule: Schedule.spaced("5 millis") }))

/** Sends one envelope; done when it came, whatever else comes. */
const carries = Effect.fnUntraced(function* (from: Peer, to: Peer) {
  const heard = to.signalling.envelopes.pipe(
    Stream.filter((envelope) => envelope[0] === 7),
    Stream.take(1),
    Stream.runDrain
  )
  const hearing = yield* Effect.forkChild(heard, { startImmediately: true })
  yield* from.signalling.send(to.id, letter(7), { expiry: 5000 })
  yield* Fiber.join(hearing)
})
