/**
 * Every attribute this project speaks: its number, its name in the RFCs and how its value is written. What is not in
 * the table is read as `Unknown`, and written as it was read.
 *
 * A number below 0x8000 must be understood by who receives it, one from 0x8000 on may be passed over (RFC 8489 section
 * 14).
 */
import type { Codec } from "./Problem.ts"
import * as Compound from "./values/compound.ts"
import { endpoint, xorEndpoint } from "./values/endpoint.ts"
import * as Num from "./values/number.ts"
import * as ProbeBack from "./values/probeBack.ts"
import * as Text from "./values/text.ts"

export interface Definition<A> {
  readonly type: number
  readonly name: string
  readonly codec: Codec<A>
}

const define = <A>(type: number, name: string, codec: Codec<A>): Definition<A> => ({ type, name, codec })

export const MESSAGE_INTEGRITY = 0x0008
export const MESSAGE_INTEGRITY_SHA256 = 0x001c
export const FINGERPRINT = 0x8028

/** RFC 8489 section 14.5. */
export const SHA1_BYTES = 20

/** RFC 8489 section 14.6; a truncated value has fewer. */
export const SHA256_BYTES = 32

export const definitions = {
  // RFC 8489 section 14
  MappedAddress: define(0x0001, "MAPPED-ADDRESS", endpoint),
  Username: define(0x0006, "USERNAME", Text.textOf(508)),
  MessageIntegrity: define(MESSAGE_INTEGRITY, "MESSAGE-INTEGRITY", Text.bytesOf(SHA1_BYTES)),
  ErrorCode: define(0x0009, "ERROR-CODE", Compound.errorCode),
  UnknownAttributes: define(0x000a, "UNKNOWN-ATTRIBUTES", Compound.types),
  Realm: define(0x0014, "REALM", Text.text),
  Nonce: define(0x0015, "NONCE", Text.text),
  MessageIntegritySha256: define(MESSAGE_INTEGRITY_SHA256, "MESSAGE-INTEGRITY-SHA256", Text.truncatedSha256),
  PasswordAlgorithm: define(0x001d, "PASSWORD-ALGORITHM", Compound.passwordAlgorithm),
  Userhash: define(0x001e, "USERHASH", Text.bytesOf(32)),
  XorMappedAddress: define(0x0020, "XOR-MAPPED-ADDRESS", xorEndpoint),
  PasswordAlgorithms: define(0x8002, "PASSWORD-ALGORITHMS", Compound.passwordAlgorithms),
  AlternateDomain: define(0x8003, "ALTERNATE-DOMAIN", Text.textOf(255)),
  Software: define(0x8022, "SOFTWARE", Text.diagnostic),
  AlternateServer: define(0x8023, "ALTERNATE-SERVER", endpoint),
  Fingerprint: define(FINGERPRINT, "FINGERPRINT", Num.uint32),

  // Only from servers of RFC 3489 (sections 11.2.3, 11.2.5 and 11.2.11), and a number XOR-MAPPED-ADDRESS had before it
  // was a standard.
  SourceAddress: define(0x0004, "SOURCE-ADDRESS", endpoint),
  ChangedAddress: define(0x0005, "CHANGED-ADDRESS", endpoint),
  ReflectedFrom: define(0x000b, "REFLECTED-FROM", endpoint),
  LegacyXorMappedAddress: define(0x8020, "XOR-MAPPED-ADDRESS (0x8020)", xorEndpoint),

  // RFC 5780 section 7
  ChangeRequest: define(0x0003, "CHANGE-REQUEST", Compound.changeRequest),
  Padding: define(0x0026, "PADDING", Num.filler),
  ResponsePort: define(0x0027, "RESPONSE-PORT", Num.uint16),
  CacheTimeout: define(0x8027, "CACHE-TIMEOUT", Num.uint32),
  ResponseOrigin: define(0x802b, "RESPONSE-ORIGIN", endpoint),
  OtherAddress: define(0x802c, "OTHER-ADDRESS", endpoint),

  // RFC 8656 section 18
  ChannelNumber: define(0x000c, "CHANNEL-NUMBER", Num.uint16),
  Lifetime: define(0x000d, "LIFETIME", Num.uint32),
  XorPeerAddress: define(0x0012, "XOR-PEER-ADDRESS", xorEndpoint),
  Data: define(0x0013, "DATA", Text.bytes),
  XorRelayedAddress: define(0x0016, "XOR-RELAYED-ADDRESS", xorEndpoint),
  RequestedAddressFamily: define(0x0017, "REQUESTED-ADDRESS-FAMILY", Num.family),
  EvenPort: define(0x0018, "EVEN-PORT", Num.firstBit),
  RequestedTransport: define(0x0019, "REQUESTED-TRANSPORT", Num.uint8),
  DontFragment: define(0x001a, "DONT-FRAGMENT", Num.flag),
  ReservationToken: define(0x0022, "RESERVATION-TOKEN", Text.bytesOf(8)),
  AdditionalAddressFamily: define(0x8000, "ADDITIONAL-ADDRESS-FAMILY", Num.family),
  AddressErrorCode: define(0x8001, "ADDRESS-ERROR-CODE", Compound.addressErrorCode),
  Icmp: define(0x8004, "ICMP", Compound.icmp),

  // RFC 6062 section 6.2.1
  ConnectionId: define(0x002a, "CONNECTION-ID", Num.uint32),

  // Our own extension: probeBack.ts says why these numbers.
  ProbeBack: define(0x5042, "PROBE-BACK", ProbeBack.probeBack),
  ProbeBackReport: define(0xd042, "PROBE-BACK-REPORT", ProbeBack.probeResult)
} as const

type Definitions = typeof definitions

/** The names attributes have here. */
export type Tag = keyof Definitions

/** The value an attribute of each name carries. */
export type Values = { readonly [T in Tag]: Definitions[T] extends Definition<infer A> ? A : never }

/** An attribute that is not in the table. The value is a view into the message. */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly type: number
  readonly value: Uint8Array
}

export type Known = { [T in Tag]: { readonly _tag: T; readonly value: Values[T] } }[Tag]

export type Attribute = Known | Unknown

/** A definition whose value's type is known only to its attribute. */
export interface Entry {
  readonly tag: Tag
  readonly type: number
  readonly name: string
  readonly codec: Codec<unknown>
}

const entries = Object.entries(definitions).map(([tag, { codec, name, type }]): Entry => {
  return { tag: tag as Tag, type, name, codec: codec as Codec<unknown> }
})

export const entryOfType: ReadonlyMap<number, Entry> = new Map(entries.map((entry) => [entry.type, entry]))

export const entryOfTag: ReadonlyMap<string, Entry> = new Map(entries.map((entry) => [entry.tag, entry]))

/** The name in the RFCs, or the number of an attribute without one here. */
export const nameOf = (type: number): string =>
  entryOfType.get(type)?.name ?? `attribute 0x${type.toString(16).padStart(4, "0")}`

/** Whether who receives an attribute of this type must understand it. */
export const isRequired = (type: number): boolean => type < 0x8000
