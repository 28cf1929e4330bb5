/**
 * What one NAT probe met: the facts a NAT profile is a function of, and what its evidence refers to by `id`.
 *
 * JSON when encoded. Times are milliseconds on the clock of the machine that probed; only differences mean anything.
 */
import * as Schema from "effect/Schema"
import { Family } from "./NetworkInterface.ts"

export const Transport = Schema.Literals(["udp", "tcp"])
export type Transport = typeof Transport.Type

/**
 * What a probe is for. `contact`: whether a server is there. `sample`: the port of one new mapping. `mapping`: the same socket
 * to several endpoints (RFC 5780 section 4.3). `filtering`: an answer from elsewhere (section 4.4). `control`: an answer from
 * elsewhere that no filter stops, which shows that the server does send such answers. `probe-back`: the server dials back.
 * `hairpin`: from one socket to the external endpoint of another (section 4.5). `lifetime`: an answer into a mapping that
 * has been idle (section 4.6).
 */
export const Test = Schema.Literals([
  "contact",
  "sample",
  "mapping",
  "filtering",
  "control",
  "probe-back",
  "hairpin",
  "lifetime"
])
export type Test = typeof Test.Type

/** How a probe ended. */
export const Outcome = Schema.Union([
  Schema.TaggedStruct("Answered", {
    /** The sender as the server saw it. */
    mapped: Schema.InetAddressFromString,
    /** Where the answer came from. */
    from: Schema.InetAddressFromString,
    /** OTHER-ADDRESS (RFC 5780 section 7.4), or CHANGED-ADDRESS of RFC 3489. */
    other: Schema.optional(Schema.InetAddressFromString),
    /** When the answer came: so long after the first transmission. */
    after: Schema.Finite,
    /** One round trip: from the transmission that was answered until the answer, or of the TCP handshake. */
    roundTrip: Schema.Finite
  }),
  /** The server answered with an error: a STUN error code and its reason phrase. */
  Schema.TaggedStruct("ErrorAnswer", { code: Schema.Int, phrase: Schema.String }),
  /**
   * No answer came until `waited` after the last transmission. `ignored`: what came instead and is none (from another address, with another
   * transaction id, no STUN, a connection closed early), as a sentence.
   */
  Schema.TaggedStruct("Silent", { waited: Schema.Finite, ignored: Schema.optional(Schema.String) }),
  /** Something on the way, or the server, refused: a TCP RST, or ICMP port unreachable. */
  Schema.TaggedStruct("Refused", {}),
  /** An ICMP error other than port unreachable. */
  Schema.TaggedStruct("Unreachable", {}),
  /** A hairpin probe reached the socket it was meant for, from this source. */
  Schema.TaggedStruct("Arrived", { from: Schema.InetAddressFromString }),
  /** What happened to the server's dial: the best of all its tries, `connected` being better than an answer, that than silence. */
  Schema.TaggedStruct("ProbedBack", { result: Schema.Literals(["connected", "refused", "unreachable", "silent"]) }),
  /** It did not leave this machine: no socket, no network, or a probe that it needs had no answer. */
  Schema.TaggedStruct("NotSent", { detail: Schema.String })
])
export type Outcome = typeof Outcome.Type

export const NatObservation = Schema.Struct({
  /** Unique among the observations of one measurement, readable: `eth0/IPv4/udp/sample-3`. */
  id: Schema.String,
  interface: Schema.String,
  family: Family,
  transport: Transport,
  test: Test,
  /** Name of the socket: probes of one slot share a local port. */
  slot: Schema.String,
  /** Id of the server asked; the same for all its endpoints. */
  server: Schema.String,
  /** Where the socket is bound: the address packets leave from, never an unspecified one. */
  local: Schema.optional(Schema.InetAddressFromString),
  /** Where the probe was sent to. */
  to: Schema.optional(Schema.InetAddressFromString),
  /** CHANGE-REQUEST flags (RFC 5780 section 7.2), or the same for a probe-back. */
  change: Schema.Struct({ address: Schema.Boolean, port: Schema.Boolean }),
  /** The port the answer was to go to (RESPONSE-PORT), where that was asked for. */
  responsePort: Schema.optional(Schema.Int),
  /** Counts first transmissions on this machine: of two probes the lower one left first. */
  order: Schema.Int,
  /** When the first transmission left. */
  sentAt: Schema.Finite,
  /** How often it was sent, or dialled. */
  transmissions: Schema.Int,
  /** Of a lifetime probe: how long the mapping had been idle. */
  idle: Schema.optional(Schema.Finite),
  outcome: Outcome
})
export type NatObservation = typeof NatObservation.Type
