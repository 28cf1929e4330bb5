/** Values of our own extension, probing back; see `probeBack.ts` for what they mean. */
import { type Codec, Problem } from "../Problem.ts"
import type { ChangeRequest } from "./compound.ts"

/** Bytes of the nonce. */
export const NONCE = 8

/** PROBE-BACK: where the server is to dial from, and what it says when it gets through. */
export interface ProbeBack {
  readonly change: ChangeRequest
  /** {@link NONCE} bytes; decoded, a view into the message. */
  readonly nonce: Uint8Array
}

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 A B 0|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                        Nonce (64 bits)                        |
 *   |                                                               |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * A: from the other address, B: from another port, as in CHANGE-REQUEST.
 */
export const probeBack: Codec<ProbeBack> = {
  size: ({ nonce }) =>
    nonce.length === NONCE ? 4 + NONCE : new Problem(4, `a nonce of ${nonce.length} bytes: exactly ${NONCE}`),
  write: ({ change, nonce }, bytes, at) => {
    bytes[at + 3] = (change.address ? 4 : 0) | (change.port ? 2 : 0)
    bytes.set(nonce, at + 4)
    return 4 + NONCE
  },
  read: (bytes, at, length) =>
    length === 4 + NONCE
      ? {
          change: { address: (bytes[at + 3]! & 4) !== 0, port: (bytes[at + 3]! & 2) !== 0 },
          nonce: bytes.subarray(at + 4, at + length)
        }
      : new Problem(-2, `${length} bytes: exactly ${4 + NONCE}`)
}

/** What a dial met, in the order of their numbers on the wire, from 1. */
export const results = ["connected", "refused", "unreachable", "silent"] as const
export type ProbeResult = (typeof results)[number]

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |    Result     |                   Reserved                    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const probeResult: Codec<ProbeResult> = {
  size: () => 4,
  write: (value, bytes, at) => ((bytes[at] = results.indexOf(value) + 1), 4),
  read: (bytes, at, length) => {
    if (length !== 4) return new Problem(-2, `${length} bytes: exactly 4`)
    return results[bytes[at]! - 1] ?? new Problem(0, `result ${bytes[at]!}`)
  }
}
