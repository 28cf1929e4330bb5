/**
 * A handshake of `node:tls` over any connection, as an effect: what `Tls` and `LinkTls` have in common.
 *
 * A connection of the Node layer hands its socket over, so the bytes take the short way; any other `TcpConnection` is wrapped
 * in a duplex. The connection below is closed when the handshake fails or is interrupted, and with the secured one.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import type * as stream from "node:stream"
import type * as tls from "node:tls"
import type { TcpConnection } from "../../../services/Tcp.ts"
import { fromConnection } from "../Duplex.ts"
import { owned } from "../owned.ts"
import { NodeTcpConnection } from "../tcp/connection.ts"
import { watchGoodbye } from "./goodbye.ts"

// What OpenSSL says when the bytes it gets are not TLS at all.
const notTls = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_UNKNOWN_PROTOCOL",
  "ERR_SSL_HTTP_REQUEST",
  "ERR_SSL_HTTPS_PROXY_REQUEST"
])

export const speaksNoTls = (code: string): boolean => notTls.has(code)

/** OpenSSL's message is a whole line of its own file names and numbers; its reason alone is for people. */
export const reasonOf = (cause: Error): string =>
  "reason" in cause && typeof cause.reason === "string" ? cause.reason : cause.message.trim()

/** The peer ended the connection below before the handshake was done. */
export class PeerLeft extends Error {
  constructor() {
    super("the peer closed the connection during the handshake")
  }
}

/** Starts a handshake over the socket below and tells how it went; gives back what undoes it. */
export type Begin = (
  below: net.Socket,
  done: (socket: tls.TLSSocket) => void,
  fail: (cause: Error) => void
) => () => void

export interface Steps<A, B, E> {
  readonly side: "client" | "server"
  readonly begin: Begin
  /** Judges the secured socket before anything is read from it. */
  readonly judge: (socket: tls.TLSSocket) => Result.Result<A, E>
  /** What comes of both. */
  readonly secured: (connection: NodeTcpConnection, judged: A, socket: tls.TLSSocket) => B
  readonly failed: (cause: Error) => E
  /** An end of the connection below counts as the peer's. Default false. */
  readonly allowTruncation?: boolean | undefined
}

// Apart from the handshake, whose fibre an idle connection need not keep.
const passErrors = (below: stream.Duplex, secured: tls.TLSSocket) =>
  below.on("error", (cause) => {
    secured.destroy(cause)
  })

export const handshake = <A, B, E>(
  connection: TcpConnection,
  steps: Steps<A, B, E>
): Effect.Effect<B, E, Scope.Scope> =>
  connection instanceof NodeTcpConnection
    ? Effect.suspend(() => over(connection, connection.detach(), steps))
    : Effect.flatMap(fromConnection(connection), (below) => over(connection, below, steps))

const over = <A, B, E>(
  connection: TcpConnection,
  below: stream.Duplex,
  { allowTruncation = false, begin, failed, judge, secured, side }: Steps<A, B, E>
): Effect.Effect<B, E, Scope.Scope> => {
  let adopted: NodeTcpConnection
  return owned(
    Effect.callback<B, E>((resume) => {
      const refuse = (error: E) => {
        below.destroy()
        // In a turn of its own: until Node returns from the event, OpenSSL's error is still there for other calls to find,
        // and the next to read a key would throw it.
        setImmediate(() => resume(Effect.fail(error)))
      }
      const fail = (cause: Error) => refuse(failed(cause))
      const left = () => fail(new PeerLeft())
      const done = (socket: tls.TLSSocket) => {
        // TLS hears by itself of the errors of Node's own sockets only.
        passErrors(below, socket).off("error", fail).off("end", left)
        const verdict = judge(socket)
        if (Result.isFailure(verdict)) {
          socket.on("error", () => {})
          return refuse(verdict.failure)
        }
        const behindEnd = watchGoodbye(socket, below, allowTruncation)
        const known = { under: connection, behindEnd, inHandshake: true }
        adopted = new NodeTcpConnection(socket, connection.binding, known)
        const all = Effect.succeed(secured(adopted, verdict.success, socket))
        // A client's last flight leaves when this event is over, and the server waits for it.
        if (side === "client") setImmediate(() => resume(all))
        else resume(all)
      }
      below.on("error", fail)
      // An end that was read before TLS does the reading is told here or nowhere.
      if (below.readableEnded || below.destroyed) return fail(below.errored ?? new PeerLeft())
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
    () => adopted.close
  )
}

/** The events of one TLS socket during its handshake. Sockets here are half-open: a peer that leaves is an end and no close. */
export const watch = (
  socket: tls.TLSSocket,
  event: "secureConnect" | "secure",
  done: (socket: tls.TLSSocket) => void,
  fail: (cause: Error) => void
) => {
  const onLeft = () => onError(new PeerLeft())
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
