/**
 * `LinkSecurity` by TLS 1.3 (`node:tls`), with certificates that are the peers' own keys: see docs/protocol-links.md.
 *
 * Over a socket of Node's own the secured connection is one as well, and pushes into a pipe; any other connection is wrapped
 * in a duplex. In a simulated world time waits for TLS, which has events of its own.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import * as tls from "node:tls"
import { Identity } from "../../services/Identity.ts"
import { LinkSecurity, type LinkSecurityError, type SecuredLink } from "../../services/LinkSecurity.ts"
import { type Attempt, inTime, judge, untrusted } from "../link/verdict.ts"
import { guest } from "../simulated/Outside.ts"
import { codeOf } from "./errno.ts"
import { ALPN, make as makeCredentials, WELCOME } from "./link/credentials.ts"
import { handshakeFailed } from "./link/failure.ts"
import { Certificates } from "./link/proof.ts"
import { NodeTcpConnection } from "./tcp/connection.ts"
import { type Begin, handshake, speaksNoTls, watch } from "./tls/handshake.ts"

const protection = "tls1.3"

// The library's own check of certificates is left out, because no authority signs these; ours follows in `judge`.
const common = { requestCert: true, rejectUnauthorized: false }

// In the order in which the server wants them.
const either = { ALPNProtocols: [WELCOME, ALPN] }
const reserved = { ALPNProtocols: [ALPN] }

// A fatal alert, protocol_version (RFC 8446 section 6): OpenSSL says nothing to who does not speak TLS, and a peer with
// plaintext links is to know why.
const notPlaintext = Uint8Array.of(21, 3, 3, 0, 2, 2, 70)

// In a simulated world time waits for TLS, until it has left as well.
const asGuest = Effect.fnUntraced(function* (securing: Effect.Effect<SecuredLink, LinkSecurityError, Scope.Scope>) {
  yield* guest
  let over: Effect.Effect<unknown> = Effect.void
  yield* Effect.addFinalizer(() => over)
  return yield* Effect.tap(securing, ({ connection }) => Effect.sync(() => (over = connection.closed)))
})

const secure = (
  certificates: Certificates,
  attempt: Attempt,
  begin: Begin
): Effect.Effect<SecuredLink, LinkSecurityError, Scope.Scope> => {
  const link = handshake(attempt.connection, {
    side: attempt.op,
    begin,
    judge: (socket) =>
      Result.flatMap(
        Result.mapError(certificates.peerOf(socket), (problem) => untrusted(attempt, problem)),
        (found) => judge(attempt, found)
      ),
    secured: (connection, peer, socket): SecuredLink => ({
      connection,
      peer,
      protection,
      welcome: socket.alpnProtocol === WELCOME
    }),
    failed: handshakeFailed(attempt)
  })
  return inTime(attempt)(attempt.connection instanceof NodeTcpConnection ? link : asGuest(link))
}

const make = Effect.gen(function* () {
  const identity = yield* Identity
  const secureContext = makeCredentials(identity)
  const certificates = new Certificates()
  const own = identity.peerId

  const serverSocket = (below: net.Socket, protocols: typeof either): tls.TLSSocket =>
    new tls.TLSSocket(below, { ...common, ...protocols, isServer: true, secureContext })

  // Without spans: making one for every stranger that connects costs as much as judging its key.
  return LinkSecurity.of({
    protection,
    client: (connection, options) =>
      secure(certificates, { op: "client", connection, own, options }, (below, done, fail) =>
        watch(tls.connect({ ...common, ...either, socket: below, secureContext }), "secureConnect", done, fail)
      ),
    server: (connection, options = {}) =>
      secure(certificates, { op: "server", connection, own, options }, (below, done, fail) =>
        watch(serverSocket(below, options.welcome === true ? either : reserved), "secure", done, (cause) => {
          if (speaksNoTls(codeOf(cause))) below.write(notPlaintext)
          fail(cause)
        })
      )
  })
})

export const layer: Layer.Layer<LinkSecurity, never, Identity> = Layer.effect(LinkSecurity, make)
