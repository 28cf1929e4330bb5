/**
 * A `TcpListener` of a simulated host. As over Node's sockets, finished handshakes are taken from the kernel at once and
 * wait here for the program.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as Open from "../../../protocols/tcp/open.ts"
import type { Options } from "../../../protocols/tcp/Tcb.ts"
import { type InterfaceBinding, TcpError, TcpIoError, type TcpListener } from "../../../services/Tcp.ts"
import type { KernelSocket } from "./KernelSocket.ts"
import type { Claim } from "./PortTable.ts"
import { SimulatedConnection } from "./SimulatedConnection.ts"
import type { Held, Listening, TcpStack } from "./TcpStack.ts"

type Resume = (effect: Effect.Effect<SimulatedConnection, TcpError | Cause.Done>) => void

export interface Opened {
  readonly claim: Claim
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  readonly backlog: number
  readonly maxConnections: number
  readonly options: Options
}

export class SimulatedListener implements TcpListener, Listening, Held {
  readonly local: NetAddress.InetAddress
  readonly binding: InterfaceBinding
  readonly claim: Claim
  readonly options: Options
  readonly backlog: number
  opening = 0
  private readonly stack: TcpStack
  private readonly maxConnections: number
  // Taken from the kernel, not yet by the program.
  private readonly ready: Set<SimulatedConnection> = new Set()
  private readonly acceptors: Array<Resume> = []
  private readonly streamed: Set<SimulatedConnection> = new Set()
  private connectionCount = 0
  private ended = false
  private dropped = 0

  /** Begins to take connections; the caller closes it by `close`. */
  constructor(stack: TcpStack, opened: Opened) {
    this.stack = stack
    this.local = opened.local
    this.binding = opened.binding
    this.claim = opened.claim
    this.options = opened.options
    this.backlog = opened.backlog
    this.maxConnections = opened.maxConnections
    stack.held.add(this)
    stack.listen(this)
  }

  readonly established = (socket: KernelSocket): void => {
    if (this.connectionCount >= this.maxConnections) {
      this.dropped++
      Open.close(socket.tcb, socket.now)
      return socket.touched()
    }
    const connection = new SimulatedConnection(socket, this.binding)
    this.connectionCount++
    connection.onOver = () => {
      this.connectionCount--
      this.ready.delete(connection)
      this.streamed.delete(connection)
    }
    const acceptor = this.acceptors.shift()
    if (acceptor !== undefined) return acceptor(Effect.succeed(connection))
    this.ready.add(connection)
  }

  waitsFor(): string | undefined {
    return this.acceptors.length === 0 ? undefined : `a connection to ${NetAddress.formatInet(this.local)}`
  }

  private readonly take: Effect.Effect<SimulatedConnection, TcpError | Cause.Done> = Effect.callback((resume) => {
    const [connection] = this.ready
    if (connection !== undefined) {
      this.ready.delete(connection)
      return resume(Effect.succeed(connection))
    }
    if (this.ended) return resume(Cause.done())
    this.acceptors.push(resume)
    return Effect.sync(() => {
      const at = this.acceptors.indexOf(resume)
      if (at >= 0) this.acceptors.splice(at, 1)
    })
  })

  readonly accept: TcpListener["accept"] = Effect.acquireRelease(
    Effect.catchTag(this.take, "Done", () => Effect.fail(this.closed())),
    (connection) => connection.close,
    { interruptible: true }
  )

  get connections(): TcpListener["connections"] {
    return Stream.fromPull(
      Effect.succeed(
        Effect.map(this.take, (connection) => {
          if (!connection.isOver) this.streamed.add(connection)
          return [connection] as const
        })
      )
    )
  }

  readonly refused = () => this.dropped

  /** Stops listening, resets what nobody accepted and closes what `connections` handed out. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.ended) return Effect.void
    this.ended = true
    this.stack.unlisten(this)
    this.stack.held.delete(this)
    for (const acceptor of this.acceptors.splice(0)) acceptor(Cause.done())
    return Effect.andThen(
      Effect.forEach([...this.ready], (connection) => connection.reset, { discard: true }),
      Effect.forEach([...this.streamed], (connection) => connection.close, { concurrency: "unbounded", discard: true })
    )
  })

  private closed(): TcpError {
    return new TcpError({ reason: new TcpIoError({ op: "accept", kind: "Closed", local: this.local }) })
  }
}
