/**
 * Who may import whom in src/ (`npm run arrows`).
 *
 *   schemas <- protocols <- services <- layers <- servers <- api <- cli
 *
 * A room imports itself and the rooms to its left; src/index.ts imports all but cli. Types count as imports: an arrow is
 * about who knows whom. Only layers/node and layers/mqtt touch the machine, only layers/mqtt knows MQTT's packages, and only the
 * faces (index.ts, cli) and layers/node may pick the two: everything else is written on the contracts and so runs in a
 * simulation too.
 */
import { readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import { codeOnly, importsOf, lineAt } from "./source-text.ts"

const rooms = ["schemas", "protocols", "services", "layers", "servers", "api", "cli"]

/** The one file of the command that starts a process, and so may speak to the machine beside layers/node. */
const entry = "cli/bin.ts"

/** About 300 is the aim; a file longer than this fails. */
const maxLines = 400

/** Pure data modules: no fibres, services, clock or randomness behind them. All that schemas and protocols may use. */
const pureModules = new Set(
  `
  Array BigInt Boolean Brand Bytes Chunk Combiner Data Duration Equal Equivalence Function Hash HashMap HashSet Inspectable
  Iterable Match MutableHashMap MutableHashSet MutableList NonEmptyIterable Number Option Order Ordering Pipeable Predicate
  Record Redacted Reducer Result Schema SchemaAST SchemaGetter SchemaIssue SchemaParser SchemaTransformation String Struct
  Tuple Types
  net/Host net/IpInterface net/IpNetwork net/NetAddress
  encoding/Base64 encoding/Base64Url encoding/EncodingError encoding/Hex encoding/SchemaBinary
  `
    .trim()
    .split(/\s+/)
    .map((name) => `effect/${name}`)
)

/** Time, luck and the process, where they do not pass through an Effect service. */
const impure =
  /(?<![.\w$])(?:Date\.now|new Date\(\s*\)|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|crypto\.(?:getRandomValues|randomUUID)|process\.\w+)/g

export interface Violation {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** Rooms that touch the world outside. */
const isOutward = (file: string): boolean => file.startsWith("layers/node/") || file.startsWith("layers/mqtt/")

/** Brokers and their clients. */
const mqttPackages = new Set(["mqtt", "aedes", "ws"])

const checkPackage = (file: string, room: string, specifier: string): string | undefined => {
  if (specifier === "effect" || specifier === "@effect/platform-node") {
    return `import deep, as in ${specifier}/Name, not "${specifier}"`
  }
  if (specifier.startsWith("effect/")) {
    if (room !== "schemas" && room !== "protocols") return undefined
    return pureModules.has(specifier) ? undefined : `${room} may use only Effect's pure data modules, not ${specifier}`
  }
  if (specifier === "re2js") return undefined
  if (/^node:|^@effect\/platform-node\/|^koffi$/.test(specifier)) {
    if (isOutward(file) || file === entry) return undefined
    return `only layers/node, layers/mqtt and ${entry} may import ${specifier}`
  }
  if (specifier === "ip-address")
    return file === "protocols/addresses/IpRange.ts" ? undefined : "only IpRange may import it"
  if (mqttPackages.has(specifier)) {
    return file.startsWith("layers/mqtt/") ? undefined : `only layers/mqtt may import ${specifier}`
  }
  return `${specifier} is not a module that src may import`
}

const checkRelative = (file: string, room: string, specifier: string, files: ReadonlyMap<string, string>) => {
  const target = Path.posix.join(Path.posix.dirname(file), specifier)
  if (target.startsWith("../")) return `${specifier} is outside src`
  if (!files.has(target)) return `${specifier} is not a file (a relative import ends in .ts)`
  const targetRoom = target.split("/")[0]!
  if (file === "index.ts") return targetRoom === "cli" ? "index.ts may not import cli" : undefined
  if (rooms.indexOf(targetRoom) < 0) return `${room} may not import ${target}, which is in no room`
  if (rooms.indexOf(targetRoom) > rooms.indexOf(room)) return `${room} may not import ${targetRoom} (${specifier})`
  if (isOutward(target) && !isOutward(file) && room !== "cli") {
    return `only index.ts, cli, layers/node and layers/mqtt may import those two (${specifier})`
  }
  return undefined
}

/** Every broken rule. `files` maps paths below src, with `/`, to their text. */
export const check = (files: ReadonlyMap<string, string>): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  for (const [file, source] of files) {
    const room = file === "index.ts" ? "index.ts" : file.split("/")[0]!
    const report = (line: number, message: string | undefined): void => {
      if (message !== undefined) violations.push({ file: `src/${file}`, line, message })
    }
    if (room !== "index.ts" && !(rooms.includes(room) && file.includes("/"))) report(1, `${file} is in no room`)

    const lines = source.trimEnd().split("\n").length
    if (lines > maxLines) report(lines, `${lines} lines: split it by concept (limit ${maxLines}, aim for 300)`)

    for (const { line, specifier } of importsOf(source)) {
      if (specifier === undefined) {
        if (!isOutward(file)) report(line, "an import whose module is computed cannot be checked")
      } else {
        report(line, (specifier.startsWith(".") ? checkRelative : checkPackage)(file, room, specifier, files))
      }
    }
    if (!isOutward(file) && file !== entry) {
      for (const match of codeOnly(source).matchAll(impure)) {
        report(lineAt(source, match.index), `${match[0]}: time, luck and the process come from Effect services`)
      }
    }
  }
  return violations
}

/** The TypeScript files below a folder, as `check` wants them. */
export const readTree = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => [path.split(Path.sep).join("/"), readFileSync(Path.join(folder, path), "utf8")])
  )

if (import.meta.main) {
  const files = readTree(Path.join(import.meta.dirname, "../src"))
  const violations = check(files)
  for (const { file, line, message } of violations) console.error(`${file}:${line}  ${message}`)
  console.log(`arrows: ${files.size} files, ${violations.length} broken`)
  process.exitCode = violations.length === 0 && files.size > 0 ? 0 : 1
}
