/** Every code block of README.md and docs/ is what it says: it compiles, runs, and its commands exist. See blocks.ts. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import { type Block, blocksOf, isRun, isShell, misuse, type Problem, show } from "./blocks.ts"
import { checkCommands, type Facts } from "./commands.ts"
import { openWorkspace, repositoryFacts, root, type Workspace } from "./workspace.ts"

const limit = { timeout: 60_000 }

const read = (doc: string): ReadonlyArray<Block> => blocksOf(doc, readFileSync(Path.join(root, doc), "utf8"))
const none = (problems: ReadonlyArray<Problem>): void => assert.strictEqual(problems.map(show).join("\n"), "")

const open = (blocks: ReadonlyArray<Block>): Workspace => {
  const workspace = openWorkspace(blocks)
  afterAll(() => workspace[Symbol.dispose]())
  return workspace
}

describe("documents", () => {
  const documents = globSync(["README.md", "docs/**/*.md"], { cwd: root })
  const blocks = documents.flatMap(read)
  const workspace = open(blocks)
  const facts = repositoryFacts()

  it("include the README", () => assert.include(documents, "README.md"))
  it("use marks that mean something", () => none(misuse(blocks)))
  it("compile", limit, async () => none(await workspace.typeCheck()))

  describe.concurrent("blocks", limit, () => {
    for (const block of blocks) {
      const place = `${block.doc}:${block.line}`
      if (isShell(block)) it(`${place} names commands that exist`, async () => none(await checkCommands(block, facts)))
      if (isRun(block)) it(`${place} runs`, async () => none(await workspace.runBlock(block)))
    }
  })
})

describe("the check itself", () => {
  const facts: Facts = {
    scripts: new Set(["demo", "test", "bench"]),
    benches: new Set(["pipes"]),
    help: (path) =>
      Promise.resolve(
        path.length === 0
          ? "GLOBAL FLAGS\n  --help, -h  Show\n\nSUBCOMMANDS\n  echo    Echo\n  pipe    Netcat\n"
          : "FLAGS\n  --port, -p integer    the port\n  --udp\n"
      )
  }
  /** Each problem as "line: first line of the message". */
  const problemsOf = async (doc: string): Promise<ReadonlyArray<string>> => {
    const blocks = read(`test/docs/fixtures/${doc}`)
    using workspace = openWorkspace(blocks)
    const found = [...misuse(blocks), ...(await workspace.typeCheck())]
    for (const block of blocks) {
      if (isShell(block)) found.push(...(await checkCommands(block, facts)))
      if (isRun(block)) found.push(...(await workspace.runBlock(block)))
    }
    return found.toSorted((a, b) => a.line - b.line).map(({ line, message }) => `${line}: ${message}`)
  }

  it("finds nothing in a good document", limit, async () => assert.deepStrictEqual(await problemsOf("good.md"), []))

  it("finds every mistake of a broken one, and says where", limit, async () => {
    const expected = [
      /^6: TS2322: .*'string' is not assignable to type 'number'/,
      /^11: ended with code 1[^]*no such luck[^]*broken\.md:12/,
      /^17: printed\none\nand not\ntwo$/,
      /^28: npm has no command or script "run nothing"/,
      /^29: npm has no command or script "tset"/,
      /^30: there is no bench "none"/,
      /^31: p2p has no subcommand "ecko"/,
      /^32: p2p pipe has no flag --tcp/,
      /^33: p2p echo has no flag --prot/,
      /^40: p2p has no subcommand "bogus"/,
      /^43: ended with code 7\nbefore$/,
      /^48: write ts or sh, not js/,
      /^52: "norun" means nothing on a ts block/,
      /^56: output is given for a block that is not run/
    ]
    const found = await problemsOf("broken.md")
    assert.strictEqual(found.length, expected.length, found.join("\n"))
    for (const [index, pattern] of expected.entries()) assert.match(found[index]!, pattern)
  })
})
