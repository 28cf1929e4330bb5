/** The kinds of probes over TCP, each as what is done for one transmission and what ends it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { encode } from "../../protocols/stun/encode.ts"
import { indication, type Message, Method, request } from "../../protocols/stun/Message.ts"
import { NONCE, probeRequest, readReport } from "../../protocols/stun/probeBack.ts"
import type { NetKind } from "../../schemas/NetKind.ts"
import type { Outcome } from "../../schemas/NatObservation.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import type { Answers } from "./Answers.ts"
import type { Exchange } from "./Exchange.ts"
import { read, type TcpSlot } from "./slots.ts"

/** What probes over TCP share: connections live as long as the plan runs. */
export interface Setting {
  readonly answers: Answers
  readonly scope: Scope.Scope
}

const bytesOf = (message: Message): Uint8Array => Result.getOrThrow(encode(message))

/** Kinds that the other end or the network decides; all others arise on this machine. */
const REMOTE: ReadonlySet<NetKind> = new Set(["Refused", "Reset", "Unreachable", "TimedOut"])

/** Where dials must come before the listener: how long one is given to take the port, in milliseconds. */
const BIND_MS = 5

/** Dials for each transmission until one has connected; each has until the next. */
const dial = <R>(
  exchange: Exchange,
  slot: TcpSlot,
  { answers, scope }: Setting,
  connected: (connection: TcpConnection, nth: number, handshake: number) => Effect.Effect<void, never, R>
): Effect.Effect<Outcome, never, R> => {
  let isOpen = false
  let dialling: Fiber.Fiber<void> | undefined
  const attempt = Effect.fnUntraced(function* (nth: number) {
    const at = exchange.now()
    const timeout = Duration.millis(Math.max(1, exchange.deadline - at))
    const opened = yield* slot.reservation
      .dial({ remote: exchange.to, timeout, keepAlive: false })
      .pipe(Scope.provide(scope), Effect.result)
    if (Result.isFailure(opened)) {
      const { message, reason } = opened.failure
      return REMOTE.has(reason.kind) ? exchange.failed(reason.kind) : exchange.undone(message)
    }
    isOpen = true
    yield* Effect.forkIn(read(slot.id, opened.success, answers), scope)
    yield* connected(opened.success, nth, exchange.now() - at)
  })
  return exchange.run(
    Effect.fnUntraced(function* (nth) {
      if (isOpen) return
      if (dialling !== undefined) yield* Fiber.interrupt(dialling)
      exchange.sent()
      dialling = yield* Effect.forkChild(attempt(nth), { startImmediately: true })
      if (slot.reservation.listenFirst || exchange.probe.test !== "hairpin") return
      yield* Effect.sleep(BIND_MS)
      yield* Effect.catch(slot.listen, ({ message }) => Effect.sync(() => exchange.heardOther(message, false)))
    })
  )
}

const write = (exchange: Exchange, connection: TcpConnection, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.catch(connection.write(bytes), ({ message }) => Effect.sync(() => exchange.heardOther(message, true)))

/** A Binding request over a connection of its own, which `opened` is told of. */
export const ask = (
  exchange: Exchange,
  slot: TcpSlot,
  ids: ReadonlyArray<Uint8Array>,
  setting: Setting,
  opened: (connection: TcpConnection) => void
): Effect.Effect<Outcome> =>
  dial(exchange, slot, setting, (connection, nth, handshake) => {
    const id = ids[nth]!
    opened(connection)
    setting.answers.expect(
      id,
      exchange.at(slot.id, (message, from) => exchange.answered(message, from, handshake))
    )
    return write(exchange, connection, bytesOf(request(Method.Binding, id)))
  })

/** To the external endpoint of another slot, where the id is the nonce by which the connection is known. */
export const hairpin = (
  exchange: Exchange,
  slot: TcpSlot,
  owner: string,
  ids: ReadonlyArray<Uint8Array>,
  setting: Setting
): Effect.Effect<Outcome> =>
  dial(exchange, slot, setting, (connection, nth) => {
    const id = ids[nth]!
    setting.answers.expect(
      id,
      exchange.at(owner, (_, from) => exchange.finish({ _tag: "Arrived", from }))
    )
    return write(exchange, connection, bytesOf(indication(Method.Binding, id)))
  })

/**
 * Asks the server, over a connection to it, to dial this slot from elsewhere. That it connected is believed when the
 * connection is here and shows the nonce: what answers a SYN on the way need not be this machine.
 */
export const probeBack = (
  exchange: Exchange,
  slot: TcpSlot,
  connection: TcpConnection,
  ids: ReadonlyArray<Uint8Array>,
  { answers }: Setting
): Effect.Effect<Outcome> => {
  const { change, transmissions } = exchange.probe
  let silent = 0
  const heard = (message: Message): void => {
    if (message.class === "indication") return exchange.finish({ _tag: "ProbedBack", result: "connected" })
    const report = readReport(message)
    if (Result.isFailure(report)) return exchange.heardOther(report.failure.message, false)
    if (report.success._tag === "Rejected") {
      const { code, reason } = report.success
      return exchange.finish({ _tag: "ErrorAnswer", code, phrase: reason })
    }
    const { result } = report.success
    if (result === "connected") return exchange.heardOther("the server's connection was taken by something else", false)
    if (result === "silent") silent++
    if (result !== "silent" || silent === transmissions.length) exchange.finish({ _tag: "ProbedBack", result })
  }
  const asked = exchange.run(
    Effect.fnUntraced(
      function* (nth) {
        const id = ids[nth]!
        const nonce = id.subarray(0, NONCE)
        yield* slot.listen
        for (const key of [id, nonce]) answers.expect(key, exchange.at(slot.id, heard))
        exchange.sent()
        yield* write(exchange, connection, Result.getOrThrow(probeRequest(id, { change, nonce })))
      },
      Effect.catch(({ message }) => Effect.sync(() => exchange.notSent(message)))
    )
  )
  return Effect.map(asked, (outcome) => {
    if (outcome._tag !== "Silent" || silent === 0) return outcome
    // What was not reported on tells nothing.
    exchange.transmissions = silent
    return { _tag: "ProbedBack", result: "silent" }
  })
}
