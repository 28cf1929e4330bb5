/**
 * A NAT brief: two bytes, and what they say follows. Family and transport are told by its place among the four.
 *
 *    0                   1
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |Type |Map|Fil|Delta|Uns|Hp |R|0| Step?   ...      if the delta has one: zigzag, LEB128
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |           Low port?           |          High port?           |      if R
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * In each of the first six, 0 is unknown.
 */
import type { Dependence } from "../../schemas/NatDevice.ts"
import type { ClassicName, DeltaKind, Unsolicited } from "../../schemas/NatProfile.ts"
import type { NatBrief } from "../../schemas/PeerAddress.ts"
import { type AddressError, addressError } from "./AddressError.ts"
import type { Reader } from "./bytes.ts"
import { writeUint, writeVarint } from "./bytes.ts"

/** Codes start at 1. */
const TYPES: ReadonlyArray<ClassicName> = [
  "open-internet",
  "symmetric-firewall",
  "full-cone",
  "restricted-cone",
  "port-restricted-cone",
  "symmetric",
  "blocked"
]
const DEPENDENCES: ReadonlyArray<Dependence> = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent"
]
const DELTAS: ReadonlyArray<DeltaKind> = ["equal", "preserving", "independent", "dependent", "random"]
const UNSOLICITED: ReadonlyArray<Unsolicited> = ["drop", "rst", "icmp"]
const HAIRPIN: ReadonlyArray<boolean> = [false, true]

const RANGE = 2

/** Steps are differences of ports. */
const MAX_STEP = 65535

const hasStep = (kind: DeltaKind): boolean => kind !== "equal" && kind !== "random"

const isPort = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65535

const code = <A>(codes: ReadonlyArray<A>, value: A | undefined): number =>
  value === undefined ? 0 : codes.indexOf(value) + 1

/** Appends a brief: nothing where it says nothing. */
export const writeBrief = (out: Array<number>, brief: NatBrief, place: string): AddressError | boolean => {
  const { delta, filtering, hairpin, mapping, range, type, unsolicited } = brief
  const wrong = (problem: string): AddressError =>
    addressError("Malformed", `${place}, NAT of ${brief.family} ${brief.transport}`, problem)
  const bits =
    (code(TYPES, type) << 13) |
    (code(DEPENDENCES, mapping) << 11) |
    (code(DEPENDENCES, filtering) << 9) |
    (code(DELTAS, delta?.kind) << 6) |
    (code(UNSOLICITED, unsolicited) << 4) |
    (code(HAIRPIN, hairpin) << 2) |
    (range === undefined ? 0 : RANGE)
  if (bits === 0) return false
  writeUint(out, 2, bits)
  if (delta !== undefined) {
    const { kind, step } = delta
    if (!Number.isInteger(step) || Math.abs(step) > MAX_STEP) return wrong(`a step of ${step} between ports`)
    if (hasStep(kind)) writeVarint(out, step < 0 ? -2 * step - 1 : 2 * step)
    else if (step !== 0) return wrong(`a delta that is ${kind} has no step, this one has ${step}`)
  }
  if (range !== undefined) {
    const [low, high] = range
    if (!isPort(low) || !isPort(high) || low > high) return wrong(`no port range: ${low} to ${high}`)
    writeUint(out, 2, low)
    writeUint(out, 2, high)
  }
  return true
}

export const readBrief = (reader: Reader, which: Pick<NatBrief, "family" | "transport">): NatBrief => {
  const start = reader.at
  const bits = reader.uint(2)
  const value = <A>(codes: ReadonlyArray<A>, shift: number, width: number, name: string): A | undefined => {
    const index = (bits >> shift) & ((1 << width) - 1)
    if (index > codes.length) reader.fail(`no ${name} has the number ${index}`, start)
    return index === 0 ? undefined : codes[index - 1]
  }
  const type = value(TYPES, 13, 3, "NAT type")
  const mapping = value(DEPENDENCES, 11, 2, "mapping")
  const filtering = value(DEPENDENCES, 9, 2, "filtering")
  const kind = value(DELTAS, 6, 3, "delta")
  const unsolicited = value(UNSOLICITED, 4, 2, "policy for unsolicited packets")
  const hairpin = value(HAIRPIN, 2, 2, "hairpin")
  if ((bits & 1) !== 0) reader.fail("a bit that must be 0 is 1", start)
  const zigzag = kind !== undefined && hasStep(kind) ? reader.varint() : 0
  const step = zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2
  const range = (bits & RANGE) === 0 ? undefined : ([reader.uint(2), reader.uint(2)] as const)
  return {
    ...which,
    ...(type && { type }),
    ...(mapping && { mapping }),
    ...(filtering && { filtering }),
    ...(kind && { delta: { kind, step } }),
    ...(range && { range }),
    ...(unsolicited && { unsolicited }),
    ...(hairpin !== undefined && { hairpin })
  }
}
