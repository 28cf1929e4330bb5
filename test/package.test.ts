/** What package.json says, where the rest of the repository must agree with it. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { version } from "../src/cli/version.ts"

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8")

interface Package {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly type: string
  readonly bin: Record<string, string>
  readonly files: ReadonlyArray<string>
  readonly engines: Record<string, string>
  readonly scripts: Record<string, string>
  readonly dependencies: Record<string, string>
  readonly devDependencies: Record<string, string>
  readonly allowScripts: Record<string, boolean>
}

interface Lock {
  readonly version: string
  readonly packages: Record<
    string,
    Partial<Package> & { readonly hasInstallScript?: boolean; readonly optional?: boolean; readonly dev?: boolean }
  >
}

const own = JSON.parse(read("package.json")) as Package
const lock = JSON.parse(read("package-lock.json")) as Lock

describe("the package", () => {
  it("has one version", () => {
    assert.deepStrictEqual([version, lock.version, lock.packages[""]!.version], [own.version, own.version, own.version])
  })

  it("is an MIT licensed ESM package for Node 22.19 and later", () => {
    assert.deepStrictEqual(
      [own.name, own.type, own.license, own.engines],
      ["effect-p2p", "module", "MIT", { node: ">=22.19" }]
    )
    assert.match(read("LICENSE"), /^MIT License/)
  })

  it("pins every dependency, and the lock file agrees", () => {
    for (const [name, wanted] of Object.entries({ ...own.dependencies, ...own.devDependencies })) {
      assert.match(wanted, /^\d+\.\d+\.\d+$/, `${name} is ${wanted}: a range may install what was never tested`)
      assert.strictEqual(lock.packages[`node_modules/${name}`]?.version, wanted, name)
    }
  })

  it("runs no install script for those who use it, and every one of ours has been decided on", () => {
    for (const [path, entry] of Object.entries(lock.packages)) {
      if (entry.hasInstallScript !== true || path === "") continue
      assert.isTrue(entry.dev, `${path} would run its install script for everybody`)
      if (entry.optional !== true) assert.property(own.allowScripts, path.replace(/^.*node_modules\//, ""))
    }
    for (const hook of ["preinstall", "install", "postinstall", "prepare"]) assert.notProperty(own.scripts, hook)
  })

  it("brings its command", () => {
    assert.deepStrictEqual(own.bin, { p2p: "./dist/cli/bin.js" })
    assert.includeMembers([...own.files], ["dist"])
    assert.match(read("src/cli/bin.ts"), /^#!\/usr\/bin\/env node\n/)
    assert.notStrictEqual(statSync(fileURLToPath(new URL("../bin/p2p", import.meta.url))).mode & 0o111, 0)
  })
})
