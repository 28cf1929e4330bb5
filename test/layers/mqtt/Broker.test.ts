/** The embedded broker: what it carries, and all it refuses. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import mqtt, { type IClientOptions, type MqttClient } from "mqtt"
import { once } from "node:events"
import * as net from "node:net"
import { topicOf } from "../../../src/protocols/envelope/topic.ts"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import type { RunningBroker } from "../../../src/services/Broker.ts"
import { openSockets } from "../../support/realWorld.ts"
import { at, broker, uriOf } from "./kit.ts"

/** The topics of some peers. */
const topics = Array.from({ length: 8 }, (_, n) => topicOf(PeerId.fromKey(new Uint8Array(32).fill(n)), primitives))
const [topic = ""] = topics

interface Client {
  readonly client: MqttClient
  readonly heard: Array<string>
  /** Whether the connection is gone, why, or whether it is there. */
  readonly state: () => "there" | "gone"
}

/** A client of the `mqtt` package with no second tries. */
const connect = (running: RunningBroker, options: IClientOptions = {}): Effect.Effect<Client, Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const all = { protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 3000, keepalive: 60, ...options } as const
        const client = await mqtt.connectAsync(uriOf(running), all)
        const heard: Array<string> = []
        let state: "there" | "gone" = "there"
        client.on("message", (_, payload) => heard.push(payload.toString()))
        client
          .setMaxListeners(0)
          .on("close", () => (state = "gone"))
          .on("error", () => {})
        return { client, heard, state: () => state }
      },
      catch: (error) => error as Error
    }),
    ({ client }) => Effect.promise(() => client.endAsync(true).catch(() => {}))
  )

const subscribe = (client: Client, names: string | ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const granted = await client.client
      .subscribeAsync(typeof names === "string" ? names : [...names], { qos: 1 })
      .catch(({ packet }) => packet.granted.map((qos: number) => ({ qos })))
    return granted.map(({ qos }: { readonly qos: number }) => qos)
  })

const publish = ({ client }: Client, name: string, payload: string | Buffer, qos: 0 | 1 | 2 = 1, retain = false) =>
  Effect.callback<boolean>((resume) => {
    client.publish(name, payload, { qos, retain }, (error) => resume(Effect.succeed(!error)))
    client.once("close", () => resume(Effect.succeed(false)))
  })

const until = (holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ until: (now) => now, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("10 seconds")
  )

/** A bare connection; gives what came until it was closed. */
const raw = (running: RunningBroker, bytes: Uint8Array, transport: "tcp" | "websocket" = "tcp") =>
  Effect.promise(async () => {
    const { local } = running.endpoints.find((endpoint) => endpoint.transport === transport)!
    const socket = net.connect(local.port, "127.0.0.1")
    const chunks: Array<Buffer> = []
    socket.on("error", () => {}).on("data", (chunk: Buffer) => chunks.push(chunk))
    socket.write(bytes)
    await once(socket, "close")
    return Buffer.concat(chunks)
  }).pipe(Effect.timeout("5 seconds"))

const connectPacket = (keepAlive: number): Buffer =>
  Buffer.from([0x10, 13, 0, 4, ...Buffer.from("MQTT"), 4, 2, 0, keepAlive, 0, 1, 0x61])

