/**
 * STUN messages as plain values (RFC 8489; classic ones of RFC 3489 too), what is asked of them, and answers to
 * requests.
 */
import type { Attribute, Known, Tag, Values } from "./Attribute.ts"
import { isRequired } from "./Attribute.ts"
import * as ErrorCode from "./ErrorCode.ts"
import type { Class } from "./header.ts"
import { CLASSIC_TRANSACTION_ID } from "./header.ts"
import { utf8Length } from "./values/text.ts"

export interface Message {
  /** 12 bits; see `Method`. */
  readonly method: number
  readonly class: Class
  /** 12 bytes; 16 make it a classic message, without the magic cookie (RFC 3489). Decoded, a view into the bytes. */
  readonly transactionId: Uint8Array
  /** In the order on the wire. A type may occur more than once: the first counts, where no RFC says otherwise. */
  readonly attributes: ReadonlyArray<Attribute>
}

/** RFC 8489 section 18.2, RFC 8656 section 17, RFC 6062 section 6.1. */
export const Method = {
  Binding: 0x001,
  Allocate: 0x003,
  Refresh: 0x004,
  Send: 0x006,
  Data: 0x007,
  CreatePermission: 0x008,
  ChannelBind: 0x009,
  Connect: 0x00a,
  ConnectionBind: 0x00b,
  ConnectionAttempt: 0x00c
} as const

export const request = (
  method: number,
  transactionId: Uint8Array,
  attributes: ReadonlyArray<Attribute> = []
): Message => ({ method, class: "request", transactionId, attributes })

export const indication = (
  method: number,
  transactionId: Uint8Array,
  attributes: ReadonlyArray<Attribute> = []
): Message => ({ method, class: "indication", transactionId, attributes })

/** The success response to a request. */
export const success = ({ method, transactionId }: Message, attributes: ReadonlyArray<Attribute> = []): Message => ({
  method,
  class: "success",
  transactionId,
  attributes
})

/**
 * The error response to a request: ERROR-CODE first, with the words of the RFC unless others are given. To a classic
 * request the words fill whole groups of 4 bytes, with spaces (RFC 3489 section 11.2.9).
 */
export const failure = (
  request: Message,
  code: number,
  attributes: ReadonlyArray<Attribute> = [],
  reason: string = ErrorCode.reasonOf(code)
): Message => {
  const words = isClassic(request) ? reason + " ".repeat(-utf8Length(reason) & 3) : reason
  return {
    method: request.method,
    class: "error",
    transactionId: request.transactionId,
    attributes: [{ _tag: "ErrorCode", value: { code, reason: words } }, ...attributes]
  }
}

/**
 * The answer to a request with attributes it demands to be understood and that are not (RFC 8489 section 6.3.1): 420,
 * and their types, with those of `also`, which the server knows but does not do. `undefined` where there are none. To a
 * classic request the types come in pairs (RFC 3489 section 11.2.10).
 */
export const refuseUnknown = (request: Message, also: ReadonlyArray<number> = []): Message | undefined => {
  const types = [...unknownRequired(request), ...also]
  if (types.length === 0) return undefined
  const even = isClassic(request) && types.length % 2 === 1 ? [...types, types[0]!] : types
  return failure(request, ErrorCode.UNKNOWN_ATTRIBUTE, [{ _tag: "UnknownAttributes", value: even }])
}

/**
 * The types that demand to be understood and are not, each once: a request with some is refused, an indication or a
 * response with some is dropped (RFC 8489 section 6.3). Unknown types from 0x8000 on are passed over.
 */
export const unknownRequired = (message: Message): ReadonlyArray<number> => {
  const types = new Set<number>()
  for (const attribute of message.attributes) {
    if (attribute._tag === "Unknown" && isRequired(attribute.type)) types.add(attribute.type)
  }
  return [...types]
}

/** Whether it has no magic cookie (RFC 3489). */
export const isClassic = (message: Message): boolean => message.transactionId.length === CLASSIC_TRANSACTION_ID

/** The value of the first attribute of this name: the one that counts. */
export const get = <T extends Tag>(message: Message, tag: T): Values[T] | undefined => {
  for (const attribute of message.attributes) if (attribute._tag === tag) return (attribute as Known).value as Values[T]
  return undefined
}

/** The values of all attributes of this name, in order. */
export const getAll = <T extends Tag>(message: Message, tag: T): ReadonlyArray<Values[T]> =>
  message.attributes.flatMap((attribute) => (attribute._tag === tag ? [attribute.value as Values[T]] : []))

/** A transaction ID as a key of a `Map`. */
export const transactionKey = (transactionId: Uint8Array): string => {
  let key = ""
  for (let i = 0; i < transactionId.length; i++) key += String.fromCharCode(transactionId[i]!)
  return key
}
