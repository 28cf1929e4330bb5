/**
 * STUN over a TCP connection that stays open: several requests at once, answers told apart by transaction id.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { Deframer } from "../../protocols/stun/Deframer.ts"
import { TRANSACTION_ID } from "../../protocols/stun/header.ts"
import { Method, transactionKey } from "../../protocols/stun/Message.ts"
import { requestBytes, wished } from "../../protocols/stun/transaction.ts"
import { type Binding, type QueryOptions, StunClientError, type StunConnection } from "../../services/StunClient.ts"
import type { DialOptions, Tcp, TcpConnection, TcpError } from "../../services/Tcp.ts"
import {
  type Answer,
  type Asked,
  badAnswer,
  bindingOf,
  type Details,
  failure,
  limitOf,
  silence,
  Transactions,
  unsendable
} from "./Transactions.ts"

/** Over a connection that is read here until the scope closes. */
export const over = Effect.fnUntraced(function* (
  random: SecureRandom["Service"],
  connection: TcpConnection
): Effect.fn.Return<StunConnection, never, Scope.Scope> {
  const { local, remote } = connection
  const transactions = new Transactions(yield* Clock.Clock)
  let broken: Details | undefined = undefined
  const ended = (details: Details) =>
    Effect.sync(() => {
      broken = details
      transactions.fail(details)
    })
  yield* Effect.forkScoped(Effect.andThen(read(connection, transactions), ended))

  const ask = <A>(
    op: Asked["op"],
    method: number,
    attributes: Parameters<StunConnection["request"]>[1],
    timeout: Duration.Input | undefined,
    finish: (asked: Asked, answer: Answer, sentAt: number) => Result.Result<A, StunClientError>
  ): Effect.Effect<A, StunClientError> =>
    Effect.gen(function* () {
      const id = yield* random.randomBytes(TRANSACTION_ID)
      const question = { method, server: remote }
      const asked: Asked = { op, transport: "tcp", local, question, answer: Deferred.makeUnsafe(), otherwise: silence }
      if (broken !== undefined) return yield* failure(asked, broken)
      const made = requestBytes(method, id, attributes)
      if (Result.isFailure(made)) return yield* unsendable(asked, made.failure)
      const use = Effect.gen(function* () {
        const sentAt = transactions.now()
        yield* Effect.mapError(connection.write(made.success), (error) => failure(asked, fromSocket(error)))
        return yield* Effect.fromResult(finish(asked, yield* Deferred.await(asked.answer), sentAt))
      })
      const late = { duration: limitOf(timeout), orElse: () => Effect.fail(failure(asked, asked.otherwise)) }
      return yield* transactions.run(transactionKey(id), asked, Effect.timeoutOrElse(use, late))
    })

  return {
    connection,
    binding: (options) =>
      ask("binding", Method.Binding, [], options?.timeout, (asked, answer, at) => bindingOf(asked, answer, [at])),
    request: (method, attributes, options) =>
      ask("request", method, attributes, options?.timeout, (_, { message }) => Result.succeed(message))
  }
})

// Reads to the end, and says how it ended.
const read = (connection: TcpConnection, transactions: Transactions): Effect.Effect<Details> => {
  const { remote } = connection
  const deframer = new Deframer()
  return connection.pull.pipe(
    Effect.flatMap((chunks) => {
      for (const chunk of chunks) {
        deframer.push(chunk)
        for (let frame = deframer.next(); frame !== undefined; frame = deframer.next()) {
          if (frame._tag === "StunError") return Effect.fail(badAnswer(frame.message))
          if (frame._tag === "Message" && !transactions.take(frame.bytes, remote)) {
            transactions.stray(frame.bytes, remote)
          }
        }
      }
      return Effect.void
    }),
    Effect.forever,
    Effect.catch((end) => {
      if (!("_tag" in end)) return Effect.succeed(end)
      if (end._tag === "TcpError") return Effect.succeed(fromSocket(end))
      const cut = deframer.end()
      return Effect.succeed(
        cut === undefined
          ? ({ reason: "Network", kind: "Closed", detail: "the server closed the connection" } as const)
          : badAnswer(cut.message)
      )
    })
  )
}

const fromSocket = ({ reason }: TcpError): Details => {
  const { cause, detail, interface: device, kind } = reason
  return { reason: "Network", kind, interface: device, detail, cause: cause ?? reason }
}

export interface ConnectOptions extends Pick<DialOptions, "local" | "timeout"> {
  readonly server: NetAddress.InetAddress
}

export const dial = (
  tcp: Tcp["Service"],
  { local, server, timeout }: ConnectOptions
): Effect.Effect<TcpConnection, StunClientError, Scope.Scope> =>
  Effect.mapError(tcp.dial({ remote: server, local, timeout: limitOf(timeout) }), (error) => {
    const { local, remote = server } = error.reason
    const details = error.reason.kind === "TimedOut" ? silence : fromSocket(error)
    return new StunClientError({ ...details, op: "open", transport: "tcp", local, remote })
  })

/** From a connection of its own, closed afterwards. */
export const query = (
  tcp: Tcp["Service"],
  random: SecureRandom["Service"],
  options: QueryOptions
): Effect.Effect<Binding, StunClientError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { local, server, timeout } = options
      if (wished(options).length > 0) {
        const detail = "answers from elsewhere, to elsewhere and with padding are for UDP"
        const at = { op: "binding", transport: "tcp", remote: server } as const
        return yield* new StunClientError({ ...at, reason: "Network", kind: "InvalidInput", detail })
      }
      // RFC 8489 section 6.2.2: the time runs from the SYN on.
      const [handshake, connection] = yield* Effect.timed(dial(tcp, { server, local, timeout }))
      const stun = yield* over(random, connection)
      return yield* stun.binding({ timeout: limitOf(timeout) - Duration.toMillis(handshake) })
    })
  )
