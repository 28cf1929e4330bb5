/**
 * Programs that speak TLS and are no peers.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import type * as net from "node:net"
import * as tls from "node:tls"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import * as certificates from "../../fixtures/tls/certificates.ts"
import { credentialsOf, errorOf, failed, ids, peer } from "../../shared/linkKit.ts"
import { failureOf } from "../../shared/World.ts"

const security = { protection: "tls1.3", layer: LinkTls.layer } as const
const address = NetAddress.ipFromStringUnsafe("127.0.0.1")
const ALPNProtocols = ["effect-p2p/1"]

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/link/${name}`, import.meta.url), "utf8")
const rsa = { cert: fixture("rsa.pem"), key: fixture("rsa.key") }
const ecdsa = certificates.client
const bob = credentialsOf("bob")

/** How a client of ours ends with such a server. */
const dialling = (options: tls.TlsOptions) =>
  Effect.gen(function* () {
    const server = tls.createServer(options, (socket) => socket.on("error", () => {}))
    server.on("tlsClientError", () => {})
    yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
    const alice = yield* peer(security, "alice")
    const { port } = server.address() as net.AddressInfo
    const connection = yield* Tcp.use((tcp) => tcp.dial({ remote: NetAddress.inetAddressUnsafe(address, port) }))
    return yield* failureOf(alice.client(connection, { expect: ids.bob, timeout: "5 seconds" }))
  }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))

/** How a server of ours ends with such a client. */
const answering = (options: tls.ConnectionOptions) =>
  Effect.gen(function* () {
    const listener = yield* Tcp.use((tcp) => tcp.listen({ address }))
    const alice = yield* peer(security, "alice")
    const { port } = listener.local
    const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options })
    socket.on("error", () => {})
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
    return errorOf(yield* Effect.result(alice.server(yield* listener.accept, { timeout: "5 seconds" })))
  }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))

describe("strangers", () => {
  const servers: Readonly<Record<string, [tls.TlsOptions, RegExp]>> = {
    "an RSA certificate": [{ ...rsa, ALPNProtocols }, /handshake failure.*no Ed25519 key/],
    "an ECDSA certificate": [{ ...ecdsa, ALPNProtocols }, /handshake failure.*no Ed25519 key/],
    "TLS 1.2 at most": [{ ...rsa, ALPNProtocols, maxVersion: "TLSv1.2" }, /only TLS before 1\.3/],
    "another protocol": [{ ...bob, ALPNProtocols: ["h2"] }, /not effect-p2p\/1/],
    "no protocol named": [bob, /not effect-p2p\/1/]
  }
  for (const [name, [options, saying]] of Object.entries(servers)) {
    it.live(`a server with ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* dialling(options)
        failed(error, "client", "Untrusted")
        assert.match(error.message, saying)
      })
    )
  }

  const clients: Readonly<Record<string, [tls.ConnectionOptions, RegExp]>> = {
    "an RSA certificate": [{ ...rsa, ALPNProtocols }, /no certificate with an Ed25519 key/],
    "an ECDSA certificate": [{ ...ecdsa, ALPNProtocols }, /no certificate with an Ed25519 key/],
    "no certificate": [{ ALPNProtocols }, /no certificate with an Ed25519 key/],
    "TLS 1.2 at most": [{ ALPNProtocols, maxVersion: "TLSv1.2" }, /only TLS before 1\.3/],
    "another protocol": [{ ALPNProtocols: ["h2"] }, /not effect-p2p\/1/],
    "no protocol named": [{}, /not effect-p2p\/1/]
  }
  for (const [name, [options, saying]] of Object.entries(clients)) {
    it.live(`a client with ${name}`, () =>
      Effect.gen(function* () {
        const error = yield* answering(options)
        failed(error, "server", "Untrusted")
        assert.match(error.message, saying)
      })
    )
  }
})
