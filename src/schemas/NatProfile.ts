/**
 * Everything measured about one interface, family and transport: how the NATs and firewalls between it and the internet
 * map, filter and number, in the words of RFC 4787, RFC 5382 and RFC 5780.
 *
 * Every value is either known, with a confidence and the observations it rests on, or unknown, with the reason. Nothing is
 * guessed. The classic names ("full cone") are derived: see `protocols/natprofile/names`. JSON when encoded.
 */
import * as Schema from "effect/Schema"
import { Dependence } from "./NatDevice.ts"
import { Transport } from "./NatObservation.ts"
import { Family } from "./NetworkInterface.ts"

/** How probable it is that a value is right, above 0 and at most 1. */
export const Confidence = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))

/** Why something could not be measured. */
export const Reason = Schema.Literals([
  /** No STUN server was given for this family and transport. */
  "no-server",
  /** No probe left this machine. */
  "not-sent",
  /** No server answered over any transport: they, the network or a firewall may be the cause. */
  "no-answer",
  /** This transport does not get through at all. */
  "blocked",
  /** Too few probes were answered. */
  "too-few-answers",
  /** There is no NAT, so there is nothing to measure. */
  "no-translation",
  /** Needs a server with two addresses, or two servers. */
  "needs-second-address",
  /** Needs a server with two ports. */
  "needs-second-port",
  /** Needs a server that obeys CHANGE-REQUEST (RFC 5780). */
  "needs-change-request",
  /** Needs a server that honours RESPONSE-PORT (RFC 5780). */
  "needs-response-port",
  /** Needs a server that dials back. */
  "needs-probe-back",
  /** Nothing was filtered, so nothing shows what happens to packets that are. */
  "nothing-filtered",
  /** The external endpoint towards oneself cannot be known in advance. */
  "not-addressable",
  /** It does not show in what was measured. */
  "not-visible",
  /** The observations contradict each other. */
  "inconsistent",
  /** It takes minutes, and was not asked for. */
  "not-asked"
])
export type Reason = typeof Reason.Type

/** Ids of observations. */
const Evidence = Schema.Array(Schema.String)

/** A value that is known to some degree, or the reason why not. */
export const measured = <S extends Schema.Top>(value: S) =>
  Schema.Union([
    Schema.TaggedStruct("Known", { value, confidence: Confidence, evidence: Evidence }),
    Schema.TaggedStruct("Unknown", {
      reason: Reason,
      /** One sentence for people, and where possible what to do about it. */
      detail: Schema.String,
      /** What is still possible, where something is ruled out. */
      possible: Schema.optional(Schema.Array(value)),
      evidence: Evidence
    })
  ])

export interface Known<A> {
  readonly _tag: "Known"
  readonly value: A
  readonly confidence: number
  readonly evidence: ReadonlyArray<string>
}

export interface Unknown<A> {
  readonly _tag: "Unknown"
  readonly reason: Reason
  readonly detail: string
  readonly possible?: ReadonlyArray<A> | undefined
  readonly evidence: ReadonlyArray<string>
}

export type Measured<A> = Known<A> | Unknown<A>

/** How the external port of a new mapping follows from what came before. */
export const DeltaKind = Schema.Literals(["equal", "preserving", "independent", "dependent", "random"])
export type DeltaKind = typeof DeltaKind.Type

/**
 * `equal`: the internal port (step 0). `preserving`: the internal port plus `step`, wrapped into the range. `independent`: the
 * last new mapping's port plus `step`, whatever the internal port. `dependent`: the same if the internal port is the last
 * one's plus 1, else random. `random`: no rule (step 0). Steps have a sign.
 */
export const Delta = Schema.Struct({ kind: DeltaKind, step: Schema.Int })
export type Delta = typeof Delta.Type

const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }))

