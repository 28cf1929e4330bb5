/**
 * `Tcp` on Node's sockets.
 *
 * An interface is bound by the native layer (`NativeSockets`) where there is one, else by its address. A reservation
 * shares a `net.BoundSocket` where the runtime has them (Node 24.19, not on Windows or macOS), else it only remembers
 * the port and dials must come before the listener.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as net from "node:net"
import { Tcp, type TcpConnection, TcpError, TcpOpenError } from "../../services/Tcp.ts"
import { NativeSockets } from "./NativeSockets.ts"
import { owned } from "./owned.ts"
import { NodeTcpConnection } from "./tcp/connection.ts"
import * as Dial from "./tcp/dial.ts"
import * as Listen from "./tcp/listen.ts"
import * as Reserve from "./tcp/reserve.ts"

export interface Options {
  /** Use `net.BoundSocket` for reservations where there is one. Default true; false is for tests of the other way. */
  readonly boundSocket?: boolean | undefined
}

export const make = (options?: Options): Effect.Effect<Tcp["Service"]> =>
  Effect.map(NativeSockets, (native) =>
    Tcp.of({
      dial: (dial) => Dial.dial(native, dial),
      listen: (listen) => Listen.listen(native, listen ?? {}),
      reserve: (local) => Reserve.reserve(native, local, options?.boundSocket ?? true)
    })
  )

export const layer: Layer.Layer<Tcp> = Layer.effect(Tcp, make())

export const layerWith = (options: Options): Layer.Layer<Tcp> => Layer.effect(Tcp, make(options))

const unfit = (socket: net.Socket): string | undefined => {
  if (socket.connecting) return "the socket is still connecting: wait for its `connect` event"
  if (socket.destroyed || socket.remoteAddress === undefined) return "the socket is not connected"
  return socket.readableEncoding === null
    ? undefined
    : "the socket decodes text (`setEncoding`): connections carry bytes"
}

/**
 * A connection over a connected `net.Socket` (or `tls.TLSSocket`) opened elsewhere, owned by the scope from then on. Adopt
 * it before anything is read from it. It becomes half-open (`allowHalfOpen`): the end of the peer ends only the reading.
 */
export const fromSocket = (socket: net.Socket): Effect.Effect<TcpConnection, TcpError, Scope.Scope> =>
  Effect.suspend(() => {
    const detail = unfit(socket)
    if (detail !== undefined) {
      return Effect.fail(new TcpError({ reason: new TcpOpenError({ op: "adopt", kind: "InvalidInput", detail }) }))
    }
    const adopt = Effect.sync(() => {
      socket.allowHalfOpen = true
      const connection = new NodeTcpConnection(socket, "none")
      socket.resume()
      return connection
    })
    return owned(adopt, (connection) => connection.close)
  })
