/** Do the `p2p` and `npm` commands in a shell block exist, with their flags? Nothing is run but `p2p … --help`. */
import type { Block, Problem } from "./blocks.ts"

export interface Facts {
  /** Names of the scripts in package.json. */
  readonly scripts: ReadonlySet<string>
  /** Names of the benches. */
  readonly benches: ReadonlySet<string>
  /** What `p2p PATH --help` prints. */
  readonly help: (path: ReadonlyArray<string>) => Promise<string>
}

export interface Line {
  readonly line: number
  readonly text: string
}

/** The commands of a block, continued lines joined. A `console` block has them after "$ ", answers between them. */
export const commandLines = ({ code, language, line }: Block): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  let open: Line | undefined
  for (const [index, raw] of code.split("\n").entries()) {
    const isCommand = language !== "console" || raw.startsWith("$ ") || open !== undefined
    if (!isCommand) continue
    const text = (open === undefined ? "" : open.text) + raw.replace(/^\$ /, "")
    const joined: Line = { line: open?.line ?? line + index + 1, text: text.replace(/\\$/, "") }
    open = text.endsWith("\\") ? joined : undefined
    if (open === undefined) lines.push(joined)
  }
  return open === undefined ? lines : [...lines, open]
}

/** The words of each simple command in a line, without comments, redirections and the brackets of a synopsis. */
const simpleCommands = (text: string): ReadonlyArray<ReadonlyArray<string>> => {
  const commands: Array<Array<string>> = [[]]
  for (const [token] of text.matchAll(/"[^"]*"|'[^']*'|(?<!\S)#.*|\|\||&&|[|;&()]|[<>]+&?\s*\S+|[^\s|;&()<>"']+/g)) {
    if (/^(?:\|\||&&|[|;&()])$/.test(token)) commands.push([])
    else if (!/^[#<>]/.test(token)) commands.at(-1)!.push(token.replace(/^\[|\]$/g, ""))
  }
  // A setting before a command (`A=1 npm test`) and `npx` are not its name.
  return commands.map((words) => words.slice(words.findIndex((word) => !/^\w+=|^npx$/.test(word))))
}

const checkNpm = ([, command, ...rest]: ReadonlyArray<string>, { benches, scripts }: Facts): string | undefined => {
  if (["ci", "i", "install", "pack", "exec", "init"].includes(command ?? "")) return undefined
  const name = command === "run" ? rest[0] : command
  if (name === undefined || !scripts.has(name) || (command !== "run" && command !== "test")) {
    return `npm has no command or script "${[command, ...rest].join(" ")}"`
  }
  const bench = name === "bench" ? rest.slice(rest.indexOf("--") + 1).find((word) => !word.startsWith("-")) : undefined
  const known = bench === undefined || bench === "bench" || bench === "NAME" || benches.has(bench)
  return known ? undefined : `there is no bench "${bench}"`
}

const checkP2p = async ([, ...words]: ReadonlyArray<string>, { help }: Facts): Promise<string | undefined> => {
  const path: Array<string> = []
  let text = await help(path)
  for (const word of words) {
    if (word === "--") break
    if (word.startsWith("-")) {
      const flag = word.split("=")[0]!
      const flags = new Set(text.match(/(?<![\w-])--?[a-z][\w-]*/g))
      // A flag that is off by default may be written `--no-flag`.
      if (!flags.has(flag) && !flags.has(flag.replace(/^--no-/, "--"))) {
        return `${["p2p", ...path].join(" ")} has no flag ${flag}`
      }
      continue
    }
    const [, listed] = /^SUBCOMMANDS\n((?: {2}.*\n?)*)/m.exec(text) ?? []
    if (listed === undefined) continue
    const names = listed.split("\n").map((line) => line.trim().split(/[\s,]/)[0])
    if (!names.includes(word)) return `${["p2p", ...path].join(" ")} has no subcommand "${word}"`
    path.push(word)
    text = await help(path)
  }
  return undefined
}

/** The commands of a shell block that do not exist. Commands other than `p2p` and `npm` are not ours to check. */
export const checkCommands = async (block: Block, facts: Facts): Promise<ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  for (const { line, text } of commandLines(block)) {
    for (const words of simpleCommands(text)) {
      const name = words[0] ?? ""
      const check = name === "npm" ? checkNpm : /^(?:(?:\.\/)?bin\/)?p2p$/.test(name) ? checkP2p : undefined
      const message = await check?.(words, facts)
      if (message !== undefined) problems.push({ doc: block.doc, line, message })
    }
  }
  return problems
}
