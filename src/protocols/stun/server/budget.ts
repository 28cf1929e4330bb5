/**
 * How large an answer of the server may be.
 *
 * A datagram's source can be forged, so whoever is answered may not have asked, and must get no more than was spent on
 * reaching us. A bare Binding request has 20 bytes and the shortest useful answer 32, so an exact "never more" would be a
 * server for nobody. What holds over UDP instead:
 *
 * - An answer is never longer than its request, or than `LARGEST` where the request is short: the three endpoints that
 *   RFC 5780 needs, or RFC 3489 demands. On the wire, with the headers of IP and UDP, a bare request of 48 bytes (IPv6: 68)
 *   brings 84 (140) at most: 1.75 times (2.06 times) what was sent.
 * - An answer sent elsewhere than straight back (CHANGE-REQUEST, RESPONSE-PORT) is never longer than its request, or than
 *   `LARGEST_ELSEWHERE`: the mapped endpoint alone. Requests that ask for it have 28 bytes, answers to them 32 (IPv6: 44).
 * - All else (MAPPED-ADDRESS beside the XOR form, SOFTWARE, reason phrases) is there only where the request is as long. A
 *   client that pads its request to 120 bytes gets everything, and no more bytes than it sent.
 * - PADDING makes the answer as long as the request, and no longer: RFC 5780 section 7.6 would have the length of an MTU, which
 *   is 60 times what a request for it takes. It goes only where the request says it came from.
 *
 * What is left is limited by the rate of answers to each source address and in total. Over TCP the source is proven, and
 * answers carry everything.
 */
import type { Attribute } from "../Attribute.ts"
import { entryOfTag } from "../Attribute.ts"
import { HEADER, padded } from "../header.ts"

/** Bytes of an answer to a shorter request: the header, three endpoints, and FINGERPRINT where the request has it. */
export const LARGEST = { IPv4: 20 + 3 * 12 + 8, IPv6: 20 + 3 * 24 + 8 }

/** The same for an answer that is not sent straight back: with one endpoint. */
export const LARGEST_ELSEWHERE = { IPv4: 20 + 12 + 8, IPv6: 20 + 24 + 8 }

/** A request to be padded is answered with so many bytes at most: enough to be fragmented on any path there is. */
export const LARGEST_PADDED = 2048

/** Over TCP. */
export const UNLIMITED = Infinity

/** Bytes of an attribute in a message; of one that cannot be written, too many. */
const sizeOf = (attribute: Attribute): number => {
  const size = attribute._tag === "Unknown" ? undefined : entryOfTag.get(attribute._tag)!.codec.size(attribute.value)
  return typeof size === "number" ? 4 + padded(size) : Infinity
}

export interface Contents {
  /** In any case. */
  readonly must: ReadonlyArray<Attribute>
  /** In this order, those that have room. */
  readonly may: ReadonlyArray<Attribute>
  /** Fill what is left, up to {@link LARGEST_PADDED}. */
  readonly padding: boolean
}

/** The attributes of a message of at most `budget` bytes, or only those it must have where they alone need more. */
export const within = (
  { may, must, padding }: Contents,
  budget: number,
  fingerprint: boolean
): ReadonlyArray<Attribute> => {
  const attributes = [...must]
  let size = HEADER + (fingerprint ? 8 : 0)
  for (const attribute of must) size += sizeOf(attribute)
  for (const attribute of may) {
    const more = sizeOf(attribute)
    if (size + more > budget) continue
    attributes.push(attribute)
    size += more
  }
  const room = Math.min(budget, LARGEST_PADDED) - size - 4
  if (padding && room >= 0) attributes.push({ _tag: "Padding", value: room })
  return attributes
}
