/**
 * What peers say by way of signalling to connect: a request to dial back, of kind `reverse`, and its answer; and, when none
 * of the dials got through, a message of kind `reverse.failed`, so that the asker need not wait for the rest of its time.
 *
 *     request   version  attempt (16 bytes)  time left (4 bytes, milliseconds)  address of who asks (the rest)
 *     answer    version  number of candidates that are dialled
 *     failed    version  attempt (16 bytes)
 *
 * The time left is a length, not a date: clocks differ. A refusal is one of `Messages`, with words.
 */
import { limits } from "../../schemas/PeerAddress.ts"
import { ATTEMPT_BYTES } from "./frames.ts"

export const REVERSE = "reverse"
export const REVERSE_FAILED = "reverse.failed"

const VERSION = 1
const ADDRESS_AT = 1 + ATTEMPT_BYTES + 4

export interface ReverseRequest {
  readonly attempt: Uint8Array
  /** Milliseconds the asker waits from now. */
  readonly timeLeft: number
  /** The wire form of its signed address. */
  readonly address: Uint8Array
}

export const encodeRequest = ({ address, attempt, timeLeft }: ReverseRequest): Uint8Array => {
  const bytes = new Uint8Array(ADDRESS_AT + address.length)
  bytes[0] = VERSION
  bytes.set(attempt, 1)
  new DataView(bytes.buffer).setUint32(1 + ATTEMPT_BYTES, Math.min(0xffff_ffff, Math.max(0, Math.ceil(timeLeft))))
  bytes.set(address, ADDRESS_AT)
  return bytes
}

/** `undefined` for bytes that are no request. The address is not looked into. */
export const decodeRequest = (bytes: Uint8Array): ReverseRequest | undefined => {
  if (bytes[0] !== VERSION || bytes.length <= ADDRESS_AT || bytes.length > ADDRESS_AT + limits.bytes) return undefined
  return {
    attempt: bytes.slice(1, 1 + ATTEMPT_BYTES),
    timeLeft: new DataView(bytes.buffer, bytes.byteOffset).getUint32(1 + ATTEMPT_BYTES),
    address: bytes.slice(ADDRESS_AT)
  }
}

export const encodeAnswer = (dialling: number): Uint8Array => Uint8Array.of(VERSION, Math.min(255, dialling))

/** `undefined` for bytes that are no answer. */
export const decodeAnswer = (bytes: Uint8Array): number | undefined =>
  bytes.length === 2 && bytes[0] === VERSION ? bytes[1] : undefined

export const encodeFailed = (attempt: Uint8Array): Uint8Array => Uint8Array.of(VERSION, ...attempt)

/** The attempt; `undefined` for bytes that are no such message. */
export const decodeFailed = (bytes: Uint8Array): Uint8Array | undefined =>
  bytes.length === 1 + ATTEMPT_BYTES && bytes[0] === VERSION ? bytes.slice(1) : undefined
