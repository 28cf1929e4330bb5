/**
 * Is the package we would publish one that a stranger can use? (`npm run pack:check`)
 *
 * Builds and packs it, then installs the tarball in an empty project, and there loads and type-checks every public module,
 * runs and type-checks pack-check/program.mjs, and runs the command. The temporary folder is removed at the end.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"

const root = Path.join(import.meta.dirname, "..")
const bin = (name: string): string => Path.join(root, "node_modules/.bin", name)

/** Runs to its end within two minutes and gives standard output; a failure shows all that the command said. */
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 120_000
  })
  if (status !== 0) {
    const line = [Path.basename(command), ...args].join(" ")
    throw new Error(`${line}: ${error?.message ?? signal ?? `exit code ${status}`}\n${stdout ?? ""}${stderr ?? ""}`)
  }
  return stdout
}

const step = <A>(name: string, body: () => A): A => {
  const start = performance.now()
  const answer = body()
  console.log(`pack: ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  return answer
}

/** What is wrong with the list of packed files; empty when nothing is. */
const misplaced = (paths: ReadonlyArray<string>): ReadonlyArray<string> => {
  const needed = ["package.json", "LICENSE", "README.md", "src/index.ts", "src/cli/bin.ts"]
  const built = ["index", "cli/bin"].flatMap((name) => [".js", ".d.ts", ".d.ts.map"].map((end) => `dist/${name}${end}`))
  const packed = new Set(paths)
  const allowed = /^(?:package\.json|LICENSE|README\.md|src\/[\w/-]+\.ts|dist\/[\w/-]+\.(?:js|d\.ts)(?:\.map)?)$/
  return [
    ...[...needed, ...built].filter((path) => !packed.has(path)).map((path) => `missing: ${path}`),
    ...paths
      .filter((path) => !allowed.test(path) || /\.test\.|fixtures/.test(path))
      .map((path) => `unexpected: ${path}`)
  ]
}

interface Packed {
  readonly tarball: string
  /** What users may import: every built module but those `exports` closes. */
  readonly modules: ReadonlyArray<string>
}

const pack = (into: string): Packed => {
  // --ignore-scripts: prepack would build a second time.
  const told = run(root, "npm", "pack", "--ignore-scripts", "--json", "--pack-destination", into)
  const [{ filename, files }] = JSON.parse(told)
  const paths: ReadonlyArray<string> = files.map((file: { path: string }) => file.path)
  const wrong = misplaced(paths)
  if (wrong.length > 0) throw new Error(`the packed files are not what they should be:\n  ${wrong.join("\n  ")}`)
  const built = paths.flatMap((path) => /^dist\/(.+)\.d\.ts$/.exec(path)?.[1] ?? [])
  const deep = built.filter((path) => path !== "index" && !path.startsWith("cli/") && !/(?:^|\/)internal\//.test(path))
  return {
    tarball: Path.join(into, filename),
    modules: ["effect-p2p", ...deep.map((path) => `effect-p2p/${path}`)]
  }
}

const install = (project: string, tarball: string): void => {
  writeFileSync(Path.join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }))
  run(project, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", tarball)
  const lock = JSON.parse(readFileSync(Path.join(project, "package-lock.json"), "utf8"))
  const scripted = Object.keys(lock.packages).filter((name) => lock.packages[name].hasInstallScript === true)
  if (scripted.length > 0) throw new Error(`these want their install scripts approved: ${scripted.join(", ")}`)
}

const typeCheck = (project: string, modules: ReadonlyArray<string>): void => {
  const consumer = modules.map((name, index) => `export * as M${index} from ${JSON.stringify(name)}`)
  writeFileSync(Path.join(project, "consumer.ts"), consumer.join("\n"))
  const compilerOptions = {
    module: "NodeNext",
    target: "ES2023",
    strict: true,
    exactOptionalPropertyTypes: true,
    checkJs: true,
    noEmit: true,
    // Our own declarations are checked too; what other packages' say among themselves is not ours to judge.
    skipLibCheck: false,
    types: ["node"],
    typeRoots: [Path.join(root, "node_modules/@types")]
  }
  const files = ["consumer.ts", "program.mjs"]
  writeFileSync(Path.join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }))
  const told = spawnSync(bin("tsc"), ["--pretty", "false", "-p", "."], {
    cwd: project,
    encoding: "utf8",
    timeout: 120_000
  })
  const ours = told.stdout
    .split("\n")
    .filter((line) => /^(?:consumer|program|node_modules\/effect-p2p\/|error )/.test(line))
  if (ours.length > 0) throw new Error(`tsc:\n${ours.join("\n")}`)
  if (told.status === null || told.stderr !== "") throw new Error(`tsc did not run: ${told.stderr}`)
}

const temporary = mkdtempSync(Path.join(tmpdir(), "effect-p2p-pack-"))
try {
  const project = Path.join(temporary, "project")
  cpSync(Path.join(import.meta.dirname, "pack-check"), project, { recursive: true })
  step("build", () => run(root, "npm", "run", "build"))
  const { tarball, modules } = step("pack", () => pack(temporary))
  step("publint", () => run(root, bin("publint"), "run", tarball, "--strict"))
  step("install in an empty project", () => install(project, tarball))
  step(`load ${modules.length} modules`, () => {
    const source = modules.map((name) => `await import(${JSON.stringify(name)})`).join("\n")
    run(project, bin("node"), "--input-type=module", "--eval", source)
  })
  step("run program.mjs", () => process.stdout.write(run(project, bin("node"), "program.mjs")))
  step("type-check", () => typeCheck(project, modules))
  step("p2p --help", () => {
    const help = run(project, Path.join(project, "node_modules/.bin/p2p"), "--help")
    if (!help.includes("p2p")) throw new Error(`p2p --help says nothing of p2p:\n${help}`)
  })
} catch (error) {
  console.error(`pack: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
