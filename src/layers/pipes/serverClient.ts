/**
 * A connection of a TCP server: a pipe that belongs to the server until somebody accepts it.
 */
import * as Effect from "effect/Effect"
import type { CloseReason, Message } from "../../services/Pipe.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import type { Matcher } from "./matcher.ts"
import { TcpPipe } from "./tcpPipe.ts"
import type { TcpServerPipe } from "./tcpServer.ts"

export class ServerClient extends TcpPipe {
  private readonly server: TcpServerPipe

  constructor(connection: TcpConnection, secure: boolean, server: TcpServerPipe) {
    super(connection, secure, server.settings, server)
    this.server = server
  }

  /** From now on the accepting scope owns it. */
  claim() {
    this.claimed = true
    this.server.withMail.delete(this)
  }

  get isClaimed(): boolean {
    return this.claimed
  }

  protected override divert(message: Message): boolean {
    if (this.claimed) return false
    if (this.server.inbox.give(message)) return true
    this.server.withMail.add(this)
    return false
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

  private over: CloseReason | undefined = undefined

  protected override settled(reason: CloseReason) {
    this.over = reason
    this.leaveIfDone()
  }

  // The peer is gone and nobody but the server owns this end: what waits to be taken keeps it, unless the peer broke off.
  private leaveIfDone() {
    if (this.over === undefined || this.claimed) return
    if (this.over._tag === "ClosedByPeer" && this.inbox.queue.length > 0) return
    Effect.runFork(Effect.andThen(this.close, this.server.forget(this)))
  }
}
