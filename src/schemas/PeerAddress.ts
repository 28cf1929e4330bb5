/**
 * How to reach a peer: a record it signs, and anyone may pass on. `protocols/address` writes and reads it.
 *
 * What is read has been validated as a whole: the signature, the expiry, every range and size. An address says what its
 * owner believes, so nothing is sent to the endpoints in it before the limits of the connect engine allow it.
 */
import * as Schema from "effect/Schema"
import { Dependence } from "./NatDevice.ts"
import { Transport } from "./NatObservation.ts"
import { ClassicName, DeltaKind, PortRange, Unsolicited } from "./NatProfile.ts"
import { Family } from "./NetworkInterface.ts"
import type { PeerId } from "./PeerId.ts"

/**
 * Where an endpoint comes from. `host`: an address of the interface, with the port the peer listens on. `reflexive`: the address
 * the internet sees, with the port it is reached at. `mapped`: a port a router was asked to open.
 */
export const CandidateKind = Schema.Literals(["host", "reflexive", "mapped"])
export type CandidateKind = typeof CandidateKind.Type

export const Candidate = Schema.Struct({
  kind: CandidateKind,
  transport: Transport,
  /** Never with a scope id: a link-local address means nothing elsewhere, and is tried on each interface of who reads it. */
  endpoint: Schema.InetAddressFromString
})
export type Candidate = typeof Candidate.Type

/** What a NAT profile comes down to for who wants to connect. Absent parts are unknown. */
export const NatBrief = Schema.Struct({
  family: Family,
  transport: Transport,
  type: Schema.optional(ClassicName),
  mapping: Schema.optional(Dependence),
  filtering: Schema.optional(Dependence),
  delta: Schema.optional(Schema.Struct({ kind: DeltaKind, step: Schema.Int })),
  range: Schema.optional(PortRange),
  unsolicited: Schema.optional(Unsolicited),
  hairpin: Schema.optional(Schema.Boolean)
})
export type NatBrief = typeof NatBrief.Type

/**
 * What one interface offers. Interfaces have no names here: those are nobody else's business. In an address that was read,
 * candidates are sorted and each is there once; their order means nothing.
 */
export const AddressInterface = Schema.Struct({
  candidates: Schema.Array(Candidate),
  /** One for each family and transport at most. */
  nats: Schema.Array(NatBrief),
  /** 6 bytes that recognise the same network: see `protocols/address/locality`. Needs the address's `locality`. */
  network: Schema.optional(Schema.Uint8Array)
})
export type AddressInterface = typeof AddressInterface.Type

/**
 * Keyed hashes by which peers find out that they share a machine or a network, and nobody else learns anything lasting: a salt of
 * 8 random bytes, drawn anew for each version of an address, and the machine's tag of 6 bytes.
 */
export const Locality = Schema.Struct({ salt: Schema.Uint8Array, machine: Schema.optional(Schema.Uint8Array) })
export type Locality = typeof Locality.Type

/** The limits every address obeys; one that does not is no address. */
export const limits = {
  /** Bytes of the wire form; an address of this size has 3,285 letters. */
  bytes: 2048,
  interfaces: 8,
  candidatesPerInterface: 16,
  brokers: 8,
  brokerLength: 200
} as const

export interface PeerAddress {
  readonly peer: PeerId
  /** Grows with every change, so that of two addresses of a peer the newer is known. */
  readonly sequence: number
  /** Milliseconds since 1970, whole seconds, by its owner's clock. */
  readonly expires: number
  /** The best first. */
  readonly interfaces: ReadonlyArray<AddressInterface>
  /**
   * Broker URIs, the best first: `mqtt://host`, `mqtts://`, `ws://host:8080/path`, `wss://`, in their one spelling (`text` of
   * `protocols/mqtt/brokerUri`), without user name, password and query.
   */
  readonly brokers: ReadonlyArray<string>
  readonly locality: Locality | undefined
}

/** An address with the bytes its owner signed: what is passed on. */
export interface SignedPeerAddress {
  readonly address: PeerAddress
  /** The whole wire form, signature included. */
  readonly bytes: Uint8Array
}
