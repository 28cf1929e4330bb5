/**
 * A listening TCP pipe and its clients.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { Pipe, PipeError } from "../../services/Pipe.ts"
import type { InterfaceBinding, TcpConnection, TcpListener } from "../../services/Tcp.ts"
import type { Handshake } from "../../services/Tls.ts"
import { BasePipe } from "./base.ts"
import * as Endpoint from "./endpoint.ts"
import * as Failure from "./failure.ts"
import type { Matcher } from "./matcher.ts"
import { ServerClient } from "./serverClient.ts"
import type { Settings } from "./settings.ts"
import type { Registration } from "./sink.ts"

/** A client that takes longer for the TLS handshake is dropped. */
const HANDSHAKE_TIMEOUT = "10 seconds"

type Acceptor = (effect: Effect.Effect<ServerClient, PipeError>) => void

export class TcpServerPipe extends BasePipe {
  readonly kind = "server"
  readonly transport = "tcp"
  readonly secure: boolean
  readonly remote = undefined
  private readonly listener: TcpListener
  private readonly tls: Handshake | undefined
  /** All that are open. */
  private readonly clients: Set<ServerClient> = new Set()
  /** The latest of each remote endpoint: one endpoint may connect to several addresses of this server. */
  private readonly byRemote: Map<string, ServerClient> = new Map()
  /** Not accepted by the program yet, oldest first. */
  private readonly unclaimed: Set<ServerClient> = new Set()
  /** Of those, the ones with messages in their inbox. */
  readonly withMail: Set<ServerClient> = new Set()
  private readonly acceptors: Array<Acceptor> = []
  private readonly handshakes: Set<Fiber.Fiber<void>> = new Set()
  private context: Context.Context<never> | undefined = undefined

  constructor(listener: TcpListener, tls: Handshake | undefined, settings: Settings, scope: Scope.Closeable) {
    super(settings, undefined, scope)
    this.listener = listener
    this.tls = tls
    this.secure = tls !== undefined
  }

  get local(): NetAddress.InetAddress {
    return this.listener.local
  }

  get binding(): InterfaceBinding {
    return this.listener.binding
  }

  override get isOpen(): boolean {
    return false
  }

  /** Takes connections until the listener ends. */
  start(context: Context.Context<never>, scope: Scope.Scope) {
    this.context = context
    Fiber.runIn(Effect.runForkWith(context)(this.serve), scope)
  }

  private get serve(): Effect.Effect<void> {
    const take = Effect.suspend(() => {
      const scope = Scope.makeUnsafe()
      // Who accepts it may close this server at once; the connection is theirs all the same.
      let given = false
      return Effect.onExit(
        Effect.map(Scope.provide(this.listener.accept, scope), (connection) => {
          given = true
          this.connected(connection, scope)
        }),
        (exit) => (given ? Effect.void : Scope.close(scope, exit))
      )
    })
    return Effect.catch(Effect.forever(take, { disableYield: true }), (error) =>
      Effect.sync(() =>
        this.finish(
          error.reason.kind === "Closed"
            ? { _tag: "ClosedHere" }
            : { _tag: "Failed", error: Failure.fromSocket("accept", error) }
        )
      )
    )
  }

  private connected(connection: TcpConnection, scope: Scope.Closeable) {
    if (this.tls === undefined) this.arrived(connection, scope)
    else {
      const fiber = Effect.runForkWith(this.context!)(this.handshake(this.tls, connection, scope))
      this.handshakes.add(fiber)
      fiber.addObserver(() => this.handshakes.delete(fiber))
    }
  }

