/**
 * What a STUN server does about a request (RFC 8489, 5389 and 3489; RFC 5780): the whole of it, as a function of the bytes
 * and where they came from and to. Whoever runs it only moves bytes, and limits their rate.
 *
 * Anything but a Binding request gets nothing: no answer to an answer, so no two servers can be set on each other. How
 * large answers are is said in `budget.ts`; probing back in `../probeBack.ts`.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Attribute } from "../Attribute.ts"
import { definitions } from "../Attribute.ts"
import { decode } from "../decode.ts"
import { encode } from "../encode.ts"
import * as ErrorCode from "../ErrorCode.ts"
import { failure, get, isClassic, type Message, Method, refuseUnknown, success } from "../Message.ts"
import { type ProbeBack, type ProbeResult, probeReport } from "../probeBack.ts"
import { UNLIMITED, within } from "./budget.ts"
import { mayDial } from "./dialling.ts"
import { changed, type Corner, endpointOf, type Layout } from "./layout.ts"

export interface Settings {
  readonly layout: Layout
  /** SOFTWARE, where there is room for it. */
  readonly software: string | undefined
  readonly probeBack: boolean
}

/** Bytes that came: a datagram, or a frame of a TCP connection. */
export interface Question {
  readonly bytes: Uint8Array
  readonly transport: "udp" | "tcp"
  /** The socket they came to. */
  readonly at: Corner
  readonly from: NetAddress.InetAddress
}

export interface Answer {
  readonly _tag: "Answer"
  readonly bytes: Uint8Array
  /** The socket to send from; over TCP always that of the connection. */
  readonly by: Corner
  readonly to: NetAddress.InetAddress
}

/** A probe back: to be dialled, and reported on by {@link report} or {@link refuse}. */
export interface Dial {
  readonly _tag: "Dial"
  readonly request: Message
  readonly probe: ProbeBack
  /** The address to dial from. */
  readonly by: NetAddress.IpAddress
  readonly to: NetAddress.InetAddress
}

const unchanged: Corner = { address: false, port: false }

/** Nothing where these bytes deserve no answer. */
export const decide = (settings: Settings, question: Question): Answer | Dial | undefined => {
  const { at, from, transport } = question
  if (from.port === 0 || !NetAddress.isUnicast(from.address)) return undefined
  const decoded = decode(question.bytes, { classic: transport === "udp" })
  if (Result.isFailure(decoded)) return undefined
  const request = decoded.success
  if (request.class !== "request" || request.method !== Method.Binding) return undefined
  const budget = transport === "udp" ? question.bytes.length : UNLIMITED
  const straight = (bytes: Uint8Array | undefined): Answer | undefined => answer(bytes, at, from)

  const unsupported = refuseUnknown(request, notHere(settings, transport, request))
  if (unsupported !== undefined) return straight(errorBytes(unsupported, request, budget))
  const wrong = mistake(transport, request)
  if (wrong !== undefined)
    return straight(errorBytes(failure(request, ErrorCode.BAD_REQUEST, [], wrong), request, budget))

  const probe = get(request, "ProbeBack")
  if (probe !== undefined) {
    const { address: by } = endpointOf(settings.layout, changed(at, { ...probe.change, port: false }))
    return mayDial(from.address, by)
      ? { _tag: "Dial", request, probe, by, to: from }
      : straight(refuse(request, ErrorCode.FORBIDDEN, "your address is not one this server dials"))
  }
  const change = get(request, "ChangeRequest") ?? unchanged
  const by = changed(at, change)
  const port = get(request, "ResponsePort") ?? from.port
  const elsewhere = change.address || change.port || port !== from.port
  const { layout, software } = settings
  const contents = {
    ...contentsOf(layout, { at, by, from, classic: isClassic(request), elsewhere, software }),
    padding: get(request, "Padding") !== undefined
  }
  const fingerprint = get(request, "Fingerprint") !== undefined
  const response = success(request, within(contents, budget, fingerprint))
  return answer(bytesOf(response, request), by, withPort(from, port))
}

