/** Dials back for who asked over TCP, within limits, and reports. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { sourceOf } from "../../protocols/limits/source.ts"
import { PROBE_BACK_MS } from "../../protocols/natprofile/measure.ts"
import * as ErrorCode from "../../protocols/stun/ErrorCode.ts"
import { probeGreeting, type ProbeResult } from "../../protocols/stun/probeBack.ts"
import { type Dial, refuse, report } from "../../protocols/stun/server/decide.ts"
import type { Tcp, TcpError } from "../../services/Tcp.ts"
import type { Desk } from "./Desk.ts"

/** Runs one probe to its end: `reply` gets the bytes that tell of it. Interrupted, it leaves nothing. */
export const probe = (
  desk: Desk,
  tcp: Tcp["Service"],
  dial: Dial,
  reply: (bytes: Uint8Array | undefined) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const source = sourceOf(dial.to.address)
    if (!desk.probing.enter(source)) return reply(busy(dial))
    return Effect.ensuring(
      Effect.suspend(() => (desk.probes.allow(source, desk.now) ? run(desk, tcp, dial, reply) : reply(busy(dial)))),
      Effect.sync(() => desk.probing.leave(source))
    )
  })

const busy = ({ request }: Dial) =>
  refuse(request, ErrorCode.INSUFFICIENT_CAPACITY, "too many probes at present: try later")

const run = Effect.fnUntraced(function* (
  desk: Desk,
  tcp: Tcp["Service"],
  dial: Dial,
  reply: (bytes: Uint8Array | undefined) => Effect.Effect<void>
) {
  desk.dialled++
  const dialled = yield* Effect.result(
    tcp.dial({ remote: dial.to, local: { address: dial.by }, timeout: PROBE_BACK_MS, keepAlive: false })
  )
  if (Result.isFailure(dialled)) {
    const result = resultOf(dialled.failure)
    if (result !== undefined) return yield* reply(report(dial, result))
    yield* Effect.logWarning("a probe could not be dialled", dialled.failure)
    return yield* reply(refuse(dial.request, ErrorCode.SERVER_ERROR, "the server could not dial"))
  }
  const greeting = probeGreeting(dial.request.transactionId, dial.probe)
  // Whoever accepted may have gone again: it was reached all the same.
  if (Result.isSuccess(greeting)) yield* Effect.ignore(dialled.success.write(greeting.success))
  yield* reply(report(dial, "connected"))
}, Effect.scoped)

/** What a dial that failed says about the way to the asker; nothing where it failed on this machine. */
const resultOf = ({ reason: { cause, kind } }: TcpError): ProbeResult | undefined => {
  switch (kind) {
    case "Refused":
    case "Reset":
      return "refused"
    case "Unreachable":
      return "unreachable"
    case "TimedOut":
      return "silent"
    default:
      // Linux's number for ICMPv6 "administratively prohibited".
      return Predicate.hasProperty(cause, "code") && cause.code === "EACCES" ? "unreachable" : undefined
  }
}
