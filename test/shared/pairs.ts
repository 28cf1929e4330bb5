/**
 * Connected pipes for the shared tests.
 *
 * Messages are `lengthPrefixed` on TCP, so that message code is the same on both transports.
 */
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Message, Pipe, PipeError } from "../../src/services/Pipe.ts"
import { type CommonOptions, type ListenOptions, type OpenOptions, Pipes } from "../../src/services/Pipes.ts"
import type { Case, Host, Hosts } from "./World.ts"

type Opened = Effect.Effect<Pipe, PipeError, Scope.Scope>

const framingOf = ({ transport }: Case): Pick<CommonOptions, "framing"> =>
  transport === "tcp" ? { framing: "lengthPrefixed" } : {}

export const listen = (host: Host, which: Case, options: Partial<ListenOptions> = {}): Opened =>
  host.on(
    Pipes.use((pipes) =>
      pipes.listen({
        transport: which.transport,
        local: { address: host.address(which.family) },
        ...framingOf(which),
        ...options
      })
    )
  )

export const open = (
  host: Host,
  which: Case,
  destination: NonNullable<OpenOptions["destination"]>,
  options: Partial<OpenOptions> = {}
): Opened =>
  host.on(
    Pipes.use((pipes) => pipes.open({ transport: which.transport, destination, ...framingOf(which), ...options }))
  )

export interface Pair {
  readonly server: Pipe
  readonly client: Pipe
  /** The server's end of the client. */
  readonly accepted: Pipe
}

/** A server, a client, and the client accepted. A first message has gone through: on UDP it takes one to be accepted. */
export const pair = Effect.fnUntraced(function* (
  hosts: Hosts,
  which: Case,
  options: { readonly server?: Partial<ListenOptions>; readonly client?: Partial<OpenOptions> } = {}
) {
  const server = yield* listen(hosts.server, which, options.server)
  const client = yield* open(hosts.client, which, server.local, options.client)
  yield* client.send("open")
  const accepted = yield* server.accept
  yield* accepted.receive({ pattern: "^open\n?$" })
  return { server, client, accepted } satisfies Pair
})

/** Which end of a pair a test is about. */
export type Role = "client" | "server"

/** A pair seen from one end. */
export const ends = Effect.fnUntraced(function* (
  hosts: Hosts,
  which: Case,
  role: Role,
  mine: CommonOptions = {},
  theirs: CommonOptions = {}
) {
  const { accepted, client, server } = yield* pair(
    hosts,
    which,
    role === "client" ? { client: mine, server: theirs } : { client: theirs, server: mine }
  )
  return role === "client" ? { mine: client, theirs: accepted, server } : { mine: accepted, theirs: client, server }
})

/** How a program hears its messages. */
export type Style = "handlers" | "await"

/** One side of a conversation, however it is programmed. */
export interface Side {
  readonly pipe: Pipe
  readonly heard: Effect.Effect<Message, PipeError, Scope.Scope>
  readonly say: (data: Uint8Array | string) => Effect.Effect<void, PipeError, Scope.Scope>
}

export const clientSide = Effect.fnUntraced(function* (
  host: Host,
  which: Case,
  style: Style,
  destination: NetAddress.InetAddress
) {
  const heard = yield* Queue.unbounded<Message>()
  const pipe = yield* open(
    host,
    which,
    destination,
    style === "handlers" ? { onMessage: (message) => Queue.offer(heard, message) } : {}
  )
  return {
    pipe,
    heard: style === "handlers" ? Queue.take(heard) : pipe.receive(),
    say: (data) => pipe.send(data)
  } satisfies Side
})

/** A server with one client, which speaks first. */
export const serverSide = Effect.fnUntraced(function* (host: Host, which: Case, style: Style) {
  if (style === "await") {
    const pipe = yield* listen(host, which)
    const client = yield* Effect.cached(pipe.accept)
    return {
      pipe,
      heard: Effect.flatMap(client, (accepted) => accepted.receive()),
      say: (data) => Effect.flatMap(client, (accepted) => accepted.send(data))
    } satisfies Side
  }
  const heard = yield* Queue.unbounded<Message>()
  let reply: (data: Uint8Array | string) => Effect.Effect<void, PipeError> = () => Effect.void
  const pipe = yield* listen(host, which, {
    onMessage: (message, sender, from) => {
      reply = (data) => from.send(data, sender)
      return Queue.offer(heard, message)
    }
  })
  return { pipe, heard: Queue.take(heard), say: (data) => reply(data) } satisfies Side
})
