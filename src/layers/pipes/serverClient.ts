/**
 * A connection of a TCP server: a pipe that belongs to the server until somebody accepts it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { CloseReason, Message } from "../../services/Pipe.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import type { Matcher } from "./matcher.ts"
import type { Registration } from "./sink.ts"
import { TcpPipe } from "./tcpPipe.ts"
import type { TcpServerPipe } from "./tcpServer.ts"

export class ServerClient extends TcpPipe {
  private readonly server: TcpServerPipe
  // Owns the connection, and TLS over it.
  private readonly scope: Scope.Closeable

  constructor(connection: TcpConnection, scope: Scope.Closeable, server: TcpServerPipe) {
    super(connection, server.secure, server.settings, server)
    this.server = server
    this.scope = scope
  }

  override get close(): Effect.Effect<void> {
    return Effect.andThen(super.close, Effect.andThen(Scope.close(this.scope, Exit.void), this.server.forget(this)))
  }

  override get reset(): Effect.Effect<void> {
    return Effect.andThen(super.reset, this.close)
  }

  /** From now on the accepting scope owns it. */
  claim() {
    this.claimed = true
    this.server.withMail.delete(this)
  }

  get isClaimed(): boolean {
    return this.claimed
  }

  protected override claimElsewhere(message: Message) {
    return this.claimed ? undefined : this.server.inbox.claim(message)
  }

  protected override kept() {
    if (!this.claimed) this.server.withMail.add(this)
  }

  /** For `receive` on the server. */
  takeMail(matches: Matcher | undefined): Message | undefined {
    const message = this.inbox.queue.take(matches)
    if (this.inbox.queue.length === 0) {
      this.server.withMail.delete(this)
      this.leaveIfDone()
    }
    return message
  }

  replayTo(registration: Registration) {
    this.replay(registration)
    this.server.withMail.delete(this)
  }

  private over: CloseReason | undefined = undefined

  protected override settled(reason: CloseReason) {
    this.over = reason
    this.leaveIfDone()
  }

  // The peer is gone and nobody but the server owns this end: what waits to be taken keeps it, unless the peer broke off.
  private leaveIfDone() {
    if (this.over === undefined || this.claimed) return
    if (this.over._tag === "ClosedByPeer" && this.inbox.queue.length > 0) return
    Effect.runFork(this.close)
  }
}
