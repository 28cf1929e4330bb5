/**
 * `npm run bench -- NAME [--json] [--rounds N] [--quick]` runs bench/NAME.ts; without a name it lists what there is.
 *
 * It only reports: a missed target is shown and does not fail, a bench that breaks does. With --json the objects go to
 * standard output and the table to standard error.
 */
import { readdirSync } from "node:fs"
import * as Path from "node:path"
import { parseArgs } from "node:util"
import type { Bench, CaseResult } from "./harness/case.ts"
import { jsonLine, table } from "./harness/report.ts"

/** What the person asked for cannot be done: said without a stack. */
class Misuse extends Error {}

const usage = "npm run bench -- NAME [--json] [--rounds N] [--quick]"

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => Path.basename(file, ".ts"))
  .toSorted()

const load = async (name: string): Promise<Bench> => (await import(`./${name}.ts`)).default

const list = async (): Promise<void> => {
  const width = Math.max(...names.map((name) => name.length))
  console.log(`${usage}\n`)
  for (const name of names) console.log(`  ${name.padEnd(width)}  ${(await load(name)).description}`)
}

const show = (name: string, results: ReadonlyArray<CaseResult>, json: boolean): void => {
  const print = json ? console.error : console.log
  print(`\n${table(results)}`)
  if (json) for (const result of results) console.log(jsonLine(name, result))
}

const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, quick: { type: "boolean" }, rounds: { type: "string" } }
  })
  const [name, ...others] = positionals
  if (name === undefined) return list()
  if (others.length > 0) throw new Misuse(`one bench at a time: ${usage}`)
  if (!names.includes(name)) throw new Misuse(`no bench "${name}"; there are: ${names.join(", ")}`)

  const quick = values.quick ?? false
  const rounds = Number(values.rounds ?? (quick ? 1 : 5))
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Misuse(`--rounds wants a whole number from 1, not ${values.rounds}`)

  const bench = await load(name)
  const results = await bench.run({ rounds, quick, log: (message) => console.error(message) })
  show(name, results, values.json ?? false)
}

// Exits whatever a bench left open: a broken one must not hang.
await main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Misuse ? error.message : error)
    process.exit(1)
  }
)
