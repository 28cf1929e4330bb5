/**
 * A `net.Socket` as a `TcpConnection`.
 *
 * Data events are taken the moment they come, so no byte and no reset goes unnoticed; the socket is paused only while
 * `READ_LIMIT` bytes wait for the reader. One pull hands over everything that waits: that is what keeps bulk transfer at
 * the speed of a bare socket.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type * as net from "node:net"
import {
  type CloseReason,
  type InterfaceBinding,
  READ_LIMIT,
  type TcpConnection,
  TcpError,
  TcpIoError
} from "../../../services/Tcp.ts"
import type { Unreading } from "../../link/preface.ts"
import type { Gathering } from "../../link/writeSoon.ts"
import type { Intake, Pushing } from "../../pipes/intake.ts"
import { kindOf } from "../errno.ts"
import { endpointOf } from "../nativeAddress.ts"
import { behindEnd } from "./behindEnd.ts"
import { afterHandshake, flushed, lossOf } from "./leaving.ts"

type Resume<A> = (effect: Effect.Effect<A, TcpError>) => void

const ClosedHere: CloseReason = { _tag: "ClosedHere" }
const ClosedByPeer: CloseReason = { _tag: "ClosedByPeer" }
const ResetHere: CloseReason = { _tag: "ResetHere" }
const ResetByPeer: CloseReason = { _tag: "ResetByPeer" }

const done = Cause.done()

// The listeners are shared by all sockets and find their connection on the socket: five closures fewer for each.
const connectionKey = Symbol.for("effect-p2p/NodeTcpConnection")

/** The connection that has the socket now. */
export const adopterOf = (socket: object): NodeTcpConnection | undefined => (socket as Partial<Adopted>)[connectionKey]

type Adopted = net.Socket & { [connectionKey]: NodeTcpConnection }

function onData(this: Adopted, chunk: Uint8Array) {
  this[connectionKey].received(chunk)
}
function onEnd(this: Adopted) {
  this[connectionKey].peerEnded()
}
function onError(this: Adopted, cause: Error) {
  this[connectionKey].failed(cause)
}
function onClose(this: Adopted) {
  this[connectionKey].over()
}
function onDrain(this: Adopted) {
  this[connectionKey].drained()
}

/** What is known of a connection beside its socket. */
export interface Known {
  readonly local?: NetAddress.InetAddress | undefined
  readonly remote?: NetAddress.InetAddress | undefined
  /** The connection a TLS socket runs over. */
  readonly under?: TcpConnection | undefined
  /** It is adopted within OpenSSL's own event, and cannot be left before that is over. */
  readonly inHandshake?: boolean | undefined
  /** Why an end of reading is none. Default: what the kernel says. */
  readonly behindEnd?: ((socket: net.Socket) => Error | undefined) | undefined
}

export class NodeTcpConnection implements TcpConnection, Pushing<Uint8Array, CloseReason>, Unreading, Gathering {
  readonly socket: net.Socket
  readonly binding: InterfaceBinding
  readonly local: NetAddress.InetAddress
  readonly remote: NetAddress.InetAddress

  private readonly under: TcpConnection | undefined
  private readonly behindEnd: (socket: net.Socket) => Error | undefined
  private intake: Intake<Uint8Array, CloseReason> | undefined = undefined
  private chunks: Array<Uint8Array> = []
  private waiting = 0
  private reader: Resume<ReadonlyArray<Uint8Array>> | undefined = undefined
  private writers: Array<Resume<void>> | undefined = undefined
  private watchers: Array<(reason: CloseReason) => void> | undefined = undefined
  private ended: boolean
  private cause: Error | undefined = undefined
  private leaving: "close" | "reset" | undefined = undefined
  private reason: CloseReason | undefined = undefined
  private inHandshake: boolean
  private isGathering = false

  /**
   * Adopts a connected socket made with `allowHalfOpen`, in the same turn as its connect event, before data can come.
   * Each endpoint that is not known costs a system call.
   */
  constructor(socket: net.Socket, binding: InterfaceBinding, known: Known = {}) {
    this.socket = socket
    this.binding = binding
    this.under = known.under
    this.behindEnd = known.behindEnd ?? behindEnd
    this.local = known.under?.local ?? known.local ?? endpointOf(socket.localAddress ?? "::", socket.localPort ?? 0)
    this.remote =
      known.under?.remote ?? known.remote ?? endpointOf(socket.remoteAddress ?? "::", socket.remotePort ?? 0)
    this.ended = socket.readableEnded
    this.inHandshake = known.inHandshake === true
    if (this.inHandshake) setImmediate(() => (this.inHandshake = false))
    ;(socket as Adopted)[connectionKey] = this
    socket.on("end", onEnd).on("error", onError).on("close", onClose).on("drain", onDrain).on("data", onData)
    if (socket.destroyed) this.over()
  }

