/** Compares profiles with the rules of the box they were measured through, and keeps the score. */
import { CONFIDENT } from "../../../../src/protocols/natprofile/confidence.ts"
import { classicName, nameOf } from "../../../../src/protocols/natprofile/names.ts"
import type { ClassicName, Measured, NatProfile, PortRange } from "../../../../src/schemas/NatProfile.ts"
import type { Rules } from "./Box.ts"

export const FIELDS = ["type", "mapping", "filtering", "delta", "unsolicited", "hairpin"] as const
export type Field = (typeof FIELDS)[number]

export interface Score {
  asked: number
  right: number
  wrong: number
  unknown: number
  confidentlyWrong: number
  confident: number
}

export const trueName = (rules: Rules): ClassicName =>
  rules.blocked ? "blocked" : nameOf(rules.translated, rules.mapping, rules.filtering)

const deltaName = ({ kind, step }: Rules["delta"]): string =>
  step === 0 ? kind : `${kind}(${step > 0 ? "+" : ""}${step})`

export class Tally {
  readonly scores: Record<Field, Score>
  /** Truth, then verdict, then how often. */
  readonly types = new Map<string, Map<string, number>>()
  readonly deltas = new Map<string, Map<string, number>>()
  readonly faults: Array<string> = []
  /** Over all known ranges: the share of the true range inside the measured one, and the confidence that it is. */
  readonly ranges = { count: 0, covered: 0, confidence: 0 }

  constructor() {
    const zero = (): Score => ({ asked: 0, right: 0, wrong: 0, unknown: 0, confidentlyWrong: 0, confident: 0 })
    this.scores = {
      type: zero(),
      mapping: zero(),
      filtering: zero(),
      delta: zero(),
      unsolicited: zero(),
      hairpin: zero()
    }
  }

  /** `where` says which measurement it was, for the list of faults. */
  add(profile: NatProfile, rules: Rules, where: string): void {
    const { translated } = rules
    const eim = rules.mapping === "endpoint-independent"
    const type = classicName(profile)
    const [low, high] = rules.range
    this.#count("type", type, trueName(rules), where)
    cell(this.types, trueName(rules), type._tag === "Known" ? type.value : "unknown")
    if (rules.blocked) return
    this.#count("mapping", profile.mapping, translated ? rules.mapping : "endpoint-independent", where)
    this.#count("filtering", profile.filtering, rules.filtering, where)
    const delta = translated ? rules.delta : ({ kind: "equal", step: 0 } as const)
    this.#count("delta", profile.delta, delta, where, (found) =>
      found.kind !== delta.kind
        ? false
        : // In a range of n ports an offset of n more is the same offset.
          found.kind === "preserving"
          ? (found.step - delta.step) % (high - low + 1) === 0
          : found.step === delta.step
    )
    const found = profile.delta._tag === "Known" ? profile.delta.value : undefined
    cell(
      this.deltas,
      deltaName(delta),
      found === undefined
        ? "unknown"
        : found.kind === "preserving"
          ? nameIn(found, delta, high - low + 1)
          : deltaName(found)
    )
    if (profile.transport === "tcp" && rules.filtering !== "endpoint-independent") {
      this.#count("unsolicited", profile.unsolicited, rules.unsolicited, where)
    }
    if (translated && eim) this.#count("hairpin", profile.hairpin, rules.hairpin, where)
    if (translated && profile.range._tag === "Known") {
      this.ranges.count += 1
      this.ranges.covered += overlap(profile.range.value, rules.range)
      this.ranges.confidence += profile.range.confidence
    }
  }

  #count<A>(
    field: Field,
    measured: Measured<A>,
    truth: A,
    where: string,
    same: (found: A) => boolean = (found) => found === truth
  ): void {
    const score = this.scores[field]
    score.asked += 1
    if (measured._tag === "Unknown") {
      score.unknown += 1
      this.faults.push(`${where}: ${field} is unknown (${measured.reason}), not ${JSON.stringify(truth)}`)
      return
    }
    const confident = measured.confidence >= CONFIDENT
    if (confident) score.confident += 1
    if (same(measured.value)) {
      score.right += 1
      return
    }
    score.wrong += 1
    if (confident) score.confidentlyWrong += 1
    this.faults.push(
      `${where}: ${field} is ${JSON.stringify(measured.value)} (${measured.confidence.toFixed(2)}), not ${JSON.stringify(truth)}`
    )
  }

  table(title: string): string {
    const share = (part: number, of: number): string => (of === 0 ? "-" : `${((100 * part) / of).toFixed(2)} %`)
    const lines = FIELDS.map((field) => {
      const score = this.scores[field]
      return [
        field.padEnd(12),
        String(score.asked).padStart(6),
        share(score.right, score.asked).padStart(10),
        String(score.unknown).padStart(8),
        String(score.wrong).padStart(6),
        String(score.confidentlyWrong).padStart(18),
        share(score.confident, score.asked).padStart(10)
      ].join("")
    })
    const { confidence, count, covered } = this.ranges
    return [
      title,
      "             asked     right unknown wrong confidently wrong confident",
      ...lines,
      `range        ${count} known, cover ${share(covered, count)} of the true one at a confidence of ${share(confidence, count)}`,
      "",
      confusion("type: truth by row, verdict by column", this.types),
      confusion("delta", this.deltas)
    ].join("\n")
  }
}

const nameIn = (found: Rules["delta"], truth: Rules["delta"], size: number): string =>
  truth.kind === "preserving" && (found.step - truth.step) % size === 0 ? deltaName(truth) : "preserving(other)"

const overlap = ([low, high]: PortRange, [first, last]: PortRange): number =>
  Math.max(0, Math.min(high, last) - Math.max(low, first) + 1) / (last - first + 1)

const cell = (table: Map<string, Map<string, number>>, row: string, column: string): void => {
  const cells = table.get(row) ?? new Map<string, number>()
  table.set(row, cells.set(column, (cells.get(column) ?? 0) + 1))
}

const confusion = (title: string, table: ReadonlyMap<string, ReadonlyMap<string, number>>): string => {
  const rows = [...table.keys()]
  const columns = [...new Set([...rows, ...[...table.values()].flatMap((cells) => Array.from(cells.keys()))])]
  const width = Math.max(...rows.map((row) => row.length)) + 2
  // Columns are numbered, for their names are long.
  const head = " ".repeat(width + 4) + columns.map((_, index) => String(index + 1).padStart(6)).join("")
  const lines = columns.map((name, index) => {
    const cells = columns.map((column) => String(table.get(name)?.get(column) ?? ".").padStart(6)).join("")
    return `${name.padEnd(width)}${String(index + 1).padStart(4)}${cells}`
  })
  return [title, head, ...lines, ""].join("\n")
}
