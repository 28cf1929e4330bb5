/**
 * Signalling through mosquitto 2, with the configuration of docs/signalling.md: MQTT 5 over TCP, TLS and WebSockets, passwords,
 * restarts, and beside the embedded broker.
 */
import { assert, describe, it } from "@effect/vitest"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import mqtt from "mqtt"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import * as MessagesLayer from "../../src/layers/Messages.ts"
import { Tables } from "../../src/layers/messages/Tables.ts"
import { SECRET_BYTES } from "../../src/protocols/envelope/ReplayWindow.ts"
import { Identity } from "../../src/services/Identity.ts"
import { Signalling } from "../../src/services/Signalling.ts"
import { blocksOf } from "../docs/blocks.ts"
import { freePort } from "../servers/support.ts"
import * as Tls from "../fixtures/tls/certificates.ts"
import { broker, carries, hear, letter, type Peer, peer, uriOf } from "../layers/mqtt/kit.ts"
import { identity, randomness } from "../protocols/envelope/kit.ts"

// In CI it always runs.
const skipped = process.env.CI === undefined && spawnSync("mosquitto", ["-h"]).error !== undefined
if (skipped) console.warn("skipped: mosquitto is not installed: apt-get install mosquitto")

const page = new URL("../../docs/signalling.md", import.meta.url)
const [conf, security] = ["conf", "json"].map(
  (language) => blocksOf("signalling.md", readFileSync(page, "utf8")).find((block) => block.language === language)!.code
) as [string, string]

/** Each of them is there. */
const replaced = (text: string, changes: ReadonlyArray<readonly [from: string, to: string]>): string =>
  changes.reduce((text, [from, to]) => {
    assert.include(text, from)
    return text.replaceAll(from, to)
  }, text)

const folder = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(Path.join(tmpdir(), "p2p-mosquitto-"))
    // Started by root it becomes another user.
    chmodSync(folder, 0o777)
    return folder
  }),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs it until the scope closes; `log` has what it said. */
const run = Effect.fnUntraced(function* (folder: string, config: string, ports: ReadonlyArray<number>) {
  writeFileSync(Path.join(folder, "mosquitto.conf"), config)
  const log: Array<string> = []
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn("mosquitto", ["-v", "-c", Path.join(folder, "mosquitto.conf")], {
        stdio: ["ignore", "pipe", "pipe"]
      })
      for (const output of [child.stdout, child.stderr]) output.on("data", (data) => log.push(String(data)))
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        if (child.exitCode !== null) return
        child.kill("SIGTERM")
        await once(child, "exit")
      })
  )
  const isUp = (port: number) =>
    Effect.callback<void, Error>((resume) => {
      const socket = net.connect(port, "127.0.0.1", () => resume(Effect.void))
      socket.on("error", (error) => resume(Effect.fail(error)))
      return Effect.sync(() => socket.destroy())
    })
  yield* Effect.forEach(ports, isUp).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("5 seconds"),
    Effect.mapError(() => new Error(`mosquitto did not start: ${log.join("")}`))
  )
  return () => log.join("")
})

/** As docs/signalling.md has it, on free ports of the loopback interface and in a folder of its own. */
const mosquitto = Effect.gen(function* () {
  const dir = yield* folder
  const [tcp, tls, ws, wss] = [yield* freePort, yield* freePort, yield* freePort, yield* freePort]
  const at = (name: string, content: string): string => {
    writeFileSync(Path.join(dir, name), content)
    chmodSync(Path.join(dir, name), 0o666)
    return Path.join(dir, name)
  }
  const config = replaced(conf, [
    ["listener 1883", `listener ${tcp} 127.0.0.1`],
    ["listener 8883", `listener ${tls} 127.0.0.1`],
    ["listener 8083", `listener ${ws} 127.0.0.1`],
    ["listener 8084", `listener ${wss} 127.0.0.1`],
    ["/etc/mosquitto/certs/server.pem", at("server.pem", Tls.server.cert)],
    ["/etc/mosquitto/certs/server.key", at("server.key", Tls.server.key)],
    ["/var/lib/mosquitto/dynamic-security.json", at("dynamic-security.json", security)]
  ])
  const start = run(dir, config, [tcp, tls, ws, wss])
  const uris = {
    tcp: `mqtt://127.0.0.1:${tcp}`,
    tls: `mqtts://127.0.0.1:${tls}`,
    ws: `ws://127.0.0.1:${ws}/mqtt`,
    wss: `wss://127.0.0.1:${wss}`
  }
  return { start, uris }
})

