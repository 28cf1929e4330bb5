/**
 * Bytes as an address. All of it is checked before any of it is given out: size, layout, that it is the one encoding of what it
 * says, ranges, signature, expiry; and the first thing wrong is named.
 *
 * Expiry is judged by the reader's clock, which may be wrong. So an address is good until `expires` and another hour: a reader
 * whose clock is up to an hour fast takes what its owner's clock calls good, and nobody takes it longer than by the error of
 * their clock and that hour. It costs little, as an old address proves no less who its owner is: it only leads nowhere.
 *
 * One that expires too far ahead is refused: its owner's clock was wrong, and nothing it signs later would replace it.
 */
import * as Result from "effect/Result"
import type { SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import * as Signature from "../crypto/signature.ts"
import { AddressError, fail } from "./AddressError.ts"
import { toSign } from "./encode.ts"
import { CONTEXT, PREFIX_BYTES } from "./layout.ts"
import { parse } from "./parse.ts"

/** An hour: what clocks of computers that work differ by, a wrong summer time included. Milliseconds. */
export const CLOCK_TOLERANCE = 3_600_000

/** How long an address is good at most when it is signed. Milliseconds, 31 days. */
export const MAX_LIFETIME = 2_678_400_000

export interface DecodeOptions {
  readonly primitives: Primitives
  /** The reader's clock: milliseconds since 1970. */
  readonly now: number
  /**
   * How long after `expires` an address is still good, and how much further ahead than {@link MAX_LIFETIME} that may be. Milliseconds,
   * default {@link CLOCK_TOLERANCE}.
   */
  readonly tolerance?: number | undefined
}

/** What is given out is a copy: the bytes may be written over. */
export const decode = (input: Uint8Array, options: DecodeOptions): Result.Result<SignedPeerAddress, AddressError> => {
  if (input.length > limits.bytes) return fail("TooLarge", "", `${input.length} bytes: at most ${limits.bytes}`)
  const bytes = Uint8Array.from(input)
  const parsed = parse(bytes)
  if (parsed instanceof AddressError) return Result.fail(parsed)
  const { address, key, optional, signature, signed } = parsed
  const again = toSign(address, optional)
  if (Result.isFailure(again)) return Result.fail(again.failure)
  const differs = difference(signed, again.success)
  if (differs >= 0) return fail("Malformed", `byte ${differs}`, "not the one way to write this address")
  if (!Signature.verify(options.primitives, key, CONTEXT, signed, signature)) {
    return fail("Forged", "signature", "not made by the peer it names: ask that peer itself for its address")
  }
  const { now, tolerance = CLOCK_TOLERANCE } = options
  const late = now - address.expires
  if (!(late < tolerance)) {
    return fail("Expired", "", `expired ${duration(late)} ago by the clock of this machine: ask for a new one`)
  }
  if (-late > MAX_LIFETIME + tolerance) {
    const most = `${duration(MAX_LIFETIME)} are the most: one of the two clocks is wrong`
    return fail("TooLong", "", `expires in ${duration(-late)} by the clock of this machine, ${most}`)
  }
  return Result.succeed({ address, bytes })
}

/** Where two differ first, -1 nowhere; the length in front follows from the rest. */
const difference = (a: Uint8Array, b: Uint8Array): number => {
  const end = Math.max(a.length, b.length)
  for (let at = PREFIX_BYTES; at < end; at++) if (a[at] !== b[at]) return at
  return -1
}

const units = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000]
] as const

/** In the largest unit of which it has two, rounded down. */
const duration = (millis: number): string => {
  const [name, length] = units.find(([, length]) => millis >= 2 * length) ?? units[3]
  const count = Math.floor(millis / length)
  return `${count} ${name}${count === 1 ? "" : "s"}`
}
