/**
 * A transaction of a STUN client, without time and sockets: the bytes of a request, and what a datagram or frame is to it
 * (RFC 8489 section 6.3, RFC 5780 section 7.2).
 *
 * An answer has the transaction id of the request and comes from where it must. Who can see the request can forge both;
 * nobody else can.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Attribute } from "./Attribute.ts"
import { nameOf } from "./Attribute.ts"
import { mappedEndpoint, otherEndpoint } from "./binding.ts"
import { decode } from "./decode.ts"
import { encode } from "./encode.ts"
import { classOf, HEADER, MAGIC_COOKIE, read16, read32 } from "./header.ts"
import type { Message } from "./Message.ts"
import { get, request, transactionKey, unknownRequired } from "./Message.ts"
import type { StunError } from "./StunError.ts"

/** What is asked of the server beside the mapped endpoint; see RFC 5780 section 7. */
export interface Wishes {
  readonly change?: { readonly address: boolean; readonly port: boolean } | undefined
  readonly responsePort?: number | undefined
  readonly padding?: number | undefined
}

/** A request with FINGERPRINT, so that a server on a port with other protocols knows it for STUN. */
export const requestBytes = (
  method: number,
  transactionId: Uint8Array,
  attributes: ReadonlyArray<Attribute>
): Result.Result<Uint8Array, StunError> => encode(request(method, transactionId, attributes), { fingerprint: true })

export const wished = ({ change, padding, responsePort }: Wishes): ReadonlyArray<Attribute> => {
  const attributes: Array<Attribute> = []
  if (isChange(change)) attributes.push({ _tag: "ChangeRequest", value: change })
  if (responsePort !== undefined) attributes.push({ _tag: "ResponsePort", value: responsePort })
  if (padding !== undefined) attributes.push({ _tag: "Padding", value: padding })
  return attributes
}

/** Whether an answer from elsewhere is asked for. */
export const isChange = (change: Wishes["change"]): change is NonNullable<Wishes["change"]> =>
  change !== undefined && (change.address || change.port)

/** A request under way. */
export interface Question {
  readonly method: number
  /** Where it was sent. */
  readonly server: NetAddress.InetAddress
  readonly change?: Wishes["change"]
  /** The server's other address and port, where they are known. */
  readonly other?: NetAddress.InetAddress | undefined
}

export type Verdict =
  | { readonly _tag: "Answer"; readonly message: Message }
  | { readonly _tag: "Rejected"; readonly code: number; readonly detail: string }
  /** The server's answer, and of no use: there will be no better one. */
  | { readonly _tag: "Useless"; readonly detail: string }
  /** No answer; the right one may still come. */
  | { readonly _tag: "Ignored"; readonly detail: string }

/** The transaction id as a key, if the bytes look like a response; of whatever follows the header nothing is said. */
export const responseKey = (bytes: Uint8Array): string | undefined => {
  if (bytes.length < HEADER || bytes[0]! > 0x3f || read32(bytes, 4) !== MAGIC_COOKIE) return undefined
  const kind = classOf(read16(bytes, 0))
  return kind === "success" || kind === "error" ? transactionKey(bytes.subarray(8, HEADER)) : undefined
}

/** What a response with the transaction id of a question is to it. */
export const judge = (question: Question, bytes: Uint8Array, from: NetAddress.InetAddress): Verdict => {
  const { server } = question
  const sender = NetAddress.formatInet(from)
  const read = decode(bytes)
  // RFC 8489 section 6.3: what is malformed is dropped, and was perhaps only damaged on its way.
  if (Result.isFailure(read)) return { _tag: "Ignored", detail: `${sender} sent a bad answer: ${read.failure.message}` }
  const message = read.success
  const place = misplaced(question, from)
  if (place !== undefined && !same(from, server))
    return { _tag: "Ignored", detail: `an answer came from ${sender}, ${place}` }
  if (message.method !== question.method) {
    return { _tag: "Ignored", detail: `${sender} answered to method ${message.method}, asked was ${question.method}` }
  }
  const unknown = unknownRequired(message)
  if (unknown.length > 0) {
    return { _tag: "Useless", detail: `the answer of ${sender} demands ${unknown.map(nameOf).join(", ")}` }
  }
  if (message.class === "error") return rejected(message, sender)
  return place === undefined
    ? { _tag: "Answer", message }
    : { _tag: "Useless", detail: `${sender} answered itself though another was asked for: it does no CHANGE-REQUEST` }
}

