/**
 * What every way to secure a link says of who is at the other end, and how it fails.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { PeerId } from "../../schemas/PeerId.ts"
import { LinkSecurityError, type SecureOptions } from "../../services/LinkSecurity.ts"
import type { TcpConnection } from "../../services/Tcp.ts"
import { limited } from "./limited.ts"

/** How long a link may take to be secured. */
const TIMEOUT: Duration.Input = "10 seconds"

/** One link that is to be secured. */
export interface Attempt {
  readonly op: LinkSecurityError["op"]
  readonly connection: TcpConnection
  readonly own: PeerId
  readonly options: SecureOptions
}

export const failure = (
  { connection: { local, remote }, op, options }: Attempt,
  rest: Pick<LinkSecurityError, "reason" | "kind"> & Partial<Pick<LinkSecurityError, "detail" | "found" | "cause">>
): LinkSecurityError => new LinkSecurityError({ op, local, remote, expected: options.expect, ...rest })

/** Who is there proved nothing, or speaks another protocol; `detail` says what was seen and what to try. */
export const untrusted = (attempt: Attempt, detail: string, cause?: unknown): LinkSecurityError =>
  failure(attempt, { reason: "Untrusted", kind: "TlsFailed", detail, cause })

/** The other side ended the connection before it was secured. */
export const left = (attempt: Attempt, cause?: unknown): LinkSecurityError =>
  failure(attempt, {
    reason: "Network",
    kind: "Closed",
    detail:
      "the other side ended it during the handshake: it may not want this peer, be overloaded, or secure its links in another way",
    cause
  })

/** Whether a peer that proved to be `found` is the one asked for. */
export const judge = (attempt: Attempt, found: PeerId): Result.Result<PeerId, LinkSecurityError> => {
  const { expect } = attempt.options
  if (found === attempt.own) {
    const detail = `${found} is the key of this program: dial somebody else, and give each peer an identity of its own`
    return Result.fail(failure(attempt, { reason: "Self", kind: "TlsFailed", found, detail }))
  }
  if (expect !== undefined && found !== expect) {
    const detail = `it is ${found} and not ${expect}: the address may be old or another's, so ask for it again`
    return Result.fail(failure(attempt, { reason: "WrongPeer", kind: "TlsFailed", found, detail }))
  }
  return Result.succeed(found)
}

/** Gives the securing its time, and closes the connection where it fails or is interrupted. */
export const inTime =
  (attempt: Attempt) =>
  <A, R>(securing: Effect.Effect<A, LinkSecurityError, R>): Effect.Effect<A, LinkSecurityError, R> => {
    const duration = Duration.fromInputUnsafe(attempt.options.timeout ?? TIMEOUT)
    const late = () => {
      const detail = `no proof came in ${Duration.format(duration)}: what is there may be busy, or no peer`
      return failure(attempt, { reason: "Network", kind: "TimedOut", detail })
    }
    const { close } = attempt.connection
    const limit = Duration.isFinite(duration) ? limited({ duration, stop: close, late })(securing) : securing
    return Effect.onError(limit, () => close)
  }
