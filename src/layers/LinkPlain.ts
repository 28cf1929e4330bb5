/**
 * `LinkSecurity` without encryption: both ends prove who they are, and whoever stands between them can read and alter what
 * follows. For simulations, where it costs no time but its round trips, and for those who choose it on both sides.
 *
 *     client -> server   hello
 *     server -> client   hello, signature
 *     client -> server   signature
 *
 * As with TLS 1.3 the client is done after one round trip, and the server half a round trip later.
 */
import * as Bytes from "effect/Bytes"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { SIGNATURE_BYTES } from "../protocols/crypto/signature.ts"
import * as Hello from "../protocols/hello/hello.ts"
import * as Transcript from "../protocols/hello/transcript.ts"
import * as PeerId from "../schemas/PeerId.ts"
import { Identity } from "../services/Identity.ts"
import { LinkSecurity, type LinkSecurityError, type SecuredLink } from "../services/LinkSecurity.ts"
import type { TcpError } from "../services/Tcp.ts"
import { readExactly } from "./link/preface.ts"
import { type Attempt, failure, inTime, judge, left, untrusted } from "./link/verdict.ts"

const protection = "plain"

const saying = (problem: Hello.Problem): string => {
  switch (problem._tag) {
    case "Tls":
      return "it secures its links with TLS, and this side has plaintext links: choose that on both sides or on neither"
    case "OtherVersion":
      return `it speaks version ${problem.version} of plaintext links, and this side ${Hello.VERSION}: update the older one`
    default:
      return "it does not speak as a peer with plaintext links: another program is there"
  }
}

/** Sends and reads the parts of the handshake on one connection. */
const talk = (attempt: Attempt) => {
  let { connection } = attempt
  const ended = (cause: TcpError): LinkSecurityError => {
    const { kind } = cause.reason
    return kind === "Closed" ? left(attempt, cause) : failure(attempt, { reason: "Network", kind, cause })
  }
  const write = (...chunks: ReadonlyArray<Uint8Array>) => Effect.mapError(connection.writeAll(chunks), ended)
  const read = (size: number) =>
    Effect.map(Effect.mapError(readExactly(connection, size), ended), (part) => {
      connection = part.connection
      return part.bytes
    })
  const refuse = Effect.fnUntraced(function* (problem: Hello.Problem) {
    // To TLS this is what TLS is to us: so that both sides know what the other speaks.
    if (problem._tag === "Tls" && attempt.op === "server") yield* Effect.ignore(write(Hello.MAGIC))
    return yield* untrusted(attempt, saying(problem))
  })
  const readHello = Effect.gen(function* () {
    // The first byte by itself: another protocol may send less than a hello, and wait.
    const first = yield* read(1)
    const strange = Hello.problemOf(first)
    if (strange !== undefined) return yield* refuse(strange)
    const bytes = new Uint8Array(Hello.SIZE)
    bytes.set(first)
    bytes.set(yield* read(Hello.SIZE - 1), 1)
    const hello = Hello.decode(bytes)
    return Result.isSuccess(hello) ? { ...hello.success, bytes } : yield* refuse(hello.failure)
  })
  return { write, read, readHello, connection: () => connection }
}

const make = Effect.gen(function* () {
  const identity = yield* Identity
  const random = yield* SecureRandom
  const own = identity.peerId
  const publicKey = PeerId.toKey(own)
  const newHello = (welcome: boolean) =>
    Effect.map(random.randomBytes(Hello.NONCE), (nonce) => Hello.encode({ publicKey, nonce, welcome }))

  // Who the other side is, where it holds the key it showed.
  const prove = Effect.fnUntraced(function* (
    attempt: Attempt,
    key: Uint8Array,
    context: string,
    transcript: Uint8Array,
    signature: Uint8Array
  ) {
    const peer = PeerId.fromKey(key)
    if (yield* identity.verify(peer, context, transcript, signature))
      return yield* Effect.fromResult(judge(attempt, peer))
    return yield* untrusted(attempt, `it claims to be ${peer} and does not hold that key: do not trust what it says`)
  })

  const client = Effect.fnUntraced(function* (attempt: Attempt) {
    const { connection, read, readHello, write } = talk(attempt)
    const mine = yield* newHello(false)
    yield* write(mine)
    const theirs = yield* readHello
    if (Bytes.Equivalence(theirs.bytes, mine)) {
      return yield* untrusted(attempt, "it sends back what it is sent: an echo server is there")
    }
    const transcript = Transcript.make(mine, theirs.bytes)
    const signature = yield* read(SIGNATURE_BYTES)
    const peer = yield* prove(attempt, theirs.publicKey, Transcript.contexts.server, transcript, signature)
    yield* write(yield* identity.sign(Transcript.contexts.client, transcript))
    return { connection: connection(), peer, protection, welcome: theirs.welcome } satisfies SecuredLink
  })

  const server = Effect.fnUntraced(function* (attempt: Attempt, welcome: boolean) {
    const { connection, read, readHello, write } = talk(attempt)
    const theirs = yield* readHello
    const mine = yield* newHello(welcome)
    const transcript = Transcript.make(theirs.bytes, mine)
    yield* write(mine, yield* identity.sign(Transcript.contexts.server, transcript))
    const signature = yield* read(SIGNATURE_BYTES)
    const peer = yield* prove(attempt, theirs.publicKey, Transcript.contexts.client, transcript, signature)
    return { connection: connection(), peer, protection, welcome } satisfies SecuredLink
  })

  const secure = (
    attempt: Attempt,
    proving: Effect.Effect<SecuredLink, LinkSecurityError>
  ): Effect.Effect<SecuredLink, LinkSecurityError, Scope.Scope> =>
    Effect.acquireRelease(inTime(attempt)(proving), (link) => link.connection.close, { interruptible: true })

  return LinkSecurity.of({
    protection,
    client: Effect.fn("LinkSecurity.client")((connection, options) => {
      const attempt: Attempt = { op: "client", connection, own, options }
      return secure(attempt, client(attempt))
    }),
    server: Effect.fn("LinkSecurity.server")((connection, options = {}) => {
      const attempt: Attempt = { op: "server", connection, own, options }
      return secure(attempt, server(attempt, options.welcome ?? false))
    })
  })
})

export const layer: Layer.Layer<LinkSecurity, never, Identity | SecureRandom> = Layer.effect(LinkSecurity, make)
