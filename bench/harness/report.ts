/** How results are shown: a table for people, one JSON object a line for programs. */
import { type CaseResult, reached } from "./case.ts"

const figure = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-GB") : String(Number(value.toPrecision(3)))

const row = (result: CaseResult): ReadonlyArray<string> => {
  const { baseline, better, ours, ratio, ratioMax, ratioMin, rounds, target, unit } = result
  const verdict = { true: "", false: "  missed", undefined: "" }[String(reached(result))]
  return [
    result.case,
    `${ratio.toFixed(2)}  (${ratioMin.toFixed(2)}-${ratioMax.toFixed(2)})`,
    `${figure(baseline)} ${unit}`,
    `${figure(ours)} ${unit}`,
    target === undefined ? "-" : `${better === "higher" ? ">=" : "<="} ${target}${verdict}`,
    String(rounds)
  ]
}

export const table = (results: ReadonlyArray<CaseResult>): string => {
  const rows = [["case", "ratio  (least-most)", "baseline", "ours", "target", "rounds"], ...results.map(row)]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)))
  const line = (cells: ReadonlyArray<string>): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("   ")
      .trimEnd()
  return rows.map(line).join("\n")
}

export const jsonLine = (bench: string, result: CaseResult): string => JSON.stringify({ bench, ...result })