  // Receiving

  received(chunk: Uint8Array) {
    if (this.intake !== undefined && this.chunks.length === 0) {
      if (!this.intake.take(chunk)) this.socket.pause()
      return
    }
    const reader = this.reader
    if (reader !== undefined) {
      this.reader = undefined
      return reader(Effect.succeed([chunk]))
    }
    this.chunks.push(chunk)
    this.waiting += chunk.length
    if (this.waiting >= READ_LIMIT) this.socket.pause()
  }

  /**
   * A chunk on its way into the stream of the socket, which may spare it that way: `undefined` where it may not, else whether
   * more may come at once.
   */
  receivedBefore(chunk: Uint8Array): boolean | undefined {
    const { intake, socket } = this
    if (
      intake === undefined ||
      this.chunks.length > 0 ||
      socket.readableFlowing !== true ||
      socket.readableLength > 0
    ) {
      return undefined
    }
    if (intake.take(chunk)) return true
    socket.pause()
    return false
  }

  peerEnded() {
    const { socket } = this
    // A write that failed in this turn took the kernel's error, and tells of it next.
    if (socket.errored instanceof Error) return
    const cause = this.behindEnd(socket)
    if (cause !== undefined) {
      // What a close still sends may arrive.
      if (this.leaving === undefined) socket.destroy(cause)
      return
    }
    this.ended = true
    this.tellEnd()
  }

  failed(cause: Error) {
    this.cause ??= cause
  }

  over() {
    if (this.reason !== undefined) return
    this.reason = this.howItEnded()
    this.tellEnd()
    this.failWriters()
    const watchers = this.watchers
    this.watchers = undefined
    if (watchers !== undefined) for (const watch of watchers) watch(this.reason)
  }

  pushTo(intake: Intake<Uint8Array, CloseReason>) {
    this.intake = intake
    this.resume()
  }

  resume() {
    const { intake } = this
    if (intake === undefined) return
    while (this.chunks.length > 0) {
      if (!intake.take(this.chunks.shift()!)) return this.socket.pause()
    }
    this.waiting = 0
    if (this.ended || this.reason !== undefined) this.tellEnd()
    else if (this.socket.isPaused()) this.socket.resume()
  }

  get pull(): TcpConnection["pull"] {
    return (this.pulling ??= Effect.suspend(() => {
      if (this.chunks.length > 0) {
        const chunks = this.chunks
        this.chunks = []
        if (this.waiting >= READ_LIMIT) this.socket.resume()
        this.waiting = 0
        return Effect.succeed(chunks)
      }
      return this.endOfReading() ?? this.nextChunk
    }))
  }

  unread(chunks: ReadonlyArray<Uint8Array>) {
    this.chunks = [...chunks, ...this.chunks]
    for (const chunk of chunks) this.waiting += chunk.length
  }

  // Made for those who pull: most connections push, and an idle one should cost little memory.
  private pulling: TcpConnection["pull"] | undefined = undefined

  private get nextChunk(): TcpConnection["pull"] {
    return Effect.callback<ReadonlyArray<Uint8Array>, TcpError>((resume) => {
      this.reader = resume
      return Effect.sync(() => {
        if (this.reader === resume) this.reader = undefined
      })
    })
  }

  // Sending

  write(bytes: Uint8Array): Effect.Effect<void, TcpError> {
    return Effect.suspend(() => {
      if (!this.socket.writable) return this.fail("write")
      const room = this.socket.write(bytes)
      this.release()
      return room ? Effect.void : this.drain
    })
  }