/** Types of attributes this server understands, but not in this place: it has no other address, or dials nobody. */
const notHere = (settings: Settings, transport: Question["transport"], request: Message): ReadonlyArray<number> => {
  const { layout, probeBack } = settings
  const types: Array<number> = []
  const change = get(request, "ChangeRequest")
  // A client of RFC 3489 that asks for no change says so, and needs no other address for it.
  const asked = change !== undefined && (!isClassic(request) || change.address || change.port)
  if (asked && layout.alternate === undefined) types.push(definitions.ChangeRequest.type)
  const probe = get(request, "ProbeBack")
  if (probe === undefined) return types
  const able = probeBack && transport === "tcp" && (layout.alternate !== undefined || !probe.change.address)
  return able ? types : [...types, definitions.ProbeBack.type]
}

/** What makes a request one to be refused with error 400. */
const mistake = (transport: Question["transport"], request: Message): string | undefined => {
  const change = get(request, "ChangeRequest")
  const port = get(request, "ResponsePort")
  const padded = get(request, "Padding") !== undefined
  const probe = get(request, "ProbeBack")
  // RFC 5780 section 6.1.
  if (port !== undefined && padded) return "RESPONSE-PORT with PADDING"
  if (port === 0) return "RESPONSE-PORT 0"
  if (probe !== undefined && !probe.change.address && !probe.change.port) return "PROBE-BACK from nowhere else"
  if (transport === "tcp" && (port !== undefined || padded || change?.address === true || change?.port === true)) {
    return "for UDP only"
  }
  return undefined
}

interface Facts {
  readonly at: Corner
  readonly by: Corner
  readonly from: NetAddress.InetAddress
  readonly classic: boolean
  readonly elsewhere: boolean
  readonly software: string | undefined
}

const contentsOf = (layout: Layout, { at, by, classic, elsewhere, from, software }: Facts) => {
  const mapped = NetAddress.toCanonical(from)
  const origin = endpointOf(layout, by)
  // On an unspecified address the server does not know which one was asked.
  const origins: ReadonlyArray<Attribute> = NetAddress.isUnspecified(origin.address)
    ? []
    : [{ _tag: classic ? "SourceAddress" : "ResponseOrigin", value: origin }]
  const others: ReadonlyArray<Attribute> =
    layout.alternate === undefined
      ? []
      : [
          {
            _tag: classic ? "ChangedAddress" : "OtherAddress",
            value: endpointOf(layout, changed(at, { address: true, port: true }))
          }
        ]
  const endpoints = [...origins, ...others]
  const first: Attribute = { _tag: classic ? "MappedAddress" : "XorMappedAddress", value: mapped }
  const extras: ReadonlyArray<Attribute> = classic
    ? []
    : [
        { _tag: "MappedAddress", value: mapped },
        ...(software === undefined ? [] : [{ _tag: "Software", value: software } as const])
      ]
  const isFull = layout.alternate !== undefined && !elsewhere
  return { must: isFull ? [first, ...endpoints] : [first], may: isFull ? extras : [...endpoints, ...extras] }
}

/** The bytes that tell the asker how its probe ended. */
export const report = ({ request, to }: Dial, result: ProbeResult): Uint8Array | undefined =>
  bytesOf(probeReport(request, NetAddress.toCanonical(to), result), request)

/** The bytes of an error over TCP. */
export const refuse = (request: Message, code: number, reason: string): Uint8Array | undefined =>
  bytesOf(failure(request, code, [], reason), request)

/** The reason in words only where there is room for them. */
const errorBytes = (error: Message, request: Message, budget: number): Uint8Array | undefined => {
  const bytes = bytesOf(error, request)
  if (bytes !== undefined && bytes.length <= budget) return bytes
  const [{ value }, ...rest] = error.attributes as [Extract<Attribute, { _tag: "ErrorCode" }>, ...Array<Attribute>]
  return bytesOf(failure(request, value.code, rest, ""), request)
}

// What does not fit its attribute was left out before, so this fails for nothing that came.
const bytesOf = (response: Message, request: Message): Uint8Array | undefined =>
  Result.getOrUndefined(encode(response, { fingerprint: get(request, "Fingerprint") !== undefined }))

const answer = (bytes: Uint8Array | undefined, by: Corner, to: NetAddress.InetAddress): Answer | undefined =>
  bytes === undefined ? undefined : { _tag: "Answer", bytes, by, to }

// A link-local address means something in its scope only.
const withPort = (to: NetAddress.InetAddress, port: number): NetAddress.InetAddress =>
  port === to.port
    ? to
    : to._tag === "InetAddressV4"
      ? NetAddress.inetAddressUnsafe(to.address, port)
      : Result.getOrThrow(NetAddress.inetAddressV6(to.address, port, { scopeId: to.scopeId }))
