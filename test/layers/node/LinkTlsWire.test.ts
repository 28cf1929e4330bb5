/**
 * What a link by TLS shows to who only listens, and that every proof is a new one (docs/protocol-links.md).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { once } from "node:events"
import * as tls from "node:tls"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import { canPush } from "../../../src/layers/pipes/intake.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { credentialsOf, ids, peer } from "../../shared/linkKit.ts"
import { bytes, read } from "../../shared/tcpHelpers.ts"
import { disguised } from "../../support/disguised.ts"
import { openSockets } from "../../support/realWorld.ts"

const security = { protection: "tls1.3", layer: LinkTls.layer } as const
const address = NetAddress.ipFromStringUnsafe("127.0.0.1")

/** The same connection, with a copy of what passes. */
const tapped = (connection: TcpConnection, sent: Array<Uint8Array>, came: Array<Uint8Array>): TcpConnection => ({
  ...disguised(connection),
  pull: Effect.tap(connection.pull, (chunks) => Effect.sync(() => came.push(...chunks))),
  write: (chunk) =>
    Effect.andThen(
      Effect.sync(() => sent.push(Uint8Array.from(chunk))),
      connection.write(chunk)
    )
})

const exchange = Effect.gen(function* () {
  const tcp = yield* Tcp
  const listener = yield* tcp.listen({ address })
  const near = yield* tcp.dial({ remote: listener.local })
  const far = yield* listener.accept
  const [sent, came]: [Array<Uint8Array>, Array<Uint8Array>] = [[], []]
  const alice = yield* peer(security, "alice")
  const bob = yield* peer(security, "bob")
  const [a, b] = yield* Effect.all([alice.client(tapped(near, sent, came), { expect: ids.bob }), bob.server(far)], {
    concurrency: "unbounded"
  })
  yield* a.connection.write(bytes("ping"))
  assert.strictEqual(yield* read(b.connection, 4), "ping")
  yield* b.connection.write(bytes("pong"))
  assert.strictEqual(yield* read(a.connection, 4), "pong")
  return { sent: Buffer.concat(sent), came: Buffer.concat(came) }
}).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))

/** The extensions of a ClientHello in its record: their bodies by type. */
const extensionsOf = (record: Buffer): ReadonlyMap<number, string> => {
  let at = 5 + 4 + 34
  at += 1 + record[at]!
  at += 2 + record.readUInt16BE(at)
  at += 1 + record[at]!
  const end = at + 2 + record.readUInt16BE(at)
  const found = new Map<number, string>()
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    found.set(record.readUInt16BE(at), record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2)).toString("hex"))
  }
  return found
}

describe("on the wire", () => {
  it.live("over a socket of Node's own the link is one as well, and pushes into a pipe", () =>
    Effect.gen(function* () {
      const listener = yield* Tcp.use((tcp) => tcp.listen({ address }))
      const near = yield* Tcp.use((tcp) => tcp.dial({ remote: listener.local }))
      const alice = yield* peer(security, "alice")
      const bob = yield* peer(security, "bob")
      const [a, b] = yield* Effect.all([alice.client(near, { expect: ids.bob }), bob.server(yield* listener.accept)], {
        concurrency: "unbounded"
      })
      assert.isTrue(canPush(a.connection) && canPush(b.connection))
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
  )

  it.live("a client says no name, resumes nothing, and takes Ed25519 and TLS 1.3 alone", () =>
    Effect.gen(function* () {
      const { sent } = yield* exchange
      const extensions = extensionsOf(sent)
      const hex = (text: string) => Buffer.from(text).toString("hex")
      assert.strictEqual(extensions.get(43), "020304", "supported_versions")
      assert.strictEqual(extensions.get(13), "00020807", "signature_algorithms")
      assert.strictEqual(extensions.get(16), `002214${hex("effect-p2p/1 welcome")}0c${hex("effect-p2p/1")}`, "ALPN")
      assert.include(extensions.get(10)!, "001d", "supported_groups")
      assert.match(extensions.get(51)!, /001d0020[0-9a-f]{64}/, "key_share")
      for (const [type, name] of [
        [0, "server_name"],
        [35, "session_ticket"],
        [41, "pre_shared_key"],
        [42, "early_data"]
      ] as const) {
        assert.isFalse(extensions.has(type), name)
      }
    })
  )

  it.live("nobody who listens learns who the peers are", () =>
    Effect.gen(function* () {
      const { came, sent } = yield* exchange
      for (const id of [ids.alice, ids.bob]) {
        for (const secret of [Buffer.from(PeerId.toKey(id)), Buffer.from(id), Buffer.from("pong")]) {
          assert.strictEqual(sent.indexOf(secret), -1)
          assert.strictEqual(came.indexOf(secret), -1)
        }
      }
    })
  )

  it.live("what a ticket of an earlier link offers is not taken: each proves its ends anew", () =>
    Effect.gen(function* () {
      const tcp = yield* Tcp
      const listener = yield* tcp.listen({ address })
      const alice = yield* peer(security, "alice")
      let session: Buffer | undefined
      for (let round = 0; round < 3; round++) {
        const socket = tls.connect({
          ...credentialsOf("bob"),
          host: "127.0.0.1",
          port: listener.local.port,
          rejectUnauthorized: false,
          ALPNProtocols: ["effect-p2p/1"],
          session
        })
        // OpenSSL sends tickets although they lead to no session.
        const ticket = once(socket, "session")
        const link = yield* alice.server(yield* listener.accept)
        assert.strictEqual(link.peer, ids.bob)
        yield* link.connection.write(bytes("hello"))
        yield* Effect.promise(() => once(socket, "data"))
        assert.deepStrictEqual([socket.getProtocol(), socket.isSessionReused()], ["TLSv1.3", false])
        session = (yield* Effect.promise(() => ticket))[0] as Buffer
        socket.destroy()
      }
    }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
  )

  it.live("two hundred links at once, each with its own bytes, and nothing stays open", () =>
    Effect.gen(function* () {
      const before = openSockets()
      yield* Effect.gen(function* () {
        const tcp = yield* Tcp
        const listener = yield* tcp.listen({ address })
        const alice = yield* peer(security, "alice")
        const bob = yield* peer(security, "bob")
        const echo = Effect.gen(function* () {
          const { connection, peer } = yield* bob.server(yield* listener.accept)
          assert.strictEqual(peer, ids.alice)
          yield* connection.writeAll(yield* connection.pull)
        })
        const call = (index: number) =>
          Effect.gen(function* () {
            const dialled = yield* tcp.dial({ remote: listener.local })
            const { connection } = yield* alice.client(dialled, { expect: ids.bob })
            yield* connection.write(bytes(`link ${index}`))
            assert.strictEqual(yield* read(connection, `link ${index}`.length), `link ${index}`)
          }).pipe(Effect.scoped)
        const count = Array.from({ length: 200 }, (_, index) => index)
        yield* Effect.all(
          [
            Effect.forEach(count, () => Effect.scoped(echo), { concurrency: "unbounded" }),
            Effect.forEach(count, call, { concurrency: "unbounded" })
          ],
          { concurrency: "unbounded" }
        )
      }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))
      while (openSockets() > before) yield* Effect.sleep("1 millis")
    })
  )
})