  writeAll(chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, TcpError> {
    return Effect.suspend(() => {
      if (!this.socket.writable) return this.fail("write")
      let room = true
      this.socket.cork()
      for (const chunk of chunks) room = this.socket.write(chunk)
      this.socket.uncork()
      this.release()
      return room ? Effect.void : this.drain
    })
  }

  writeSoon(bytes: Uint8Array): Effect.Effect<void, TcpError> {
    return Effect.suspend(() => {
      if (!this.socket.writable) return this.fail("write")
      if (!this.isGathering) {
        this.isGathering = true
        this.socket.cork()
        process.nextTick(() => this.release())
      }
      return this.socket.write(bytes) ? Effect.void : this.drain
    })
  }

  // With the next bytes, which may come long before this turn is over.
  private release() {
    if (!this.isGathering) return
    this.isGathering = false
    this.socket.uncork()
  }

  drained() {
    const writers = this.writers
    this.writers = undefined
    if (writers !== undefined) for (const resume of writers) resume(Effect.void)
  }

  private get drain(): Effect.Effect<void, TcpError> {
    return Effect.callback<void, TcpError>((resume) => {
      if (this.reason !== undefined) return resume(this.fail("write"))
      ;(this.writers ??= []).push(resume)
      return Effect.sync(() => {
        const at = this.writers?.indexOf(resume) ?? -1
        if (at >= 0) this.writers!.splice(at, 1)
      })
    })
  }

  get end(): TcpConnection["end"] {
    return Effect.suspend(() => {
      if (this.socket.writableEnded) return Effect.void
      if (!this.socket.writable) return this.fail("end")
      this.socket.end()
      return Effect.void
    })
  }

  get reset(): TcpConnection["reset"] {
    return Effect.suspend(() => {
      if (this.reason !== undefined || this.socket.destroyed) return Effect.void
      this.leaving = "reset"
      const { under } = this
      if (under === undefined) {
        this.socket.resetAndDestroy()
        return Effect.void
      }
      const destroy = Effect.sync(() => {
        this.socket.destroy()
      })
      // Only the TCP socket below TLS can send RST, and it must before TLS closes it.
      const leave = Effect.andThen(under.reset, destroy)
      return this.inHandshake ? afterHandshake(leave) : leave
    })
  }

  /** Gives the socket up, with what was received and not read put back: for TLS, which takes it over. */
  detach(): net.Socket {
    const { socket } = this
    socket.off("end", onEnd).off("error", onError).off("close", onClose).off("drain", onDrain).off("data", onData)
    socket.pause()
    for (const chunk of this.chunks.splice(0).toReversed()) socket.unshift(chunk)
    return socket
  }

  get close(): TcpConnection["close"] {
    return Effect.suspend(() => {
      if (this.reason !== undefined || this.socket.destroyed) return Effect.void
      this.leaving ??= "close"
      const destroy = Effect.suspend(() => {
        const lost = this.socket.writableLength
        this.socket.destroy()
        return lost === 0 ? Effect.void : Effect.logDebug(lossOf(this, lost))
      })
      // TLS says goodbye (close_notify, RFC 8446 section 6.1): without it, the peer must take the end for a truncation.
      const silent = this.under === undefined || this.socket.writableFinished
      const leave = this.inHandshake ? afterHandshake(destroy) : destroy
      if (this.socket.writableLength === 0 && silent) return leave
      this.socket.end()
      return Effect.andThen(flushed(this.socket), leave)
    })
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
      return kindOf(this.cause) === "Reset" ? ResetByPeer : { _tag: "Failed", error: this.error("read", this.cause) }
    }
    return this.ended && this.leaving === undefined ? ClosedByPeer : ClosedHere
  }

  private endOfReading(): TcpConnection["pull"] | undefined {
    if (this.cause !== undefined && this.reason !== undefined) return this.fail("read")
    if (this.ended) return done
    return this.reason === undefined ? undefined : this.fail("read")
  }

  private tellEnd() {
    const { intake, reader } = this
    if (intake !== undefined) {
      if (this.chunks.length === 0) intake.ended(this.ended ? ClosedByPeer : this.reason!)
      return
    }
    const end = reader === undefined ? undefined : this.endOfReading()
    if (reader === undefined || end === undefined) return
    this.reader = undefined
    reader(end as Effect.Effect<never, TcpError>)
  }

  private failWriters() {
    const writers = this.writers
    this.writers = undefined
    if (writers !== undefined) for (const resume of writers) resume(this.fail("write"))
  }

  private error(op: TcpIoError["op"], cause: Error | undefined): TcpError {
    return new TcpError({
      reason: new TcpIoError({
        op,
        kind: cause === undefined ? "Closed" : kindOf(cause),
        local: this.local,
        remote: this.remote,
        cause
      })
    })
  }

  private fail(op: TcpIoError["op"]): Effect.Effect<never, TcpError> {
    return Effect.fail(this.error(op, this.cause))
  }
}