const both = (one: Peer, two: Peer) => Effect.all([one.signalling.ready, two.signalling.ready])

/** Waits for what is about to be true. */
const until = (holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.repeat({ until: (now) => now, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("10 seconds")
  )

/** The problem of the first broker, as soon as there is one. */
const problemOf = ({ signalling }: Peer) =>
  signalling.states.pipe(
    Effect.map(([state]) => state!.problem),
    Effect.repeat({ until: (problem) => problem !== undefined, schedule: Schedule.spaced("5 millis") }),
    Effect.timeout("5 seconds")
  )

describe.skipIf(skipped)("mosquitto", () => {
  for (const transport of ["tcp", "tls", "ws", "wss"] as const) {
    it.live(`carries envelopes over ${transport}, by MQTT 5`, () =>
      Effect.gen(function* () {
        const { start, uris } = yield* mosquitto
        const log = yield* start
        const options = { brokers: [uris[transport]], ca: Tls.authority }
        const [alice, bob] = [yield* peer(1, options), yield* peer(2, options)]
        yield* both(alice, bob)
        assert.isTrue(yield* carries(alice, bob))
        assert.isTrue(yield* carries(bob, alice))
        const hearing = yield* hear(bob, 1)
        yield* alice.signalling.send(bob.id, letter(9, 16_384), { expiry: 30_000 })
        assert.deepStrictEqual(yield* Fiber.join(hearing), [9])
        assert.match(log(), /as p[0-9a-f]{22} \(p5, c1, k45\)/)
      })
    )
  }

  it.live("is told when a message expires, and does not send a peer its own", () =>
    Effect.gen(function* () {
      const { start, uris } = yield* mosquitto
      const log = yield* start
      const bob = yield* peer(2, { brokers: [uris.tcp] })
      yield* bob.signalling.ready
      const topic = /p2p1\/[a-z2-7]{52}/.exec(log())![0]
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => mqtt.connectAsync(uris.tcp, { protocolVersion: 5 })),
        (client) => Effect.promise(() => client.endAsync())
      )
      const properties: Array<number | undefined> = []
      client.on("message", (_, __, packet) => properties.push(packet.properties?.messageExpiryInterval))
      yield* Effect.promise(() => client.subscribeAsync(topic))
      const own = yield* hear(bob, 1)
      yield* bob.signalling.send(bob.id, letter(1), { expiry: 7500 })
      const alice = yield* peer(1, { brokers: [uris.tcp] })
      yield* alice.signalling.send(bob.id, letter(2), { expiry: 1 })
      assert.deepStrictEqual(yield* Fiber.join(own), [2])
      yield* until(() => properties.length === 2)
      assert.deepStrictEqual(properties, [8, 1])
    })
  )

  it.live("configured as in the docs, lets nobody hear other topics, publish elsewhere, or leave anything behind", () =>
    Effect.gen(function* () {
      const { start, uris } = yield* mosquitto
      yield* start
      for (const protocolVersion of [4, 5] as const) {
        const client = yield* Effect.acquireRelease(
          Effect.promise(() => mqtt.connectAsync(uris.tcp, { protocolVersion, reconnectPeriod: 0 })),
          (client) => Effect.promise(() => client.endAsync(true))
        )
        const heard: Array<string> = []
        client.on("message", (topic) => heard.push(topic)).on("error", () => {})
        for (const topic of ["#", "+/+", "p2p1/#", "p2p1/+", "$SYS/#", "other", "$share/g/p2p1/abc"]) {
          const refused = yield* Effect.flip(
            Effect.tryPromise({ try: () => client.subscribeAsync(topic), catch: (error) => error as Error })
          )
          assert.include(refused.message, "rror", topic)
        }
        yield* Effect.promise(() => client.subscribeAsync("p2p1/abc"))
        yield* Effect.promise(() => client.publishAsync("other", "x", { qos: 1 }).catch(() => {}))
        yield* Effect.promise(() => client.publishAsync("p2p1/abc", "x", { qos: 1 }))
        yield* until(() => heard.length > 0)
        assert.deepStrictEqual(heard, ["p2p1/abc"])
        // It does not take what is to be retained.
        client.publish("p2p1/abc", "x", { qos: 0, retain: true })
        yield* until(() => !client.connected)
      }
    })
  )

  it.live("is not believed without its authority, and says so", () =>
    Effect.gen(function* () {
      const { start, uris } = yield* mosquitto
      yield* start
      for (const ca of [undefined, Tls.stranger]) {
        assert.match((yield* problemOf(yield* peer(1, { brokers: [uris.tls], ca })))!, /certificate/)
      }
      const name = uris.tls.replace("127.0.0.1", "localhost")
      const good = yield* peer(1, { brokers: [{ uri: name, ca: Tls.authority }], ca: Tls.stranger })
      yield* Effect.timeout(good.signalling.ready, "5 seconds")
    })
  )

  it.live("lets in who has the password, and says who has not", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const port = yield* freePort
      const passwords = Path.join(dir, "passwords")
      writeFileSync(passwords, "")
      chmodSync(passwords, 0o666)
      assert.strictEqual(spawnSync("mosquitto_passwd", ["-b", passwords, "alice", "p:w@d"]).status, 0)
      chmodSync(passwords, 0o666)
      yield* run(dir, `listener ${port} 127.0.0.1\npassword_file ${passwords}\nallow_anonymous false\n`, [port])
      const place = `127.0.0.1:${port}`
      const refused = [
        yield* problemOf(yield* peer(1, { brokers: [`mqtt://${place}`] })),
        yield* problemOf(yield* peer(1, { brokers: [`mqtt://alice:wrong@${place}`] }))
      ]
      for (const problem of refused) assert.match(problem!, /Not authorized/)
      const alice = yield* peer(1, { brokers: [`mqtt://alice:p%3Aw%40d@${place}`] })
      const password = Redacted.make("p:w@d")
      const bob = yield* peer(2, { brokers: [{ uri: `mqtt://${place}`, username: "alice", password }] })
      yield* Effect.timeout(both(alice, bob), "5 seconds")
      assert.isTrue(yield* carries(alice, bob))
      assert.deepStrictEqual(alice.signalling.brokers, [`mqtt://${place}`])
    })
  )

  it.live("is found again after a restart", () =>
    Effect.gen(function* () {
      const { start, uris } = yield* mosquitto
      const first = yield* Scope.make()
      yield* Scope.provide(start, first)
      const options = { brokers: [uris.tcp, uris.ws] }
      const [alice, bob] = [yield* peer(1, options), yield* peer(2, options)]
      yield* both(alice, bob)
      assert.isTrue(yield* carries(alice, bob))
      yield* Scope.close(first, Exit.void)
      yield* problemOf(alice)
      yield* start
      yield* Effect.timeout(both(alice, bob), "10 seconds")
      assert.isTrue(yield* carries(alice, bob))
    })
  )

  it.live("and the embedded broker carry requests together, and each alone when the other is down", () =>
    Effect.gen(function* () {
      const { start, uris } = yield* mosquitto
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      yield* Scope.provide(start, first)
      const embedded = yield* Scope.provide(broker(), second)
      const options = { brokers: [uris.tcp, uriOf(embedded)] }
      const messagesOf = Effect.fnUntraced(function* (seed: number) {
        const { id, signalling } = yield* peer(seed, options)
        yield* signalling.ready
        const messages = yield* MessagesLayer.make(new Tables(new Uint8Array(SECRET_BYTES))).pipe(
          Effect.provideService(Signalling, signalling),
          Effect.provideService(Identity, identity(seed)),
          Effect.provideService(SecureRandom, randomness(9000 + seed))
        )
        return { id, messages }
      })
      const [alice, bob] = [yield* messagesOf(1), yield* messagesOf(2)]
      let handled = 0
      yield* bob.messages.handle("echo", {
        allow: (from) => Effect.succeed(from === alice.id),
        handler: ({ body }) => Effect.sync(() => (handled++, body))
      })
      const ask = (mark: number) =>
        Effect.map(alice.messages.request(bob.id, "echo", Uint8Array.of(mark)), ({ body }) => body[0])
      assert.strictEqual(yield* ask(1), 1)
      yield* Scope.close(first, Exit.void)
      assert.strictEqual(yield* ask(2), 2)
      yield* Scope.close(second, Exit.void)
      const asking = yield* Effect.forkChild(ask(3), { startImmediately: true })
      yield* start
      assert.strictEqual(yield* Fiber.join(asking), 3)
      assert.strictEqual(handled, 3)
    })
  )
})
