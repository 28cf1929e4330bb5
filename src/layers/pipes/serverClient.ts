/**
 * A connection of a TCP server: a pipe that belongs to the server until somebody accepts it.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type { Message } from "../../services/Pipe.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import type { Matcher } from "./matcher.ts"
import type { Registration } from "./sink.ts"
import { TcpPipe } from "./tcpPipe.ts"
import type { TcpServerPipe } from "./tcpServer.ts"

export class ServerClient extends TcpPipe {
  /** The peer, as its server finds it. */
  readonly key: string
  private readonly server: TcpServerPipe

  constructor(connection: TcpConnection, scope: Scope.Closeable, server: TcpServerPipe) {
    super(connection, server.secure, server.settings, server, scope)
    this.key = NetAddress.formatInet(connection.remote)
    this.server = server
  }

  override get close(): Effect.Effect<void> {
    return Effect.andThen(
      super.close,
      Effect.sync(() => {
        this.server.forget(this)
        this.settle()
      })
    )
  }

  override get reset(): Effect.Effect<void> {
    return Effect.andThen(super.reset, this.close)
  }

  /** From now on the accepting scope owns it. */
  claim() {
    this.claimed = true
    this.server.withMail.delete(this)
    this.settle()
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
    if (this.inbox.queue.length === 0) this.mailTaken()
    return message
  }

  replayTo(registration: Registration) {
    this.replay(registration)
    this.mailTaken()
  }

  private mailTaken() {
    this.server.withMail.delete(this)
    this.settle()
  }

  // Mail for the server outlives a peer that finished well.
  protected override get isHeld(): boolean {
    return this.ending?._tag === "ClosedByPeer" && this.server.withMail.has(this)
  }

  protected override settled() {
    if (!this.claimed) this.server.run(this.close)
  }
}
