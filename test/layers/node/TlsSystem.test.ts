/**
 * TLS as a strict peer sees it, and what is said when it cannot be.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import * as NodeTls from "../../../src/layers/node/Tls.ts"
import { Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { type ClientOptions, Tls } from "../../../src/services/Tls.ts"
import * as certificates from "../../fixtures/tls/certificates.ts"
import { failureOf } from "../../shared/World.ts"

const layer = Layer.mergeAll(NodeTcp.layer, NodeTls.layer)
const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
const trusted: ClientOptions = { ca: certificates.authority, serverName: "server.test" }

/** A TCP connection and its other end. */
const connected = Effect.gen(function* () {
  const tcp = yield* Tcp
  const listener = yield* tcp.listen({ address })
  const near = yield* tcp.dial({ remote: listener.local })
  return { near, far: yield* listener.accept }
})

/** The same connection, with a copy of every byte that comes in. */
const tapped = (connection: TcpConnection, copy: Array<Uint8Array>): TcpConnection => ({
  local: connection.local,
  remote: connection.remote,
  binding: connection.binding,
  pull: Effect.tap(connection.pull, (chunks) => Effect.sync(() => copy.push(...chunks))),
  write: (bytes) => connection.write(bytes),
  writeAll: (chunks) => connection.writeAll(chunks),
  end: connection.end,
  reset: connection.reset,
  close: connection.close,
  closed: connection.closed
})

/** The records of a TLS 1.3 stream: type and length of each (RFC 8446 section 5.1). */
const records = (bytes: Buffer) => {
  const found: Array<string> = []
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) {
    found.push(`${bytes[at]} ${bytes.readUInt16BE(at + 3)}`)
  }
  return found
}

describe("TLS and its peer", () => {
  it.live("a close says goodbye before the end of the stream", () =>
    Effect.gen(function* () {
      const { far, near } = yield* connected
      const tls = yield* Tls
      const heard: Array<Uint8Array> = []
      const secure = yield* tls.server(certificates.server)
      const [client, server] = yield* Effect.all([tls.client(near, trusted), secure(tapped(far, heard))], {
        concurrency: "unbounded"
      })
      yield* client.write(new TextEncoder().encode("last words"))
      assert.strictEqual(new TextDecoder().decode((yield* server.pull)[0]), "last words")
      yield* client.close
      assert.isTrue(Cause.isDone(yield* failureOf(server.pull)))
      // Ten bytes of text, then an alert of two, each with a type byte and a tag of 16 under the encryption.
      assert.deepStrictEqual(records(Buffer.concat(heard)).slice(-2), ["23 27", "23 19"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("a server that speaks no TLS is said to be one, in one line", () =>
    Effect.gen(function* () {
      const { far, near } = yield* connected
      const tls = yield* Tls
      yield* far.write(new TextEncoder().encode("220 mail.test ready\r\n"))
      const error = yield* failureOf(tls.client(near, trusted))
      assert.strictEqual(error.kind, "TlsFailed")
      assert.isTrue(
        error.message.endsWith(
          "the TLS handshake failed (ERR_SSL_WRONG_VERSION_NUMBER); the peer does not speak TLS on that port (wrong version number)"
        ),
        error.message
      )
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("a client that speaks no TLS is said to be one", () =>
    Effect.gen(function* () {
      const { far, near } = yield* connected
      const secure = yield* Tls.use((tls) => tls.server(certificates.server))
      yield* near.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"))
      const { message } = yield* failureOf(secure(far))
      assert.include(message, "the peer does not speak TLS (http request)")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("names the option that cannot be read", () =>
    Effect.gen(function* () {
      const tls = yield* Tls
      const secure = yield* tls.server(certificates.server)
      const clientSays = Effect.fnUntraced(function* (options: ClientOptions) {
        const { far, near } = yield* connected
        yield* Effect.forkChild(Effect.ignore(Effect.scoped(secure(far))))
        const { message } = yield* failureOf(tls.client(near, options))
        assert.notInclude(message, "\n")
        return message
      })
      const { cert, key } = certificates.server
      assert.include(yield* clientSays({ ...trusted, ca: "no certificate" }), "`ca` cannot be used")
      assert.include(yield* clientSays({ ...trusted, cert: "no certificate", key }), "`cert` cannot be used")
      assert.include(yield* clientSays({ ...trusted, cert, key: "no key" }), "`key` cannot be used")
      assert.include(
        yield* clientSays({ ...trusted, serverName: "other.test" }),
        "check the name, and the certificates"
      )
      const server = (options: Partial<typeof certificates.server>) =>
        Effect.map(failureOf(tls.server({ ...certificates.server, ...options })), ({ message }) => message)
      assert.include(yield* server({ cert: "no certificate" }), "`cert` cannot be used")
      assert.include(yield* server({ key: "no key" }), "`key` cannot be used")
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
