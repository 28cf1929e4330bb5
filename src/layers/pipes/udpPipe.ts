/**
 * A pipe over a connected UDP socket.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import type { Pipe, PipeError, ReceiveOptions } from "../../services/Pipe.ts"
import type { InterfaceBinding } from "../../services/Tcp.ts"
import type { UdpError, UdpSocket } from "../../services/Udp.ts"
import { BasePipe, bytesOf, type Settings } from "./base.ts"
import type { Counters } from "./counters.ts"
import * as Failure from "./failure.ts"
import { DatagramMessage } from "./message.ts"

/** What pipes over one UDP socket share, client and server alike. */
export abstract class UdpBase extends BasePipe {
  readonly transport = "udp"
  readonly secure = false
  protected readonly socket: UdpSocket
  private fibers: ReadonlyArray<Fiber.Fiber<void>> = []

  constructor(socket: UdpSocket, settings: Settings) {
    super(settings, undefined)
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
  protected abstract heard(message: DatagramMessage): void

  /** Takes one ICMP report, as the error it means. */
  protected abstract warned(error: PipeError): void

  /** Begins to read. Handlers are registered by now. */
  start(context: Context.Context<never>) {
    const run = Effect.runForkWith(context)
    const reading = Effect.gen({ self: this }, function* () {
      for (;;) {
        const datagrams = yield* this.socket.pull
        for (const datagram of datagrams) this.heard(new DatagramMessage(datagram))
      }
    }).pipe(
      Effect.catch((error) =>
        Effect.sync(() =>
          this.finish(
            error._tag === "UdpError"
              ? { _tag: "Failed", error: Failure.fromSocket("receive", error) }
              : { _tag: "ClosedHere" }
          )
        )
      )
    )
    const warnings = Stream.runForEach(this.socket.events, (event) =>
      Effect.sync(() =>
        this.warned(
          Failure.io("receive", "udp", {
            kind: event.kind,
            local: this.local,
            remote: event.remote,
            cause: event.cause,
            detail: "a datagram sent earlier did not get there; the pipe is still open"
          })
        )
      )
    )
    this.fibers = [run(reading), run(warnings)]
  }

  transmit(
    data: Uint8Array | string,
    to: NetAddress.InetAddress | undefined,
    counters: Counters = this.counters
  ): Effect.Effect<void, PipeError> {
    const bytes = bytesOf(data)
    counters.sent(bytes.length)
    return Effect.mapError(this.socket.send(bytes, to), (error: UdpError) => Failure.fromSocket("send", error))
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
      Effect.sync(() => {
        for (const fiber of this.fibers) fiber.interruptUnsafe()
        this.finish({ _tag: "ClosedHere" })
      })
    )
  }
}

export class UdpPipe extends UdpBase {
  readonly kind = "client"
  readonly remote: NetAddress.InetAddress
  // The latest ICMP report that no `receive` was waiting for: the next one that finds nothing gets it, as on a BSD socket.
  private warning: PipeError | undefined = undefined

  constructor(socket: UdpSocket, remote: NetAddress.InetAddress, settings: Settings) {
    super(socket, settings)
    this.remote = remote
  }

  protected heard(message: DatagramMessage) {
    this.warning = undefined
    this.deliver(message)
  }

  protected warned(error: PipeError) {
    if (!this.inbox.interject(error)) this.warning = error
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
      const wrong = this.wrongPeer(to, this.remote)
      return wrong === undefined ? this.transmit(data, undefined) : Effect.fail(wrong)
    })
  }
}
