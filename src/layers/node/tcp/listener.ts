/**
 * A `net.Server` as a `TcpListener`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import type * as net from "node:net"
import { type InterfaceBinding, TcpError, TcpIoError, type TcpListener } from "../../../services/Tcp.ts"
import { kindOf } from "../errno.ts"
import { endpointOf } from "../nativeAddress.ts"
import { owned } from "../owned.ts"
import { NodeTcpConnection } from "./connection.ts"

type Resume = (effect: Effect.Effect<NodeTcpConnection, TcpError | Cause.Done>) => void

/** Adopts a listening server; the caller closes it. Attach in the turn it begins to listen. */
export class NodeTcpListener implements TcpListener {
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  private readonly server: net.Server
  // Accepted by the kernel, not yet by the program; bounded by the server's `maxConnections`.
  private readonly ready: Set<NodeTcpConnection> = new Set()
  private readonly acceptors: Array<Resume> = []
  private readonly streamed: Set<NodeTcpConnection> = new Set()
  private ended: Effect.Effect<never, TcpError | Cause.Done> | undefined = undefined
  private dropped = 0

  constructor(server: net.Server, binding: InterfaceBinding) {
    const address = server.address() as net.AddressInfo
    this.local = endpointOf(address.address, address.port)
    this.binding = binding
    this.server = server
    // A listener on one address knows that end of its connections.
    const local = NetAddress.isUnspecified(this.local.address) ? undefined : this.local
    server
      .on("connection", (socket) => this.arrived(new NodeTcpConnection(socket, binding, { local })))
      .on("drop", () => this.dropped++)
      .on("error", (cause) => this.failed(cause))
  }

  private arrived(connection: NodeTcpConnection) {
    const acceptor = this.acceptors.shift()
    if (acceptor !== undefined) return acceptor(Effect.succeed(connection))
    this.ready.add(connection)
    connection.socket.once("close", () => this.ready.delete(connection))
  }

  private readonly take: Effect.Effect<NodeTcpConnection, TcpError | Cause.Done> = Effect.callback((resume) => {
    const [connection] = this.ready
    if (connection !== undefined) {
      this.ready.delete(connection)
      return resume(Effect.succeed(connection))
    }
    if (this.ended !== undefined) return resume(this.ended)
    this.acceptors.push(resume)
    return Effect.sync(() => {
      const at = this.acceptors.indexOf(resume)
      if (at >= 0) this.acceptors.splice(at, 1)
    })
  })

  readonly accept: TcpListener["accept"] = owned(
    Effect.catchTag(this.take, "Done", () => Effect.fail(this.error(undefined))),
    (connection) => connection.close
  )

  readonly connections: TcpListener["connections"] = Stream.fromPull(
    Effect.succeed(
      Effect.map(this.take, (connection) => {
        this.streamed.add(connection)
        connection.socket.once("close", () => this.streamed.delete(connection))
        return [connection] as const
      })
    )
  )

  readonly refused = () => this.dropped

  readonly close: TcpListener["close"] = Effect.suspend(() => {
    this.server.close()
    this.stop(Cause.done())
    return Effect.andThen(
      Effect.forEach(this.ready, (connection) => connection.reset, { discard: true }),
      Effect.forEach(this.streamed, (connection) => connection.close, { concurrency: "unbounded", discard: true })
    )
  })

  private failed(cause: Error) {
    const error = this.error(cause)
    // One connection that could not be had, for want of memory or descriptors or because it was gone again: the next may.
    if (error.reason.kind === "LimitReached" || error.reason.kind === "Reset") {
      this.dropped++
      return
    }
    // Nobody should connect to a server that nobody serves.
    this.server.close()
    this.stop(Effect.fail(error))
  }

  private stop(ended: Effect.Effect<never, TcpError | Cause.Done>) {
    this.ended ??= ended
    for (const acceptor of this.acceptors.splice(0)) acceptor(this.ended)
  }

  private error(cause: Error | undefined): TcpError {
    return new TcpError({
      reason: new TcpIoError({
        op: "accept",
        kind: cause === undefined ? "Closed" : kindOf(cause),
        local: this.local,
        cause
      })
    })
  }
}