const rejected = (message: Message, sender: string): Verdict => {
  const error = get(message, "ErrorCode")
  if (error === undefined) return { _tag: "Useless", detail: `${sender} answered with an error and no ERROR-CODE` }
  const types = get(message, "UnknownAttributes")
  const alternate = get(message, "AlternateServer")
  const more = [
    types === undefined || types.length === 0 ? "" : `: it does not know ${types.map(nameOf).join(", ")}`,
    alternate === undefined ? "" : `: it names ${NetAddress.formatInet(alternate)} instead`
  ].join("")
  const words = printable(error.reason)
  const phrase = words === "" ? "" : ` (${words})`
  return { _tag: "Rejected", code: error.code, detail: `${sender} answered with error ${error.code}${phrase}${more}` }
}

/** A server's words reach terminals and logs. */
const MAX_WORDS = 100
const printable = (text: string): string =>
  text
    .replace(/\p{C}+/gu, " ")
    .trim()
    .slice(0, MAX_WORDS)

// Why an answer may not come from there; nothing where it may.
const misplaced = ({ change, other, server }: Question, from: NetAddress.InetAddress): string | undefined => {
  if (!isChange(change)) {
    return same(from, server) ? undefined : `not from ${NetAddress.formatInet(server)} where it was asked for`
  }
  const address = change.address ? other?.address : server.address
  const port = change.port ? other?.port : server.port
  const fits =
    (address === undefined ? !sameIp(from.address, server.address) : sameIp(from.address, address)) &&
    (port === undefined ? from.port !== server.port : from.port === port)
  if (fits) return undefined
  const where = `${address === undefined ? "another address" : NetAddress.formatIp(address)}, ${
    port === undefined ? "another port" : `port ${port}`
  }`
  return `not from ${where} as was asked for`
}

/** What a Binding answer says. */
export interface Said {
  readonly mapped: NetAddress.InetAddress
  readonly other: NetAddress.InetAddress | undefined
  readonly software: string | undefined
}

/** Reads the answer to a Binding request; fails with what is wrong with it. */
export const said = (message: Message, from: NetAddress.InetAddress): Result.Result<Said, string> => {
  const mapped = mappedEndpoint(message)
  const sender = NetAddress.formatInet(from)
  if (mapped === undefined) return Result.fail(`the answer of ${sender} has no mapped address`)
  if (!isEndpoint(mapped))
    return Result.fail(`${sender} says ${NetAddress.formatInet(mapped)}, which is nobody's endpoint`)
  const other = otherEndpoint(message)
  return Result.succeed({
    mapped: NetAddress.toCanonical(mapped),
    other: other !== undefined && isEndpoint(other) ? other : undefined,
    software: get(message, "Software")
  })
}

const isEndpoint = ({ address, port }: NetAddress.InetAddress): boolean =>
  port !== 0 && !NetAddress.isUnspecified(address) && !NetAddress.isMulticast(address)

/** What something that came to a socket where only one server's answers are expected is, in words. */
export const stray = (bytes: Uint8Array, from: NetAddress.InetAddress): string => {
  const sender = NetAddress.formatInet(from)
  const read = decode(bytes, { classic: true })
  if (Result.isFailure(read)) return `${sender} sent ${bytes.length} bytes that are no STUN: ${read.failure.message}`
  return read.success.class === "request" || read.success.class === "indication"
    ? `${sender} sent a STUN ${read.success.class}`
    : `${sender} sent an answer with another transaction id`
}

/** Whether two endpoints are one; the zone of a link-local address is how this machine reaches it, not where it is. */
export const same = (a: NetAddress.InetAddress, b: NetAddress.InetAddress): boolean =>
  a.port === b.port && sameIp(a.address, b.address)

const sameIp = (a: NetAddress.IpAddress, b: NetAddress.IpAddress): boolean =>
  Equal.equals(NetAddress.toCanonical(a), NetAddress.toCanonical(b))