/** Lowest and highest external port, both included. */
export const PortRange = Schema.Tuple([Port, Port]).check(
  Schema.makeFilter(([low, high]) => (low <= high ? undefined : `a port range from ${low} to ${high} is empty`))
)
export type PortRange = typeof PortRange.Type

/**
 * What happens to a packet that nobody inside asked for. `rst`: it is refused, by a RST or by an ICMP port unreachable, which to a
 * program that dials are one. `icmp`: any other ICMP error.
 */
export const Unsolicited = Schema.Literals(["drop", "rst", "icmp"])
export type Unsolicited = typeof Unsolicited.Type

/** An idle mapping lives `atLeast` this long and, if an end was seen, is gone after `below`. Milliseconds. */
export const Lifetime = Schema.Struct({ atLeast: Schema.Finite, below: Schema.optional(Schema.Finite) })
export type Lifetime = typeof Lifetime.Type

/**
 * NATs in a row that can be seen. `exact` when there cannot be more without hiding completely; else there are at least that
 * many. `carrier` when one of them is seen to be a carrier's (RFC 6598 addresses inside).
 */
export const NatCount = Schema.Struct({ count: Schema.Int, exact: Schema.Boolean, carrier: Schema.Boolean })
export type NatCount = typeof NatCount.Type

export const NatProfile = Schema.Struct({
  interface: Schema.String,
  family: Family,
  transport: Transport,
  /** Whether nothing of this transport gets through. */
  blocked: measured(Schema.Boolean),
  /** The address the servers see. */
  external: measured(Schema.IpAddressFromString),
  /** Whether addresses or ports are changed on the way. */
  translated: measured(Schema.Boolean),
  mapping: measured(Dependence),
  filtering: measured(Dependence),
  delta: measured(Delta),
  /** Where new external ports fall; the confidence is that of the next one falling inside. */
  range: measured(PortRange),
  unsolicited: measured(Unsolicited),
  hairpin: measured(Schema.Boolean),
  lifetime: measured(Lifetime),
  nats: measured(NatCount),
  /** New mappings a second that others behind the same NAT made while ports were sampled. */
  noise: measured(Schema.Finite),
  /** Servers that disagree, lie or fail, in sentences for people. */
  warnings: Schema.Array(Schema.String)
})
export type NatProfile = typeof NatProfile.Type

/** The classic names (RFC 3489 section 5). */
export const ClassicName = Schema.Literals([
  "open-internet",
  "symmetric-firewall",
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
  "blocked"
])
export type ClassicName = typeof ClassicName.Type

const orUnknown = <S extends Schema.Top>(value: S) => Schema.Union([value, Schema.Literal("unknown")])

/** How sure one field of a summary is and why; `reason` and `detail` where it is unknown. */
const FieldEvidence = Schema.Struct({
  confidence: Schema.Finite,
  reason: Schema.optional(Reason),
  detail: Schema.optional(Schema.String),
  observations: Evidence
})
export type FieldEvidence = typeof FieldEvidence.Type

/**
 * A profile as one flat object: what `p2p nat --json` prints for each interface, family and transport. `confidence` is that of
 * the type's weakest part, 0 when the type is unknown; `evidence` has each field's own.
 */
export const NatSummary = Schema.Struct({
  interface: Schema.String,
  family: Family,
  transport: Transport,
  type: orUnknown(ClassicName),
  mapping: orUnknown(Dependence),
  filtering: orUnknown(Dependence),
  delta: Schema.Struct({ kind: orUnknown(DeltaKind), step: orUnknown(Schema.Int) }),
  range: orUnknown(PortRange),
  unsolicited: orUnknown(Unsolicited),
  hairpin: orUnknown(Schema.Boolean),
  external: orUnknown(Schema.String),
  lifetime: orUnknown(Lifetime),
  nats: orUnknown(NatCount),
  confidence: Schema.Finite,
  evidence: Schema.Record(Schema.String, FieldEvidence),
  warnings: Schema.Array(Schema.String)
})
export type NatSummary = typeof NatSummary.Type
