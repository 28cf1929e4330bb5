/**
 * A `TcpConnection` of a simulated host. Reads, writes and ends exactly as the one over Node's sockets does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Open from "../../../protocols/tcp/open.ts"
import {
  type CloseReason,
  type InterfaceBinding,
  LINGER,
  READ_LIMIT,
  type TcpConnection,
  TcpError,
  TcpIoError
} from "../../../services/Tcp.ts"
import type { Unreading } from "../../link/preface.ts"
import { endpointOf } from "./addresses.ts"
import { kindOf, SimulatedError } from "./errno.ts"
import type { KernelSocket } from "./KernelSocket.ts"
import { Outgoing } from "./Outgoing.ts"
import type { Held } from "./TcpStack.ts"

type Resume<A> = (effect: Effect.Effect<A, TcpError>) => void

const ClosedHere: CloseReason = { _tag: "ClosedHere" }
const ClosedByPeer: CloseReason = { _tag: "ClosedByPeer" }
const ResetHere: CloseReason = { _tag: "ResetHere" }
const ResetByPeer: CloseReason = { _tag: "ResetByPeer" }

const done = Cause.done()

export class SimulatedConnection implements TcpConnection, Held, Unreading {
  readonly binding: InterfaceBinding
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress

  /** Told once when it is over: for whoever keeps it in a list. */
  onOver: (() => void) | undefined = undefined

  private readonly socket: KernelSocket
  private chunks: Array<Uint8Array> = []
  private waiting = 0
  private reader: Resume<ReadonlyArray<Uint8Array>> | undefined = undefined
  private readonly outgoing: Outgoing
  private watchers: Array<(reason: CloseReason) => void> | undefined = undefined
  private finished = false
  private ended = false
  private cause: SimulatedError | undefined = undefined
  private leaving: "close" | "reset" | undefined = undefined
  private reason: CloseReason | undefined = undefined

  /** Adopts a connection whose handshake is done. */
  constructor(socket: KernelSocket, binding: InterfaceBinding) {
    this.socket = socket
    this.outgoing = new Outgoing(socket)
    this.binding = binding
    const { local, localPort, remote, remotePort } = socket.tcb.endpoints
    const { device, stack } = socket
    const scopeId = device === undefined || device === "lo" ? 0 : stack.host.indexOf(device)
    this.local = endpointOf(local, localPort, scopeId)
    this.remote = endpointOf(remote, remotePort, scopeId)
    socket.stack.held.add(this)
    socket.owner = () => this.changed()
    this.changed()
  }

  get isOver(): boolean {
    return this.reason !== undefined
  }

  waitsFor(): string | undefined {
    const name = `${NetAddress.formatInet(this.local)} -> ${NetAddress.formatInet(this.remote)}`
    if (this.reader !== undefined) return `bytes on ${name}`
    if (this.outgoing.isAwaited) return `room to write on ${name}`
    return this.watchers !== undefined && this.watchers.length > 0 ? `the end of ${name}` : undefined
  }

  // Something happened to the kernel's side.
  private changed(): void {
    if (this.reason !== undefined) return
    const { tcb } = this.socket
    if (!this.outgoing.isEmpty) this.feed()
    if (tcb.received.unread > 0 && (this.waiting < READ_LIMIT || tcb.failure !== undefined)) this.take()
    if (tcb.failure !== undefined) {
      this.cause = new SimulatedError({ syscall: "read", code: tcb.failure })
      return this.over()
    }
    if (tcb.ended && tcb.received.unread === 0 && !this.ended) {
      this.ended = true
      this.wakeReader()
    }
    this.overIfBothEnded()
  }

  private take(): void {
    const { tcb } = this.socket
    const chunks = Open.read(tcb)
    if (tcb.output.length > 0) this.flush()
    const { reader } = this
    if (reader !== undefined) {
      this.reader = undefined
      return reader(Effect.succeed(chunks))
    }
    for (const chunk of chunks) {
      this.chunks.push(chunk)
      this.waiting += chunk.length
    }
  }

  // Sends what a read or write made, without being told of it again.
  private flush(): void {
    const { owner } = this.socket
    this.socket.owner = undefined
    this.socket.touched()
    this.socket.owner = owner
  }

  private feed(): void {
    this.outgoing.feed()
    const done = this.outgoing.isEmpty
    if (done && this.finished) Open.shutdown(this.socket.tcb, this.socket.now)
    this.flush()
    if (done) this.outgoing.settle(Effect.void)
  }

  private overIfBothEnded(): void {
    if (this.ended && this.finished && this.outgoing.isEmpty) this.destroy()
  }

  // Lets go of the kernel's side, which sends what it has and ends by itself.
  private destroy(): void {
    if (this.reason !== undefined) return
    this.outgoing.clear()
    this.socket.owner = undefined
    Open.close(this.socket.tcb, this.socket.now)
    this.socket.touched()
    this.over()
  }

  private over(): void {
    if (this.reason !== undefined) return
    this.reason = this.howItEnded()
    this.socket.owner = undefined
    this.socket.stack.held.delete(this)
    this.onOver?.()
    this.wakeReader()
    this.outgoing.settle(this.fail("write"))
    const { watchers } = this
    this.watchers = undefined
    if (watchers !== undefined) for (const watch of watchers) watch(this.reason)
  }

  readonly pull: TcpConnection["pull"] = Effect.suspend(() => {
    if (this.chunks.length > 0) {
      const { chunks } = this
      this.chunks = []
      this.waiting = 0
      // The kernel may hold what there was no room for.
      if (this.reason === undefined && this.socket.tcb.received.unread > 0) this.changed()
      return Effect.succeed(chunks)
    }
    return this.endOfReading() ?? this.nextChunk
  })

  private readonly nextChunk = Effect.callback<ReadonlyArray<Uint8Array>, TcpError>((resume) => {
    this.reader = resume
    return Effect.sync(() => {
      if (this.reader === resume) this.reader = undefined
    })
  })

  unread(chunks: ReadonlyArray<Uint8Array>): void {
    this.chunks = [...chunks, ...this.chunks]
    for (const chunk of chunks) this.waiting += chunk.length
  }

  private get writable(): boolean {
    return this.reason === undefined && !this.finished && this.leaving === undefined
  }

  write(bytes: Uint8Array): Effect.Effect<void, TcpError> {
    return this.writeAll([bytes])
  }

  writeAll(chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, TcpError> {
    return Effect.suspend(() => {
      if (!this.writable) return this.fail("write")
      this.outgoing.push(chunks)
      if (!this.outgoing.isEmpty) this.feed()
      if (this.outgoing.isEmpty) return Effect.void
      return this.reason === undefined ? this.outgoing.wait : this.fail("write")
    })
  }

  get end(): TcpConnection["end"] {
    return Effect.suspend(() => {
      if (this.finished) return Effect.void
      if (!this.writable) return this.fail("end")
      this.finish()
      return Effect.void
    })
  }

  private finish(): void {
    this.finished = true
    if (!this.outgoing.isEmpty) return
    Open.shutdown(this.socket.tcb, this.socket.now)
    this.flush()
    this.overIfBothEnded()
  }

  get reset(): TcpConnection["reset"] {
    return Effect.sync(() => {
      if (this.reason !== undefined) return
      this.leaving = "reset"
      this.socket.owner = undefined
      Open.abort(this.socket.tcb)
      this.socket.touched()
      this.over()
    })
  }

  get close(): TcpConnection["close"] {
    return Effect.suspend(() => {
      if (this.reason !== undefined) return Effect.void
      this.leaving ??= "close"
      const destroy = Effect.sync(() => this.destroy())
      if (this.outgoing.isEmpty) return destroy
      if (!this.finished) this.finish()
      return Effect.andThen(this.flushed, destroy)
    })
  }

  // Waits until the kernel has taken everything, for so long at most.
  private get flushed(): Effect.Effect<void> {
    const { timeline } = this.socket.stack.host.air
    const late = Effect.callback<void>((resume) => {
      const timer = timeline.call(LINGER, () => resume(Effect.void))
      return Effect.sync(() => {
        timer.dead = true
      })
    })
    return Effect.asVoid(Effect.raceFirst(Effect.exit(this.outgoing.wait), late))
  }

  get closed(): TcpConnection["closed"] {
    return Effect.callback<CloseReason>((resume) => {
      if (this.reason !== undefined) return resume(Effect.succeed(this.reason))
      const watch = (reason: CloseReason) => resume(Effect.succeed(reason))
      ;(this.watchers ??= []).push(watch)
      return Effect.sync(() => {
        const at = this.watchers?.indexOf(watch) ?? -1
        if (at >= 0) this.watchers!.splice(at, 1)
      })
    })
  }

  private howItEnded(): CloseReason {
    if (this.leaving === "reset") return ResetHere
    if (this.cause !== undefined) {
      return kindOf(this.cause.code) === "Reset"
        ? ResetByPeer
        : { _tag: "Failed", error: this.error("read", this.cause) }
    }
    return this.ended && this.leaving === undefined ? ClosedByPeer : ClosedHere
  }

  private endOfReading(): TcpConnection["pull"] | undefined {
    if (this.cause !== undefined && this.reason !== undefined) return this.fail("read")
    if (this.ended) return done
    return this.reason === undefined ? undefined : this.fail("read")
  }

  private wakeReader(): void {
    const { reader } = this
    const end = reader === undefined ? undefined : this.endOfReading()
    if (reader === undefined || end === undefined) return
    this.reader = undefined
    reader(end as Effect.Effect<never, TcpError>)
  }

  private error(op: TcpIoError["op"], cause: SimulatedError | undefined): TcpError {
    const kind = cause === undefined ? "Closed" : kindOf(cause.code)
    return new TcpError({ reason: new TcpIoError({ op, kind, local: this.local, remote: this.remote, cause }) })
  }

  private fail(op: TcpIoError["op"]): Effect.Effect<never, TcpError> {
    return Effect.fail(this.error(op, this.cause))
  }
}