describe("the embedded broker", () => {
  it.live("carries messages between peers, and counts", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const [one, two] = [yield* connect(running), yield* connect(running)]
      assert.deepStrictEqual(yield* subscribe(one, topic), [1])
      assert.isTrue(yield* publish(two, topic, "hello"))
      yield* until(() => one.heard.length === 1)
      assert.deepStrictEqual(one.heard, ["hello"])
      assert.deepStrictEqual(running.stats(), { clients: 2, turnedAway: 0, messages: 1, refused: 0, slow: 0 })
    })
  )

  it.live("lets nobody hear more than topics of peers, by their names, and few", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const client = yield* connect(running)
      const forbidden = ["#", "+", "p2p1/#", "p2p1/+", "$SYS/#", "$SYS/broker", "other", `${topic}/x`, "$share/g/#"]
      for (const name of forbidden) assert.deepStrictEqual(yield* subscribe(client, name), [128], name)
      assert.deepStrictEqual(yield* subscribe(client, topics), [1, 1, 1, 1, 128, 128, 128, 128])
      assert.deepStrictEqual(yield* subscribe(client, topic), [1], "once more is not one more")
      assert.strictEqual(client.state(), "there")
      assert.strictEqual(running.stats().refused, forbidden.length + 4)
    })
  )

  it.live("hangs up on who publishes anything else", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const ear = yield* connect(running)
      yield* subscribe(ear, topic)
      for (const [name, payload, qos, retain] of [
        ["other", "x", 1, false],
        ["$SYS/x", "x", 0, false],
        [topic, "x", 2, false],
        [topic, "x", 1, true],
        [topic, Buffer.alloc(16_385), 1, false],
        [topic, Buffer.alloc(100_000), 0, false]
      ] as const) {
        const client = yield* connect(running)
        yield* Effect.forkChild(publish(client, name, payload, qos, retain))
        yield* until(() => client.state() === "gone")
      }
      assert.isTrue(yield* publish(yield* connect(running), topic, "fine"))
      yield* until(() => ear.heard.length > 0)
      assert.deepStrictEqual(ear.heard, ["fine"])
      yield* until(() => running.stats().clients === 2)
    })
  )

  it.live("stores nothing: no retained message, no session, no last will", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const lasting = { clean: false, clientId: "lasting" } as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* connect(running, lasting)
          yield* subscribe(client, topic)
        })
      )
      yield* until(() => running.stats().clients === 0)
      assert.isTrue(yield* publish(yield* connect(running), topic, "for who is away"))
      const back = yield* connect(running, lasting)
      const other = yield* connect(running)
      assert.isTrue(yield* publish(other, topic, "still nothing"))
      yield* subscribe(back, topic)
      assert.isTrue(yield* publish(other, topic, "now"))
      yield* until(() => back.heard.length > 0)
      assert.deepStrictEqual(back.heard, ["now"])
      const will = { topic, payload: Buffer.from("boo"), qos: 1, retain: false } as const
      const refused = yield* Effect.flip(connect(running, { will }))
      assert.include(refused.message, "Not authorized")
    })
  )

  it.live("knows no MQTT 5, and says so as 3.1.1 does", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const refused = yield* Effect.flip(connect(running, { protocolVersion: 5 }))
      assert.include(refused.message, "Unacceptable protocol version")
    })
  )

  it.live("limits how often a client may do something", () =>
    Effect.gen(function* () {
      const running = yield* broker({ tcp: [at(0)], limits: { perClient: { perSecond: 1, burst: 10 } } })
      const client = yield* connect(running)
      yield* Effect.forkChild(Effect.forEach(Array.from({ length: 30 }), () => publish(client, topic, "x", 0)))
      yield* until(() => client.state() === "gone")
      assert.strictEqual(running.stats().messages, 10)
    })
  )

  it.live("limits connections, in all and of each source", () =>
    Effect.gen(function* () {
      const limits = { clients: 5, clientsPerSource: 3 }
      const running = yield* broker({ tcp: [at(0)], limits })
      const clients = yield* Effect.all([connect(running), connect(running), connect(running)])
      assert.strictEqual((yield* raw(running, connectPacket(60))).length, 0)
      assert.strictEqual(running.stats().turnedAway, 1)
      yield* Effect.promise(() => clients[0].client.endAsync())
      yield* until(() => running.stats().clients === 2)
      yield* connect(running)
      // Loopback addresses are as many sources as one likes.
      const { port } = running.endpoints[0]!.local
      const from = (localAddress: string) =>
        Effect.acquireRelease(
          Effect.promise(async () => {
            const socket = net.connect({ port, host: "127.0.0.1", localAddress })
            socket.on("error", () => {})
            await once(socket, "connect")
            return socket
          }),
          (socket) => Effect.sync(() => socket.destroy())
        )
      yield* from("127.0.0.2")
      yield* from("127.0.0.3")
      yield* until(() => running.stats().clients === 5)
      yield* from("127.0.0.4")
      yield* until(() => running.stats().turnedAway === 2)
      assert.strictEqual(running.stats().clients, 5)
    })
  )

  it.live("waits so long for who says nothing, on TCP, in HTTP and in a WebSocket", () =>
    Effect.gen(function* () {
      const running = yield* broker({ tcp: [at(0)], websocket: [at(0)], limits: { connectTimeout: 200 } })
      const nothing = new Uint8Array(0)
      const upgrade = Buffer.from(
        "GET /any HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
      )
      const [tcp, http, websocket] = yield* Effect.all(
        [raw(running, nothing), raw(running, Buffer.from("GET / HT"), "websocket"), raw(running, upgrade, "websocket")],
        { concurrency: "unbounded" }
      )
      assert.strictEqual(tcp.length, 0)
      assert.match(http.toString(), /^HTTP\/1.1 408/)
      assert.match(websocket.toString("latin1"), /^HTTP\/1.1 101/)
      yield* until(() => running.stats().clients === 0)
    })
  )

  it.live("tells a web browser what it is", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const answer = yield* raw(running, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "websocket")
      assert.match(answer.toString(), /^HTTP\/1.1 426 [^]*connect by WebSocket/)
    })
  )

  it.live("hangs up on clients that are silent longer than they said, and on who would be silent for ever", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      const start = performance.now()
      const answer = yield* raw(running, connectPacket(1))
      assert.deepStrictEqual([...answer], [0x20, 2, 0, 0])
      assert.isAbove(performance.now() - start, 1400)
      for (const keepAlive of [0, 121]) {
        assert.deepStrictEqual([...(yield* raw(running, connectPacket(keepAlive)))], [0x20, 2, 0, 5])
      }
    })
  )

  it.live("hangs up on what is no MQTT and on packets that are announced too large", () =>
    Effect.gen(function* () {
      const running = yield* broker()
      for (const bytes of [
        [0xff, 0xff],
        [0x10, 0xff, 0xff, 0xff, 0x7f],
        [0x30, 3, 0, 1, 0x61],
        [0x10, 2, 0, 0]
      ]) {
        assert.strictEqual((yield* raw(running, Uint8Array.from(bytes))).length, 0)
      }
      yield* until(() => running.stats().clients === 0)
    })
  )

  it.live("does not wait for a client that reads nothing, and the others do not suffer", () =>
    Effect.gen(function* () {
      const running = yield* broker({ tcp: [at(0)], limits: { perClient: { perSecond: 1e6, burst: 1e6 } } })
      const { port } = running.endpoints[0]!.local
      yield* Effect.acquireRelease(
        Effect.promise(async () => {
          const socket = net.connect(port, "127.0.0.1")
          socket.on("error", () => {})
          socket.write(connectPacket(60))
          await once(socket, "data")
          const name = Buffer.from(topic)
          socket.write(Buffer.from([0x82, 5 + name.length, 0, 1, 0, name.length, ...name, 1]))
          await once(socket, "data")
          socket.pause()
          return socket
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      const [one, two] = [yield* connect(running), yield* connect(running)]
      yield* subscribe(one, topics[1]!)
      const payload = Buffer.alloc(16_384)
      while (running.stats().slow === 0) assert.isTrue(yield* publish(two, topic, payload))
      assert.isTrue(yield* publish(two, topics[1]!, "hello"))
      yield* until(() => one.heard.length === 1)
      assert.isBelow(running.stats().messages, 2000)
      yield* until(() => running.stats().clients === 2)
    })
  )

  it.live("says which address it cannot have, and leaves nothing open", () =>
    Effect.gen(function* () {
      const before = openSockets()
      const running = yield* broker({ tcp: [at(0)] })
      const taken = running.endpoints[0]!.local
      const failed = yield* Effect.flip(Effect.scoped(broker({ websocket: [at(0)], tcp: [at(0), taken] })))
      assert.strictEqual(failed.kind, "AddressInUse")
      assert.include(failed.message, `broker listen 127.0.0.1:${taken.port}`)
      assert.isAtMost(openSockets(), before + 1)
    })
  )

  it.live("ends with its scope, with every connection", () =>
    Effect.gen(function* () {
      const before = openSockets()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const running = yield* broker()
          yield* connect(running)
          yield* raw(running, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "websocket")
        })
      )
      yield* until(() => openSockets() <= before)
    })
  )

  it.live("takes 3,000 damaged packets as they come", () =>
    Effect.gen(function* () {
      const running = yield* broker({ tcp: [at(0)], limits: { clientsPerSource: 1000 } })
      const name = Buffer.from(topic)
      const packets = [
        Buffer.from([0x82, 5 + name.length, 0, 1, 0, name.length, ...name, 1]),
        Buffer.from([0x32, 9 + name.length, 0, name.length, ...name, 0, 7, 1, 2, 3, 4, 5]),
        Buffer.from([0xa2, 4 + name.length, 0, 1, 0, name.length, ...name]),
        Buffer.from([0x40, 2, 0, 1]),
        Buffer.from([0x62, 2, 0, 1]),
        Buffer.from([0xc0, 0]),
        connectPacket(60)
      ]
      let state = 99
      const below = (n: number) => ((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8) % n
      const one = Effect.promise(async () => {
        const socket = net.connect(running.endpoints[0]!.local.port, "127.0.0.1")
        socket.on("error", () => {}).resume()
        const hello = connectPacket(60)
        if (below(4) === 0) hello[below(hello.length)] = below(256)
        socket.write(hello)
        for (let n = 0; n < 10; n++) {
          const packet = Buffer.from(packets[below(packets.length)]!)
          for (let changes = below(3); changes > 0; changes--) packet[below(packet.length)] = below(256)
          socket.write(packet)
        }
        socket.end()
        await once(socket, "close")
      })
      yield* Effect.forEach(Array.from({ length: 300 }), () => Effect.timeoutOption(one, "2 seconds"), {
        concurrency: 20
      })
      const client = yield* connect(running)
      assert.isTrue(yield* publish(client, topic, "still there"))
    })
  )
})
