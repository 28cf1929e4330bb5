/**
 * The values of the fields.
 *
 * An interface, its tag and briefs being there where a bit says so:
 *
 *    0 1 2 3 4 5 6 7
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |N|0 0 0|4|4|6|6| Network tag (6 bytes)?  Briefs?  Candidates ...
 *   | |     |u|t|u|t|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * A locality is a salt of 8 bytes and, if the machine has one, its tag of 6. A broker is its URI.
 */
import * as Result from "effect/Result"
import type { AddressInterface, Locality, NatBrief } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import { parse } from "../mqtt/brokerUri.ts"
import { ascii } from "../text/ascii.ts"
import { type AddressError, addressError } from "./AddressError.ts"
import type { Reader } from "./bytes.ts"
import { writeBytes } from "./bytes.ts"
import { readCandidates, writeCandidates } from "./candidates.ts"
import { BRIEFS, SALT_BYTES, TAG_BYTES } from "./layout.ts"
import { readBrief, writeBrief } from "./natBrief.ts"

const NETWORK = 0x80
const RESERVED = 0x70

/** The bit of the n-th brief. */
const briefBit = (index: number): number => 8 >> index

/** The value of an interface; empty where there is nothing to say of it. */
export const interfaceValue = (entry: AddressInterface, place: string): ReadonlyArray<number> | AddressError => {
  const { candidates, nats, network } = entry
  const out = [0]
  if (network !== undefined) {
    if (network.length !== TAG_BYTES) {
      return addressError("Malformed", place, `a network tag of ${network.length} bytes: it has ${TAG_BYTES}`)
    }
    out[0]! |= NETWORK
    writeBytes(out, network)
  }
  for (const [index, { family, transport }] of BRIEFS.entries()) {
    const about = nats.filter((brief) => brief.family === family && brief.transport === transport)
    if (about.length > 1) return addressError("Malformed", place, `two NAT briefs of ${family} ${transport}`)
    const written = about[0] !== undefined && writeBrief(out, about[0], place)
    if (typeof written !== "boolean") return written
    if (written) out[0]! |= briefBit(index)
  }
  return writeCandidates(out, candidates, place) ?? (out.length === 1 ? [] : out)
}

export const readInterface = (reader: Reader): AddressInterface => {
  const head = reader.uint(1)
  if ((head & RESERVED) !== 0) reader.fail("a bit that must be 0 is 1", reader.at - 1)
  const network = (head & NETWORK) === 0 ? undefined : reader.take(TAG_BYTES)
  const nats: Array<NatBrief> = []
  for (const [index, which] of BRIEFS.entries()) {
    if ((head & briefBit(index)) !== 0) nats.push(readBrief(reader, which))
  }
  const candidates = readCandidates(reader)
  return network === undefined ? { candidates, nats } : { candidates, nats, network }
}

export const localityValue = ({ machine, salt }: Locality): ReadonlyArray<number> | AddressError => {
  if (salt.length !== SALT_BYTES) {
    return addressError("Malformed", "locality", `a salt of ${salt.length} bytes: it has ${SALT_BYTES}`)
  }
  if (machine === undefined) return [...salt]
  return machine.length === TAG_BYTES
    ? [...salt, ...machine]
    : addressError("Malformed", "locality", `a machine tag of ${machine.length} bytes: it has ${TAG_BYTES}`)
}

export const readLocality = (reader: Reader): Locality => {
  const salt = reader.take(SALT_BYTES)
  return reader.left === 0 ? { salt } : { salt, machine: reader.take(TAG_BYTES) }
}

/** What is wrong with a broker's URI. Written in several ways, one broker could be many to who connects to it. */
const brokerProblem = (uri: string): string | undefined => {
  if (uri.length > limits.brokerLength) return `${uri.length} letters: at most ${limits.brokerLength}`
  const parsed = parse(uri)
  if (Result.isFailure(parsed)) return parsed.failure
  const { hasSecrets, text } = parsed.success
  if (hasSecrets) return "a user name, password or query would be public: leave it out"
  return text === uri ? undefined : `to be written as ${text}`
}

export const brokerValue = (uri: string, place: string): ReadonlyArray<number> | AddressError => {
  const problem = brokerProblem(uri)
  return problem === undefined
    ? [...ascii(uri)]
    : addressError(uri.length > limits.brokerLength ? "TooLarge" : "Malformed", place, problem)
}

export const readBroker = (reader: Reader): string => {
  if (reader.left > limits.brokerLength)
    reader.fail(`a broker of ${reader.left} letters: at most ${limits.brokerLength}`)
  return String.fromCharCode(...reader.take(reader.left))
}
