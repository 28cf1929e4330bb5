/**
 * A temporary folder where code blocks are type-checked and run as a user's modules would be.
 *
 *   node_modules            -> the repository's
 *   blocks/node_modules/effect-p2p   the package's own `exports`, pointed at src/ (dist/ need not exist)
 *   blocks/README.md/line-12.ts      one file a block
 */
import { spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { type Block, isModule, pathOf, type Problem } from "./blocks.ts"
import { commandLines, type Facts } from "./commands.ts"

export const root = Path.join(import.meta.dirname, "../..")
const manifest = JSON.parse(readFileSync(Path.join(root, "package.json"), "utf8"))

const runLimit = 30_000
const outputLimit = 100_000

interface Ended {
  readonly status: string
  readonly stdout: string
  readonly stderr: string
}

/** Runs to its end, or kills it and all it started when its time is up. */
const run = (command: string, args: ReadonlyArray<string>, cwd: string): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const path = [Path.join(root, "bin"), Path.join(root, "node_modules/.bin"), process.env.PATH].join(Path.delimiter)
    const env = { ...process.env, PATH: path, NO_COLOR: "1", NODE_OPTIONS: "" }
    // A process group of its own, so that what a shell block leaves in the background ends with it.
    const child = spawn(command, args, { cwd, detached: true, env, stdio: ["ignore", "pipe", "pipe"] })
    const printed = { stdout: "", stderr: "" }
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        printed[name] = (printed[name] + text).slice(0, outputLimit)
      })
    }
    const endGroup = (): void => {
      try {
        process.kill(-child.pid!, "SIGKILL")
      } catch {
        // Nothing of it is left.
      }
    }
    let late = false
    const timer = setTimeout(() => {
      late = true
      endGroup()
    }, runLimit)
    child.on("error", reject)
    child.on("exit", endGroup)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      const status = late
        ? `did not end in ${runLimit / 1000} s`
        : code === 0
          ? "ok"
          : `ended with ${signal ?? `code ${code}`}`
      resolve({ status, ...printed })
    })
  })

const toSource = (target: unknown): unknown => {
  if (target === null || typeof target !== "object") return target
  const { default: file } = target as { readonly default: string }
  return file.replace("./dist/", "./src/").replace(/\.js$/, ".ts")
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")

/** The text of a finished program against that of an `output` block, where "..." stands for any text. */
const sameOutput = (expected: string, actual: string): boolean => {
  const tidy = (text: string): string => text.replace(/[ \t]+$/gm, "").trim()
  const pattern = tidy(expected).split("...").map(literally).join("[^]*?")
  return new RegExp(`^${pattern}$`).test(tidy(actual))
}

export interface Workspace extends Disposable {
  /** The type errors of all `ts` blocks, in one run of the compiler. */
  readonly typeCheck: () => Promise<ReadonlyArray<Problem>>
  /** Runs a block: a problem if it fails, takes too long, or prints something else than its output block. */
  readonly runBlock: (block: Block) => Promise<ReadonlyArray<Problem>>
}

export const openWorkspace = (blocks: ReadonlyArray<Block>): Workspace => {
  const temporary = mkdtempSync(Path.join(tmpdir(), "effect-p2p-docs-"))
  const folder = Path.join(temporary, "blocks")
  const self = Path.join(folder, "node_modules", manifest.name)
  const write = (path: string, content: unknown): void => {
    mkdirSync(Path.dirname(path), { recursive: true })
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  }
  const exports = Object.entries(manifest.exports).map(([path, target]) => [path, toSource(target)])
  write(Path.join(self, "package.json"), { ...manifest, exports: Object.fromEntries(exports) })
  symlinkSync(Path.join(root, "src"), Path.join(self, "src"))
  symlinkSync(Path.join(root, "node_modules"), Path.join(temporary, "node_modules"))
  write(Path.join(folder, "package.json"), { type: "module" })
  write(Path.join(folder, "tsconfig.json"), {
    extends: Path.join(root, "tsconfig.json"),
    // A block may declare a name only to show it.
    compilerOptions: { moduleDetection: "force", noUnusedLocals: false },
    include: ["**/*.ts"]
  })
  const modules = blocks.filter(isModule)
  for (const block of modules) write(Path.join(folder, pathOf(block)), block.code)
  const byPath = new Map(modules.map((block) => [pathOf(block), block]))

  const typeCheck = async (): Promise<ReadonlyArray<Problem>> => {
    if (modules.length === 0) return []
    const { status, stdout, stderr } = await run("tsc", ["--pretty", "false", "-p", "."], folder)
    const problems = Array.from(
      stdout.matchAll(/^(.+?)\((\d+),\d+\): error (.+(?:\n .+)*)/gm),
      ([, path, line, text]) => {
        const block = byPath.get(path!)
        return block === undefined ? undefined : { doc: block.doc, line: block.line + Number(line), message: text! }
      }
    )
    // Errors in src itself are for `npm run check`; anything else the compiler says is a broken test.
    if (status !== "ok" && !/\): error TS/.test(stdout)) throw new Error(`tsc ${status}: ${stdout}${stderr}`)
    return problems.filter((problem) => problem !== undefined)
  }

  /** Places in the temporary files, as a stack names them, become places in the documents. */
  const inDocuments = (text: string): string => {
    let answer = text.replaceAll(`file://${folder}/`, `${folder}/`)
    for (const [path, { doc, line }] of byPath) {
      const place = new RegExp(`${literally(`${folder}/${path}`)}:(\\d+)`, "g")
      answer = answer.replace(place, (_, at: string) => `${doc}:${line + Number(at)}`)
    }
    return answer
  }

  const runBlock = async (block: Block): Promise<ReadonlyArray<Problem>> => {
    const script = (): string =>
      commandLines(block)
        .map((command) => command.text)
        .join("\n")
    const { status, stderr, stdout } = isModule(block)
      ? await run(process.execPath, ["--no-warnings", Path.join(folder, pathOf(block))], folder)
      : await run("bash", ["-euo", "pipefail", "-c", script()], root)
    const problem = (message: string): ReadonlyArray<Problem> => [{ doc: block.doc, line: block.line, message }]
    if (status !== "ok") return problem(inDocuments(`${status}\n${stdout}${stderr}`.trim()))
    if (block.output !== undefined && !sameOutput(block.output, stdout)) {
      return problem(`printed\n${stdout.trim()}\nand not\n${block.output.trim()}`)
    }
    return []
  }

  const close = (): void => rmSync(temporary, { recursive: true, force: true })
  return { typeCheck, runBlock, [Symbol.dispose]: close }
}

/** What the commands of the documents are held against: package.json, bench/ and the help of `p2p` in src. */
export const repositoryFacts = (): Facts => {
  const helps = new Map<string, Promise<string>>()
  const askHelp = async (path: ReadonlyArray<string>): Promise<string> => {
    const { status, stderr, stdout } = await run(process.execPath, ["src/cli/bin.ts", ...path, "--help"], root)
    if (status !== "ok") throw new Error(`p2p ${path.join(" ")} --help ${status}: ${stderr}`)
    return stdout
  }
  const benches = readdirSync(Path.join(root, "bench")).filter((file) => file.endsWith(".ts") && file !== "run.ts")
  return {
    scripts: new Set(Object.keys(manifest.scripts)),
    benches: new Set(benches.map((file) => Path.basename(file, ".ts"))),
    help: (path) => {
      const key = path.join(" ")
      const help = helps.get(key) ?? askHelp(path)
      helps.set(key, help)
      return help
    }
  }
}
