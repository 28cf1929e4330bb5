/**
 * What stands in the bytes of an address, each thing in its place. Untrusted bytes: never throws, never reads past the end, and
 * takes memory for a thing only when its bytes are there. Whether the values make sense is asked by `decode`.
 */
import type { AddressInterface, Locality, PeerAddress } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import * as PeerId from "../../schemas/PeerId.ts"
import { SIGNATURE_BYTES } from "../crypto/signature.ts"
import { AddressError, addressError } from "./AddressError.ts"
import { Reader } from "./bytes.ts"
import { readBroker, readInterface, readLocality } from "./fields.ts"
import { BROKER, FIRST_OPTIONAL, INTERFACE, LOCALITY, MIN_BYTES, PREFIX_BYTES, VERSION } from "./layout.ts"

export interface Parsed {
  readonly address: PeerAddress
  readonly key: Uint8Array
  /** The fields this version does not know and may skip. */
  readonly optional: Uint8Array
  readonly signed: Uint8Array
  readonly signature: Uint8Array
}

/** The parts are views into `bytes`, of which there are no more than the limit. */
export const parse = (bytes: Uint8Array): Parsed | AddressError => {
  const size = bytes.length
  const problem = sizeProblem(bytes)
  if (problem !== undefined) return problem
  const end = size - SIGNATURE_BYTES
  const reader = new Reader(bytes, PREFIX_BYTES, end)
  const key = reader.take(PeerId.KEY_BYTES)
  const sequence = reader.varint()
  const expires = reader.uint(4) * 1000
  if (reader.problem !== undefined) return malformed(reader, "header")
  const fields = readFields(reader)
  if (fields instanceof AddressError) return fields
  const { brokers, interfaces, locality, optional } = fields
  const address = { peer: PeerId.fromKey(key), sequence, expires, interfaces, brokers, locality }
  return { address, key, optional, signed: bytes.subarray(0, end), signature: bytes.subarray(end) }
}

const sizeProblem = (bytes: Uint8Array): AddressError | undefined => {
  const size = bytes.length
  const version = bytes[0] ?? 0
  if (size > 0 && version !== VERSION) {
    return version === 0
      ? addressError("Malformed", "byte 0", "no version is 0")
      : addressError("Newer", "byte 0", `version ${version}, this program reads ${VERSION}: update it`)
  }
  if (size < PREFIX_BYTES) return addressError("Cut", "", `${size} bytes: copy all of it`)
  const length = bytes[1]! * 256 + bytes[2]!
  if (length > size) return addressError("Cut", "", `${length - size} of ${length} bytes are missing: copy all of it`)
  if (length < size) return addressError("Malformed", "byte 1", `says ${length} bytes, ${size} are here`)
  return size < MIN_BYTES ? addressError("Malformed", "byte 1", `${size} bytes: at least ${MIN_BYTES}`) : undefined
}

const malformed = (reader: Reader, part: string): AddressError =>
  addressError("Malformed", `byte ${reader.problem!.at}, ${part}`, reader.problem!.text)

interface Fields {
  readonly interfaces: ReadonlyArray<AddressInterface>
  readonly brokers: ReadonlyArray<string>
  readonly locality: Locality | undefined
  readonly optional: Uint8Array
}

const readFields = (reader: Reader): Fields | AddressError => {
  const { bytes, end } = reader
  const interfaces: Array<AddressInterface> = []
  const brokers: Array<string> = []
  let locality: Locality | undefined
  let optional = end
  let last = 0
  while (reader.left > 0) {
    const start = reader.at
    const type = reader.uint(1)
    const length = reader.varint()
    const value = new Reader(bytes, reader.at, reader.at + length)
    reader.take(length)
    let part = `field ${type}`
    if (type < last) reader.fail(`behind field ${last}`, start)
    if (reader.problem !== undefined) return malformed(reader, part)
    last = type
    if (type === INTERFACE) {
      part = `interface ${interfaces.length + 1}`
      if (interfaces.length === limits.interfaces) value.fail(`at most ${limits.interfaces}`)
      else interfaces.push(readInterface(value))
    } else if (type === BROKER) {
      part = `broker ${brokers.length + 1}`
      if (brokers.length === limits.brokers) value.fail(`at most ${limits.brokers}`)
      else brokers.push(readBroker(value))
    } else if (type === LOCALITY) {
      part = "locality"
      if (locality === undefined) locality = readLocality(value)
      else value.fail("there is one before")
    } else if (type >= FIRST_OPTIONAL) {
      optional = Math.min(optional, start)
      continue
    } else {
      return addressError("Newer", `byte ${start}`, `field ${type} must be understood, and is not: update this program`)
    }
    if (value.left > 0) value.fail(`bytes left over: ${value.left}`)
    if (value.problem !== undefined) return malformed(value, part)
  }
  return { interfaces, brokers, locality, optional: bytes.subarray(optional, end) }
}
