/**
 * The fenced code blocks of a Markdown text.
 *
 * A fence's first word is its language, the others are marks:
 *
 *   ts                  type-checked and run as a module of its own
 *   ts no-run           type-checked only
 *   ts file=NAME.ts     written under that name, so that other blocks of the document may import "./NAME.ts"
 *   sh, bash, console   its `p2p` and `npm` commands must exist (in `console` only lines after "$ " are commands)
 *   sh run              run too
 *   text output         what the block before it prints; "..." stands for any text
 */

export interface Block {
  /** The document, as a path from the root of the repository. */
  readonly doc: string
  /** Line of the opening fence: line n of the code is line `line + n` of the document. */
  readonly line: number
  readonly language: string
  readonly marks: ReadonlyArray<string>
  readonly code: string
  /** Of the `text output` block that follows. */
  readonly output: string | undefined
}

export interface Problem {
  readonly doc: string
  readonly line: number
  readonly message: string
}

/** As editors and people read it: `docs/pipes.md:12  what is wrong`. */
export const show = ({ doc, line, message }: Problem): string => `${doc}:${line}  ${message}`

const opening = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/

export const blocksOf = (doc: string, markdown: string): ReadonlyArray<Block> => {
  const lines = markdown.split("\n")
  const blocks: Array<Block> = []
  for (let at = 0; at < lines.length; at++) {
    const [, indent = "", fence = "", info = ""] = opening.exec(lines[at]!) ?? []
    if (fence === "") continue
    const first = at + 1
    const closes = (line: string): boolean => line.trim().startsWith(fence) && /^[`~]+$/.test(line.trim())
    while (++at < lines.length && !closes(lines[at]!));
    const code = lines.slice(first, at).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    const [language = "", ...marks] = info.trim().split(/\s+/)
    const block: Block = { doc, line: first, language, marks, code: code.join("\n"), output: undefined }
    const previous = blocks.at(-1)
    if (language === "text" && marks.includes("output") && previous !== undefined) {
      blocks[blocks.length - 1] = { ...previous, output: block.code }
    } else {
      blocks.push(block)
    }
  }
  return blocks
}

export const isModule = ({ language }: Block): boolean => language === "ts"
export const isShell = ({ language }: Block): boolean => ["sh", "bash", "console"].includes(language)
export const isRun = (block: Block): boolean =>
  isModule(block) ? !block.marks.includes("no-run") : isShell(block) && block.marks.includes("run")

/** Where the code of a `ts` block is written, below the workspace. */
export const pathOf = ({ doc, line, marks }: Block): string => {
  const name = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length)
  return `${doc}/${name ?? `line-${line}.ts`}`
}

/** What can be said of the blocks without running any: a mark or language nobody would check is a mistake. */
export const misuse = (blocks: ReadonlyArray<Block>): ReadonlyArray<Problem> => {
  const paths = new Set<string>()
  return blocks.flatMap((block) => {
    const problem = (message: string): ReadonlyArray<Problem> => [{ doc: block.doc, line: block.line, message }]
    const { language, marks, output } = block
    const known = isModule(block) ? /^(?:no-run|file=[\w-]+\.ts)$/ : isShell(block) ? /^run$/ : /^$/
    const unknown = marks.find((mark) => !known.test(mark))
    if (/^(?:typescript|tsx|js|mjs|javascript|shell|zsh)$/.test(language))
      return problem(`write ts or sh, not ${language}`)
    if (unknown !== undefined) return problem(`"${unknown}" means nothing on a ${language || "plain"} block`)
    if (output !== undefined && !isRun(block)) return problem("output is given for a block that is not run")
    if (!isModule(block)) return []
    if (paths.has(pathOf(block))) return problem(`two blocks are called ${pathOf(block)}`)
    paths.add(pathOf(block))
    return []
  })
}
