/**
 * The candidates of an interface, until the end of its field: sorted by family, address, kind, transport and port, so that most
 * say "the same address" and "a port seen before".
 *
 *    0 1 2 3 4 5 6 7
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | K |T| A | Port| Address? ...  |     Port?     ...
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * K: 0 host, 1 reflexive, 2 mapped. T: 0 udp, 1 tcp. A: 0 the address of the candidate before, 1 an IPv4 address of 4 bytes
 * follows, 2 an IPv6 address of 16, 3 the last 8 bytes of one whose first 8 are those of the candidate before. Port: 0 two
 * bytes follow, n the n-th port that was written in this field; the first seven can be named.
 */
import * as NetAddress from "effect/net/NetAddress"
import type { Candidate, CandidateKind } from "../../schemas/PeerAddress.ts"
import { limits } from "../../schemas/PeerAddress.ts"
import { type AddressError, addressError } from "./AddressError.ts"
import type { Reader } from "./bytes.ts"
import { writeBytes, writeUint } from "./bytes.ts"

const KINDS: ReadonlyArray<CandidateKind> = ["host", "reflexive", "mapped"]
const TRANSPORTS: ReadonlyArray<Candidate["transport"]> = ["udp", "tcp"]

const SAME = 0
const IPV4 = 1
const IPV6 = 2
const IPV6_SAME_64 = 3

/** Bytes of an IPv6 address that hosts of one network share. */
const SUBNET_BYTES = 8

const NAMED_PORTS = 7

const octetsOf = (address: NetAddress.IpAddress): ReadonlyArray<number> =>
  NetAddress.isIpv4Address(address) ? NetAddress.ipv4ToOctets(address) : NetAddress.ipv6ToOctets(address)

/** Why nobody can be reached there, or not by these words. */
const unreachable = (endpoint: NetAddress.InetAddress): string | undefined => {
  const { address } = endpoint
  if (endpoint.port === 0) return "port 0"
  if (NetAddress.isInetAddressV6(endpoint) && endpoint.scopeId !== 0) return "a scope id means nothing to others"
  if (NetAddress.isMulticast(address)) return "a multicast address"
  if (NetAddress.isUnspecified(address)) return "the unspecified address"
  if (NetAddress.isIpv4Address(address)) {
    if (NetAddress.isBroadcast(address)) return "the broadcast address"
    return octetsOf(address)[0] === 0 ? "an address in 0.0.0.0/8" : undefined
  }
  return NetAddress.isIpv4Mapped(address) ? "an IPv4 address written as IPv6" : undefined
}

interface Entry {
  readonly kind: number
  readonly transport: number
  readonly octets: ReadonlyArray<number>
  readonly port: number
  /** Sorts as the wire form wants it. */
  readonly order: string
}

const entryOf = ({ endpoint, ...candidate }: Candidate): Entry => {
  const kind = KINDS.indexOf(candidate.kind)
  const transport = TRANSPORTS.indexOf(candidate.transport)
  const octets = octetsOf(endpoint.address)
  const { port } = endpoint
  return { kind, transport, octets, port, order: String.fromCharCode(octets.length, ...octets, kind, transport, port) }
}

const sameStart = (a: ReadonlyArray<number>, b: ReadonlyArray<number> | undefined, count: number): boolean =>
  a.length === b?.length && a.every((octet, at) => at >= count || octet === b[at])

/** Appends candidates: in order, each once. */
export const writeCandidates = (
  out: Array<number>,
  candidates: ReadonlyArray<Candidate>,
  place: string
): AddressError | undefined => {
  if (candidates.length > limits.candidatesPerInterface) {
    return addressError("TooLarge", place, tooMany(candidates.length))
  }
  for (const { endpoint } of candidates) {
    const problem = unreachable(endpoint)
    if (problem !== undefined) {
      return addressError("Malformed", `${place}, candidate ${NetAddress.formatInet(endpoint)}`, problem)
    }
  }
  const entries = candidates.map(entryOf).toSorted((a, b) => (a.order < b.order ? -1 : 1))
  const ports: Array<number> = []
  let before: Entry | undefined
  for (const entry of entries) {
    if (entry.order === before?.order) continue
    const { kind, octets, port, transport } = entry
    const known = sameStart(octets, before?.octets, octets.length)
      ? SAME
      : octets.length === 4
        ? IPV4
        : sameStart(octets, before?.octets, SUBNET_BYTES)
          ? IPV6_SAME_64
          : IPV6
    const named = ports.indexOf(port) + 1
    out.push((kind << 6) | (transport << 5) | (known << 3) | named)
    if (known !== SAME) writeBytes(out, known === IPV6_SAME_64 ? octets.slice(SUBNET_BYTES) : octets)
    if (named === 0) {
      writeUint(out, 2, port)
      if (ports.length < NAMED_PORTS) ports.push(port)
    }
    before = entry
  }
  return undefined
}

const tooMany = (count: number): string => `${count} candidates: at most ${limits.candidatesPerInterface}`

export const readCandidates = (reader: Reader): ReadonlyArray<Candidate> => {
  const candidates: Array<Candidate> = []
  const ports: Array<number> = []
  let address: NetAddress.IpAddress | undefined
  while (reader.left > 0) {
    const start = reader.at
    if (candidates.length === limits.candidatesPerInterface) {
      reader.fail(`more than ${limits.candidatesPerInterface} candidates`)
      break
    }
    const head = reader.uint(1)
    const kind = KINDS[head >> 6]
    if (kind === undefined) reader.fail(`no candidate has the kind ${head >> 6}`, start)
    const transport = TRANSPORTS[(head >> 5) & 1]!
    address = readAddress(reader, (head >> 3) & 3, address)
    const named = head & 7
    let port = ports[named - 1]
    if (named === 0) {
      port = reader.uint(2)
      if (ports.length < NAMED_PORTS) ports.push(port)
    } else if (port === undefined) reader.fail(`names port ${named} of ${ports.length}`, start)
    if (kind === undefined || address === undefined || port === undefined || reader.problem !== undefined) break
    candidates.push({ kind, transport, endpoint: NetAddress.inetAddressUnsafe(address, port) })
  }
  return candidates
}

const readAddress = (
  reader: Reader,
  known: number,
  before: NetAddress.IpAddress | undefined
): NetAddress.IpAddress | undefined => {
  const start = reader.at
  if (known === IPV4 || known === IPV6) {
    const octets = reader.take(known === IPV4 ? 4 : 16)
    if (reader.problem !== undefined) return undefined
    return known === IPV4 ? NetAddress.ipv4FromBytesUnsafe(octets) : NetAddress.ipv6FromBytesUnsafe(octets)
  }
  if (known === SAME) {
    if (before === undefined) reader.fail("no address stands before the first", start)
    return before
  }
  const rest = reader.take(16 - SUBNET_BYTES)
  if (reader.problem !== undefined) return undefined
  if (before === undefined || NetAddress.isIpv4Address(before)) {
    reader.fail("no IPv6 address stands before this one", start)
    return undefined
  }
  return NetAddress.ipv6FromBytesUnsafe(Uint8Array.from([...octetsOf(before).slice(0, SUBNET_BYTES), ...rest]))
}