  // Handshakes run side by side, each bounded in time; the listener's `maxConnections` bounds their number.
  private handshake(secure: Handshake, connection: TcpConnection, scope: Scope.Closeable) {
    return secure(connection).pipe(
      Scope.provide(scope),
      Effect.timeout(HANDSHAKE_TIMEOUT),
      Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit))),
      Effect.matchEffect({
        onSuccess: (secured) => Effect.sync(() => this.arrived(secured, scope)),
        onFailure: (error) => Effect.logDebug("a client's TLS handshake failed", error)
      })
    )
  }

  private arrived(connection: TcpConnection, scope: Scope.Closeable) {
    const client = new ServerClient(connection, scope, this)
    this.clients.add(client)
    this.byRemote.set(client.key, client)
    const acceptor = this.acceptors.shift()
    if (acceptor !== undefined) {
      client.claim()
      acceptor(Effect.succeed(client))
    } else {
      this.unclaimed.add(client)
    }
    client.start(this.context!)
  }

  /** Runs what a client does by itself, on the clock and scheduler of the server. */
  run(effect: Effect.Effect<void>) {
    Effect.runForkWith(this.context!)(effect)
  }

  /** A client is gone. */
  forget(client: ServerClient) {
    this.unclaimed.delete(client)
    this.withMail.delete(client)
    this.clients.delete(client)
    if (this.byRemote.get(client.key) === client) this.byRemote.delete(client.key)
  }

  override get accept(): Pipe["accept"] {
    const take = Effect.callback<ServerClient, PipeError>((resume) => {
      const [client] = this.unclaimed
      if (client !== undefined) {
        this.unclaimed.delete(client)
        client.claim()
        return resume(Effect.succeed(client))
      }
      if (this.over) return resume(Effect.fail(this.failure("accept", "Closed")))
      this.acceptors.push(resume)
      return Effect.sync(() => {
        const at = this.acceptors.indexOf(resume)
        if (at >= 0) this.acceptors.splice(at, 1)
      })
    })
    return Effect.acquireRelease(take, (client) => client.close, {
      interruptible: true
    })
  }

  protected override readonly early = (matches: Matcher | undefined) => {
    for (const client of this.withMail) {
      const message = client.takeMail(matches)
      if (message !== undefined) return message
    }
    return undefined
  }

  protected override replay(registration: Registration) {
    super.replay(registration)
    for (const client of this.withMail) client.replayTo(registration)
  }

  send(data: Uint8Array | string, to?: NetAddress.InetAddress | string): Effect.Effect<void, PipeError> {
    return Effect.suspend(() => {
      if (this.over) return Effect.fail(this.failure("send", "Closed"))
      if (to === undefined) {
        return Effect.fail(this.failure("send", "InvalidInput", "a server has no single peer: say to which client"))
      }
      const endpoint = Endpoint.parse(to)
      if (Result.isFailure(endpoint)) return Effect.fail(this.failure("send", "InvalidInput", endpoint.failure))
      const client = this.byRemote.get(Endpoint.keyOf(endpoint.success))
      return client === undefined
        ? Effect.fail(
            this.failure("send", "InvalidInput", `${Endpoint.keyOf(endpoint.success)} is not connected to it`)
          )
        : client.send(data)
    })
  }

  get end(): Pipe["end"] {
    return Effect.fail(this.failure("end", "Unsupported", "a server has no single peer: end its clients"))
  }

  private over = false

  get close(): Effect.Effect<void> {
    return this.stop((client) => client.close)
  }

  get reset(): Effect.Effect<void> {
    return this.stop((client) => client.reset)
  }

  private stop(leave: (client: ServerClient) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.over = true
      for (const acceptor of this.acceptors.splice(0)) acceptor(Effect.fail(this.failure("accept", "Closed")))
      const clients = [...this.clients].filter((client) => !client.isClaimed)
      for (const fiber of this.handshakes) fiber.interruptUnsafe()
      return Effect.andThen(
        this.listener.close,
        Effect.andThen(
          Effect.forEach(clients, leave, { concurrency: "unbounded", discard: true }),
          Effect.suspend(() => {
            this.finish({ _tag: "ClosedHere" })
            return this.released
          })
        )
      )
    })
  }
}
