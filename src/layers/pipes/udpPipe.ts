/**
 * A pipe over a connected UDP socket.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Message, Pipe, PipeError, ReceiveOptions } from "../../services/Pipe.ts"
import type { InterfaceBinding } from "../../services/Tcp.ts"
import { type Datagram, UdpError, type UdpEvent, UdpIoError, type UdpSocket } from "../../services/Udp.ts"
import { BasePipe } from "./base.ts"
import type { Counters } from "./counters.ts"
import * as Endpoint from "./endpoint.ts"
import * as Failure from "./failure.ts"
import { canPush, type Intake, pulled } from "./intake.ts"
import { bytesOf, DatagramMessage } from "./message.ts"
import type { Settings } from "./settings.ts"

const endOfPull = (error: unknown): UdpError | undefined => {
  if (Cause.isDone(error)) return undefined
  return error instanceof UdpError
    ? error
    : new UdpError({ reason: new UdpIoError({ op: "read", kind: "Unknown", cause: error }) })
}

/** What pipes over one UDP socket share, client and server alike. */
export abstract class UdpBase extends BasePipe implements Intake<Datagram, UdpError | undefined> {
  readonly transport = "udp"
  readonly secure = false
  protected readonly socket: UdpSocket
  private fibers: Array<Fiber.Fiber<void>> = []

  constructor(socket: UdpSocket, settings: Settings, scope: Scope.Closeable | undefined) {
    super(settings, undefined, scope)
    this.socket = socket
  }

  get local(): NetAddress.InetAddress {
    return this.socket.local
  }

  get binding(): InterfaceBinding {
    return this.socket.binding
  }

  protected override get droppedBelow(): number {
    return this.socket.dropped()
  }

  /** Takes one datagram. */
  protected abstract heard(message: Message): void

  /** Takes one ICMP report, as the error it means. */
  protected abstract warned(error: PipeError): void

  /** Begins to read. Handlers are registered by now. */
  start(context: Context.Context<never>) {
    const { socket } = this
    const run = (effect: Effect.Effect<void>) => this.fibers.push(Effect.runForkWith(context)(effect))
    run(Stream.runForEach(socket.events, (event) => Effect.sync(() => this.warned(this.errorOf(event)))))
    const source = canPush<Datagram, UdpError | undefined>(socket) ? socket : pulled(socket.pull, endOfPull, run)
    source.pushTo(this)
  }

  take(datagram: Datagram): boolean {
    this.heard(new DatagramMessage(datagram))
    return true
  }

  ended(error: UdpError | undefined) {
    this.finish(
      error === undefined ? { _tag: "ClosedHere" } : { _tag: "Failed", error: Failure.fromSocket("receive", error) }
    )
  }

  private errorOf({ cause, kind, remote }: UdpEvent): PipeError {
    const detail = "a datagram sent earlier did not get there; the pipe is still open"
    return Failure.io("receive", "udp", { kind, local: this.local, remote, cause, detail })
  }

  /** Sends, and counts what the system took. */
  transmit(
    data: Uint8Array | string,
    to: NetAddress.InetAddress | undefined,
    counters: Counters = this.counters
  ): Effect.Effect<void, PipeError> {
    const bytes = bytesOf(data)
    return Effect.matchEffect(this.socket.send(bytes, to), {
      onSuccess: () => {
        counters.sent(bytes.length)
        return Effect.void
      },
      onFailure: (error) => Effect.fail(Failure.fromSocket("send", error))
    })
  }

  get end(): Pipe["end"] {
    return Effect.void
  }

  get reset(): Effect.Effect<void> {
    return this.close
  }

  get close(): Effect.Effect<void> {
    return Effect.andThen(
      this.socket.close,
      Effect.suspend(() => {
        for (const fiber of this.fibers.splice(0)) fiber.interruptUnsafe()
        this.finish({ _tag: "ClosedHere" })
        return this.released
      })
    )
  }
}

export class UdpPipe extends UdpBase {
  readonly kind = "client"
  readonly remote: NetAddress.InetAddress
  // The latest ICMP report that no `receive` was waiting for: the next one that finds nothing gets it, as on a BSD socket.
  private warning: PipeError | undefined = undefined

  constructor(
    socket: UdpSocket,
    remote: NetAddress.InetAddress,
    settings: Settings,
    scope: Scope.Closeable | undefined
  ) {
    super(socket, settings, scope)
    this.remote = remote
  }

  protected heard(message: Message) {
    this.warning = undefined
    this.deliver(message)
  }

  protected warned(error: PipeError) {
    if (this.inbox.isAwaited) this.inbox.interject(error)
    else this.warning = error
  }

  override receive(options?: ReceiveOptions): ReturnType<BasePipe["receive"]> {
    return Effect.suspend(() => {
      const warning = this.inbox.queue.length > 0 ? undefined : this.warning
      this.warning = undefined
      return warning === undefined ? super.receive(options) : Effect.fail(warning)
    })
  }

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      const wrong = Endpoint.notThePeer(to, this.remote)
      return wrong === undefined
        ? this.transmit(data, undefined)
        : Effect.fail(this.failure("send", "InvalidInput", wrong))
    })
  }
}
