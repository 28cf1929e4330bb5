/**
 * An address as the bytes its owner signs. An address has one encoding: what has no order of its own is sorted, what is there
 * twice is written once, what says nothing is left out. The order of interfaces and of brokers is their owner's and is kept.
 *
 * Every range and limit is checked here and nowhere else: what was read is written again, and has to give the same bytes.
 */
import * as Result from "effect/Result"
import type { PeerAddress } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import * as PeerId from "../../schemas/PeerId.ts"
import { SIGNATURE_BYTES } from "../crypto/signature.ts"
import { AddressError, addressError, fail } from "./AddressError.ts"
import { writeBytes, writeUint, writeVarint } from "./bytes.ts"
import { brokerValue, interfaceValue, localityValue } from "./fields.ts"
import { BROKER, INTERFACE, LOCALITY, PREFIX_BYTES, VERSION } from "./layout.ts"

/** Expiry is seconds in 32 bits: the year 2106. */
const MAX_EXPIRES = 0xffffffff

const nothing: Uint8Array = new Uint8Array(0)

/**
 * The bytes to sign, in the context `CONTEXT`. Fails where a value is out of range or too much. `optional`: fields that this
 * version does not know, as they were read.
 */
export const toSign = (address: PeerAddress, optional = nothing): Result.Result<Uint8Array, AddressError> => {
  const { expires, interfaces, locality, peer, sequence } = address
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    return fail("Malformed", "sequence", `${sequence} is no whole number from 0 to 2^53 - 1`)
  }
  const seconds = expires / 1000
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_EXPIRES) {
    return fail("Malformed", "expiry", `${expires} is not milliseconds since 1970, in whole seconds and before 2106`)
  }
  const rest: Array<number> = []
  writeBytes(rest, PeerId.toKey(peer))
  writeVarint(rest, sequence)
  writeUint(rest, 4, seconds)
  const problem = writeFields(rest, address)
  if (problem !== undefined) return Result.fail(problem)
  if (locality === undefined && interfaces.some(({ network }) => network !== undefined)) {
    return fail("Malformed", "locality", "network tags mean nothing without the salt they were made with")
  }
  writeBytes(rest, optional)
  const length = PREFIX_BYTES + rest.length + SIGNATURE_BYTES
  if (length > limits.bytes) {
    const advice = "leave out interfaces, candidates or brokers"
    return fail("TooLarge", "", `${length} bytes, ${limits.bytes} are the most: ${advice}`)
  }
  const prefix: Array<number> = []
  writeUint(prefix, 1, VERSION)
  writeUint(prefix, 2, length)
  return Result.succeed(Uint8Array.from([...prefix, ...rest]))
}

const writeFields = (out: Array<number>, { brokers, interfaces, locality }: PeerAddress): AddressError | undefined =>
  writeEach(out, INTERFACE, "interface", interfaces, limits.interfaces, interfaceValue) ??
  writeEach(out, BROKER, "broker", brokers, limits.brokers, brokerValue) ??
  writeEach(out, LOCALITY, "locality", locality === undefined ? [] : [locality], 1, localityValue)

/** One field for each value that says something, each once. */
const writeEach = <A>(
  out: Array<number>,
  type: number,
  name: string,
  all: ReadonlyArray<A>,
  most: number,
  valueOf: (one: A, place: string) => ReadonlyArray<number> | AddressError
): AddressError | undefined => {
  if (all.length > most) return addressError("TooLarge", `${name}s`, `${all.length}: at most ${most}`)
  const seen = new Set<string>()
  for (const [index, one] of all.entries()) {
    const value = valueOf(one, `${name} ${index + 1}`)
    if (value instanceof AddressError) return value
    const key = String.fromCharCode(...value)
    if (value.length === 0 || seen.has(key)) continue
    seen.add(key)
    writeUint(out, 1, type)
    writeVarint(out, value.length)
    writeBytes(out, value)
  }
  return undefined
}
