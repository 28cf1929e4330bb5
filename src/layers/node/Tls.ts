/**
 * `Tls` by `node:tls`, TLS 1.2 and 1.3. A connection of the Node layer hands its socket over, so the bytes take the short
 * way; any other `TcpConnection` is wrapped in a duplex.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as tls from "node:tls"
import type { TcpConnection } from "../../services/Tcp.ts"
import { type ClientOptions, type Handshake, type ServerOptions, Tls, TlsError } from "../../services/Tls.ts"
import { fromConnection } from "./Duplex.ts"
import { kindOf } from "./errno.ts"
import { owned } from "./owned.ts"
import { NodeTcpConnection } from "./tcp/connection.ts"

const list = <A>(value: A | ReadonlyArray<A> | undefined): Array<A> | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? [...value] : [value as A]

const failed = (
  op: TlsError["op"],
  connection: TcpConnection,
  serverName: string | undefined,
  cause: Error
): TlsError => {
  const kind = kindOf(cause)
  return new TlsError({
    op,
    serverName,
    // What is not an error of the socket is one of the handshake.
    kind: kind === "Unknown" ? "TlsFailed" : kind,
    detail: kind === "Unknown" ? `${cause.message}: check the name, and the certificates both sides trust` : undefined,
    local: connection.local,
    remote: connection.remote,
    cause
  })
}

// Starts a handshake over the socket below and tells how it went; gives back what undoes it.
type Begin = (below: net.Socket, done: (socket: tls.TLSSocket) => void, fail: (cause: Error) => void) => () => void

const peerLeft = () => new Error("the peer closed the connection during the handshake")

const handshake = (
  op: TlsError["op"],
  connection: TcpConnection,
  serverName: string | undefined,
  begin: Begin
): Effect.Effect<TcpConnection, TlsError, Scope.Scope> =>
  Effect.gen(function* () {
    const below = connection instanceof NodeTcpConnection ? connection.detach() : yield* fromConnection(connection)
    return yield* owned(
      Effect.callback<NodeTcpConnection, TlsError>((resume) => {
        let secured: tls.TLSSocket | undefined
        const fail = (cause: Error) => {
          below.destroy()
          resume(Effect.fail(failed(op, connection, serverName, cause)))
        }
        const left = () => fail(peerLeft())
        const done = (socket: tls.TLSSocket) => {
          secured = socket
          below.off("end", left)
          resume(Effect.succeed(new NodeTcpConnection(socket, connection.binding, { under: connection })))
        }
        // TLS hears by itself of the errors of Node's own sockets only.
        below.on("error", (cause) => (secured === undefined ? fail(cause) : secured.destroy(cause)))
        // An end that was read before TLS does the reading is told here or nowhere.
        if (below.readableEnded || below.destroyed) return left()
        below.once("end", left)
        try {
          // Node takes any duplex where its types ask for a net.Socket.
          const undo = begin(below as net.Socket, done, fail)
          return Effect.sync(() => {
            undo()
            below.destroy()
          })
        } catch (cause) {
          return fail(cause as Error)
        }
      }),
      (secured) => secured.close
    )
  })

// The events of one TLS socket during its handshake. Sockets here are half-open: a peer that leaves is an end and no close.
const watch = (
  socket: tls.TLSSocket,
  event: "secureConnect" | "secure",
  done: (socket: tls.TLSSocket) => void,
  fail: (cause: Error) => void
) => {
  const onLeft = () => onError(peerLeft())
  const off = () => socket.off("error", onError).off("close", onLeft).off("end", onLeft)
  const onError = (cause: Error) => {
    off().on("error", () => {})
    fail(cause)
  }
  socket.once("error", onError).once("close", onLeft).once("end", onLeft)
  socket.once(event, () => {
    off()
    done(socket)
  })
  return () => {
    off().on("error", () => {})
    socket.destroy()
  }
}

const alpn = (options: ClientOptions | ServerOptions) =>
  options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }

const client = (connection: TcpConnection, options: ClientOptions) => {
  const name = options.serverName
  return handshake("client", connection, name, (below, done, fail) => {
    const socket = tls.connect({
      socket: below,
      // RFC 6066 section 3: no server name for addresses. The certificate is checked against it all the same.
      ...(name === undefined ? {} : net.isIP(name) === 0 ? { servername: name } : { host: name }),
      ca: list(options.ca),
      cert: options.cert,
      key: options.key,
      rejectUnauthorized: options.allowUnverified !== true,
      ...alpn(options)
    })
    return watch(socket, "secureConnect", done, fail)
  })
}

const server = (options: ServerOptions): Effect.Effect<Handshake, TlsError> =>
  Effect.map(
    Effect.try({
      // Reading a key takes longer than using it, so it is done once for all clients.
      try: () =>
        tls.createSecureContext({ cert: options.cert, key: options.key, ca: list(options.clientCa) }),
      catch: (cause) => {
        const detail = `the certificate or its key cannot be used: ${(cause as Error).message}`
        return new TlsError({ op: "server", kind: "InvalidInput", detail, cause })
      }
    }),
    (secureContext): Handshake => {
      const begin: Begin = (below, done, fail) =>
        watch(new tls.TLSSocket(below, { isServer: true, secureContext, ...alpn(options) }), "secure", done, fail)
      const how = options.clientCa === undefined ? begin : judged(options)
      return (connection) => handshake("server", connection, undefined, how)
    }
  )

// Only a `tls.Server` judges client certificates.
const judged = (options: ServerOptions): Begin =>
  (below, done, fail) => {
    const judge = tls.createServer({
      cert: options.cert,
      key: options.key,
      ca: list(options.clientCa),
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
      ...alpn(options)
    } as tls.TlsOptions)
    judge.once("secureConnection", done).once("tlsClientError", fail)
    judge.emit("connection", below)
    return () => {
      judge
        .off("secureConnection", done)
        .off("tlsClientError", fail)
        .on("tlsClientError", () => {})
    }
  }

export const layer: Layer.Layer<Tls> = Layer.succeed(Tls, Tls.of({ client, server }))
