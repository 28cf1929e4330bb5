/**
 * Binding requests over UDP: on a socket that others use as well, and from a socket of their own.
 */
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { TRANSACTION_ID } from "../../protocols/stun/header.ts"
import { Method, transactionKey } from "../../protocols/stun/Message.ts"
import { RTO, waits } from "../../protocols/stun/retransmission.ts"
import { isChange, requestBytes, wished } from "../../protocols/stun/transaction.ts"
import type { NetKind } from "../../schemas/NetKind.ts"
import { type Binding, type QueryOptions, StunClientError, type StunSocket } from "../../services/StunClient.ts"
import type { Udp, UdpError, UdpEvent, UdpSocket } from "../../services/Udp.ts"
import {
  type Asked,
  bindingOf,
  type Details,
  failure,
  limitOf,
  silence,
  Transactions,
  unsendable
} from "./Transactions.ts"

/** ICMP reports that are no passing trouble of the way: a transaction is over with them (RFC 8489 section 6.2.1). */
const final: ReadonlySet<NetKind> = new Set<UdpEvent["kind"]>(["Refused", "Permission", "TooLarge"])

interface OwnSocket extends StunSocket {
  /** What `take` did not want, where nothing else is expected. */
  readonly stray: Transactions["stray"]
}

/** On a socket that somebody else reads. */
export const onSocket = (
  random: SecureRandom["Service"],
  socket: Pick<UdpSocket, "local" | "send">
): Effect.Effect<OwnSocket> =>
  Effect.clockWith((clock: Clock.Clock) => {
    const transactions = new Transactions(clock)

    const binding: StunSocket["binding"] = Effect.fnUntraced(function* (server, options = {}) {
      const id = yield* random.randomBytes(TRANSACTION_ID)
      const asked: Asked = {
        op: "binding",
        transport: "udp",
        local: socket.local,
        question: { method: Method.Binding, server, change: options.change, other: options.other },
        answer: Deferred.makeUnsafe(),
        otherwise: silence
      }
      const made = requestBytes(Method.Binding, id, wished(options))
      if (Result.isFailure(made)) return yield* unsendable(asked, made.failure)
      return yield* transactions.run(
        transactionKey(id),
        asked,
        transmit(transactions, asked, limitOf(options.timeout), socket.send(made.success, server))
      )
    })

    return Effect.succeed<OwnSocket>({
      binding,
      take: (bytes, from) => transactions.take(bytes, from),
      stray: (bytes, from) => transactions.stray(bytes, from),
      report: ({ cause, kind, remote }) => {
        transactions.fail({ reason: "Network", kind, cause }, remote, final.has(kind) ? "now" : "in the end")
      }
    })
  })

// Sends until there is an answer.
const transmit = Effect.fnUntraced(function* (
  transactions: Transactions,
  asked: Asked,
  limit: number,
  send: Effect.Effect<void, UdpError>
): Effect.fn.Return<Binding, StunClientError> {
  const sent: Array<number> = []
  for (const wait of waits(RTO, limit)) {
    sent.push(transactions.now())
    yield* Effect.mapError(send, (error) => failure(asked, fromSocket(error)))
    const answer = yield* Effect.timeoutOption(Deferred.await(asked.answer), wait)
    if (Option.isSome(answer)) return yield* Effect.fromResult(bindingOf(asked, answer.value, sent))
  }
  return yield* failure(asked, asked.otherwise)
})

const fromSocket = (error: UdpError): Details => {
  const { cause, detail, interface: device, kind } = error.reason
  return { reason: "Network", kind, interface: device, detail, cause: cause ?? error }
}

/** From a socket of its own, closed afterwards. */
export const query = (
  udp: Udp["Service"],
  random: SecureRandom["Service"],
  options: QueryOptions
): Effect.Effect<Binding, StunClientError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { change, local = {}, server } = options
      const failed = (op: StunClientError["op"]) => (error: UdpError) =>
        new StunClientError({ ...fromSocket(error), op, transport: "udp", local: error.reason.local, remote: server })
      const any = NetAddress.isIpv4Address(server.address) ? NetAddress.ipv4Unspecified : NetAddress.ipv6Unspecified
      const socket = yield* Effect.mapError(
        udp.bind(isChange(change) ? { ...local, address: local.address ?? any } : { ...local, remote: server }),
        failed("open")
      )
      const stun = yield* onSocket(random, socket)
      const reading = socket.pull.pipe(
        Effect.map((datagrams) => {
          for (const { bytes, from } of datagrams) if (!stun.take(bytes, from)) stun.stray(bytes, from)
        }),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.never),
        Effect.mapError(failed("binding"))
      )
      const listening = Effect.andThen(
        Stream.runForEach(socket.events, (event) => Effect.sync(() => stun.report(event))),
        Effect.never
      )
      return yield* Effect.raceAllFirst([stun.binding(server, options), reading, listening])
    })
  )
