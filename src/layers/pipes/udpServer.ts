/**
 * A UDP pipe that hears everybody, and the endpoints it was told to treat as clients of their own.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Message, Pipe, PipeError } from "../../services/Pipe.ts"
import type { InterfaceBinding } from "../../services/Tcp.ts"
import type { UdpSocket } from "../../services/Udp.ts"
import { BasePipe } from "./base.ts"
import * as Endpoint from "./endpoint.ts"
import type { Settings } from "./settings.ts"
import { UdpBase } from "./udpPipe.ts"

/** Accepted endpoints at most, unless told otherwise. */
const MAX_CLIENTS = 1024

type Acceptor = (effect: Effect.Effect<UdpClient, PipeError>) => void

export class UdpServerPipe extends UdpBase {
  readonly kind = "server"
  readonly remote = undefined
  // Only endpoints the program accepted, and a limited number: strangers, who may forge any, cannot make this grow for ever.
  private readonly clients: Map<string, UdpClient> = new Map()
  private readonly acceptors: Array<Acceptor> = []
  private readonly maxClients: number
  private over = false

  constructor(
    socket: UdpSocket,
    settings: Settings,
    scope: Scope.Closeable | undefined,
    maxClients: number = MAX_CLIENTS
  ) {
    super(socket, settings, scope)
    this.maxClients = maxClients
  }

  private get hasRoom(): boolean {
    return this.clients.size < this.maxClients
  }

  protected heard(message: Message) {
    if (this.clients.size === 0 && this.acceptors.length === 0) {
      this.deliver(message)
      return
    }
    const known = this.clients.get(Endpoint.keyOf(message.from))
    if (known !== undefined) {
      known.deliver(message)
      return
    }
    const acceptor = this.hasRoom ? this.acceptors.shift() : undefined
    if (acceptor === undefined) {
      this.deliver(message)
      return
    }
    const client = this.claim(message.from)
    client.deliver(message)
    acceptor(Effect.succeed(client))
  }

  protected warned(error: PipeError) {
    const remote = error.reason.remote
    if (remote !== undefined) this.clients.get(Endpoint.keyOf(remote))?.warned(error)
  }

  private claim(remote: NetAddress.InetAddress): UdpClient {
    const client = new UdpClient(this, remote)
    this.clients.set(Endpoint.keyOf(remote), client)
    return client
  }

  forget(client: UdpClient) {
    const key = Endpoint.keyOf(client.remote)
    if (this.clients.get(key) !== client) return
    this.clients.delete(key)
    if (this.over || this.acceptors.length === 0) return
    // Who waits for room gets whoever has been waiting here.
    const first = this.inbox.queue.take(undefined)
    if (first !== undefined) this.acceptors.shift()!(Effect.succeed(this.claimWith(first)))
  }

  override get accept(): Pipe["accept"] {
    const take = Effect.callback<UdpClient, PipeError>((resume) => {
      if (this.over) return resume(Effect.fail(this.failure("accept", "Closed")))
      const first = this.hasRoom ? this.inbox.queue.take(undefined) : undefined
      if (first !== undefined) return resume(Effect.succeed(this.claimWith(first)))
      this.acceptors.push(resume)
      return Effect.sync(() => {
        const at = this.acceptors.indexOf(resume)
        if (at >= 0) this.acceptors.splice(at, 1)
      })
    })
    return Effect.acquireRelease(take, (client) => client.close, { interruptible: true })
  }

  // The client gets all that waits here from its endpoint.
  private claimWith(first: Message): UdpClient {
    const client = this.claim(first.from)
    const isTheirs = (message: Message) => Endpoint.same(message.from, first.from)
    for (let message: Message | undefined = first; message !== undefined; message = this.inbox.queue.take(isTheirs)) {
      client.inbox.queue.push(message)
    }
    return client
  }

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      if (to === undefined) {
        return Effect.fail(this.failure("send", "InvalidInput", "a server has no single peer: say to which endpoint"))
      }
      const endpoint = Endpoint.parse(to)
      return Result.isFailure(endpoint)
        ? Effect.fail(this.failure("send", "InvalidInput", endpoint.failure))
        : this.transmit(data, endpoint.success)
    })
  }

  override get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.over = true
      for (const acceptor of this.acceptors.splice(0)) acceptor(Effect.fail(this.failure("accept", "Closed")))
      return Effect.andThen(
        Effect.forEach([...this.clients.values()], (client) => client.close, { discard: true }),
        super.close
      )
    })
  }
}

/** One endpoint of a UDP server, as a pipe. It shares the server's socket. */
class UdpClient extends BasePipe {
  readonly kind = "accepted"
  readonly transport = "udp"
  readonly secure = false
  readonly remote: NetAddress.InetAddress
  private readonly server: UdpServerPipe

  constructor(server: UdpServerPipe, remote: NetAddress.InetAddress) {
    super(server.settings, server, undefined)
    this.server = server
    this.remote = remote
    this.claimed = true
  }

  get local(): NetAddress.InetAddress {
    return this.server.local
  }

  get binding(): InterfaceBinding {
    return this.server.binding
  }

  warned(error: PipeError) {
    this.inbox.interject(error)
  }

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      if (this.ending !== undefined) return Effect.fail(this.failure("send", "Closed"))
      const wrong = Endpoint.notThePeer(to, this.remote)
      return wrong === undefined
        ? this.server.transmit(data, this.remote, this.counters)
        : Effect.fail(this.failure("send", "InvalidInput", wrong))
    })
  }

  get end(): Pipe["end"] {
    return Effect.void
  }

  get reset(): Effect.Effect<void> {
    return this.close
  }

  get close(): Effect.Effect<void> {
    return Effect.sync(() => {
      this.server.forget(this)
      this.finish({ _tag: "ClosedHere" })
    })
  }
}
