/** The key file: made once and whole, by whoever comes first, and not used where others may touch it. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeCryptography from "../../../src/layers/node/Cryptography.ts"
import * as IdentityFile from "../../../src/layers/node/IdentityFile.ts"
import { Identity } from "../../../src/services/Identity.ts"
import { child } from "../../support/childProcess.ts"

const needs = Layer.merge(NodeCryptography.layer, SecureRandom.layerWebCrypto)

const isRoot = process.geteuid?.() === 0
const NOBODY = 65_534

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "p2p-identity-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

const use = (path: string) =>
  Effect.map(Identity, ({ peerId }) => peerId).pipe(
    Effect.provide(Layer.fresh(IdentityFile.layer({ path }).pipe(Layer.provide(needs))))
  )

const failure = (path: string) => Effect.map(Effect.flip(use(path)), ({ message }) => message)

/** Descriptors of this process that point into a folder. */
const openIn = (folder: string): number =>
  Fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return Fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)
    } catch {
      // The descriptor that read the directory is gone by now.
      return false
    }
  }).length

const modeOf = (path: string): string => (Fs.statSync(path).mode & 0o7777).toString(8)

/** A process of its own, ready to be asked. */
const another = Effect.fnUntraced(function* (options: { readonly umask?: number; readonly uid?: number } = {}) {
  const script = Path.join(import.meta.dirname, "../../support/identityChild.ts")
  const started = yield* child(process.execPath, [script, JSON.stringify(options)])
  assert.strictEqual(yield* started.line, "ready")
  return started
})

describe("a key file", () => {
  it.live("is made on first use and is the same peer from then on", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = Path.join(home, "a", "b", "identity.key")
      const first = yield* use(path)
      const text = Fs.readFileSync(path, "utf8")
      assert.include(text, first)
      assert.strictEqual(modeOf(path), "600")
      for (const made of ["a", "a/b"]) assert.strictEqual(modeOf(Path.join(home, made)), "700")
      assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), ["identity.key"])
      assert.strictEqual(Fs.statSync(path).nlink, 1)
      assert.strictEqual(yield* use(path), first)
      assert.strictEqual(Fs.readFileSync(path, "utf8"), text)
    }).pipe(Effect.scoped)
  )

  it.live("leaves folders that are there as they are", () =>
    Effect.gen(function* () {
      const home = yield* folder
      Fs.chmodSync(home, 0o755)
      yield* use(Path.join(home, "identity.key"))
      assert.strictEqual(modeOf(home), "755")
    }).pipe(Effect.scoped)
  )

  it.live("has the same modes whatever the umask is", () =>
    Effect.gen(function* () {
      const home = yield* folder
      for (const umask of [0, 0o022, 0o777]) {
        const path = Path.join(home, String(umask), "deeper", "identity.key")
        const { peerId } = yield* (yield* another({ umask })).ask(path)
        assert.strictEqual(yield* use(path), peerId)
        assert.strictEqual(modeOf(path), "600")
        assert.strictEqual(modeOf(Path.dirname(path)), "700")
        assert.strictEqual(modeOf(Path.dirname(Path.dirname(path))), "700")
      }
    }).pipe(Effect.scoped)
  )

  it.live("is one for 8 processes that make it at the same time, five times", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const processes = yield* Effect.all(
        Array.from({ length: 8 }, () => another()),
        { concurrency: 8 }
      )
      for (let round = 0; round < 5; round++) {
        const path = Path.join(home, `${round}`, "identity.key")
        const answers = yield* Effect.all(
          processes.map(({ ask }) => ask(path)),
          { concurrency: 8 }
        )
        const peers = new Set(answers.map(({ peerId }) => peerId))
        assert.deepStrictEqual([...peers], [yield* use(path)])
        assert.deepStrictEqual(Fs.readdirSync(Path.dirname(path)), ["identity.key"])
      }
    }).pipe(Effect.scoped)
  )
})

describe("a key file is refused", () => {
  it.live("while others can read or write it, with the command that mends it", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "it's a key")
      const first = yield* use(path)
      for (const [mode, ways] of [
        [0o644, "read"],
        [0o640, "read"],
        [0o604, "read"],
        [0o602, "write"],
        [0o620, "write"],
        [0o666, "read and write"]
      ] as const) {
        Fs.chmodSync(path, mode)
        const message = yield* failure(path)
        assert.include(message, `identity load ${path}: other users can ${ways} it (mode 0${mode.toString(8)}): run \``)
        const [, command] = /`(.*)`/.exec(message) ?? []
        execFileSync("sh", ["-c", command!])
        assert.strictEqual(yield* use(path), first)
      }
      Fs.chmodSync(path, 0o400)
      assert.strictEqual(yield* use(path), first)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(!isRoot)("where it belongs to somebody else", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "identity.key")
      yield* use(path)
      Fs.chownSync(path, NOBODY, NOBODY)
      assert.match(yield* failure(path), /belongs to user 65534 and this is user 0: run as its owner/)
    }).pipe(Effect.scoped)
  )

  it.live("where it is damaged, and is not written over", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "identity.key")
      const peer = yield* use(path)
      const text = Fs.readFileSync(path, "utf8")
      const other = text.replace(
        /(MC4CAQAwBQYDK2VwBCIEI.)(.)/,
        (_, start, letter) => start + (letter === "A" ? "B" : "A")
      )
      assert.notStrictEqual(other, text)
      for (const [content, what] of [
        ["", "the file is empty"],
        [text.slice(0, 20), "has no -----BEGIN PRIVATE KEY----- line"],
        [text.slice(0, -30), "is cut short"],
        [other, `names peer ${peer.slice(0, 12)}... and holds the key of p2p1`],
        ["x".repeat(10_000), "is longer than 4096"]
      ] as const) {
        Fs.writeFileSync(path, content)
        const message = yield* failure(path)
        assert.include(message, what)
        assert.include(message, `identity load ${path}: the file `)
        assert.include(message, "or move it away")
        assert.strictEqual(Fs.readFileSync(path, "utf8"), content)
      }
      assert.strictEqual(openIn(Path.dirname(path)), 0)
    }).pipe(Effect.scoped)
  )

  it.live("where it is no file", () =>
    Effect.gen(function* () {
      const home = yield* folder
      assert.match(yield* failure(home), /no regular file/)
      const pipe = Path.join(home, "pipe")
      execFileSync("mkfifo", ["-m", "600", pipe])
      assert.match(yield* failure(pipe), /no regular file/)
    }).pipe(Effect.scoped)
  )

  it.live("behind a link to nothing; a link to a key is followed to what it names", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const target = Path.join(home, "target")
      const link = Path.join(home, "identity.key")
      Fs.symlinkSync(target, link)
      assert.match(yield* failure(link), /link to a file that is not there/)
      assert.isFalse(Fs.existsSync(target))
      assert.deepStrictEqual(Fs.readdirSync(home), ["identity.key"])
      const peer = yield* use(target)
      assert.strictEqual(yield* use(link), peer)
      Fs.chmodSync(target, 0o644)
      assert.match(yield* failure(link), /other users can read it/)
    }).pipe(Effect.scoped)
  )

  it.live("where it cannot be made, and nothing is left", () =>
    Effect.gen(function* () {
      const home = yield* folder
      Fs.writeFileSync(Path.join(home, "file"), "")
      const below = yield* failure(Path.join(home, "file", "identity.key"))
      assert.match(below, /ENOTDIR: a part of the path is no folder; name another place by P2P_HOME/)
      const closed = Path.join(home, "closed")
      Fs.mkdirSync(closed, 0o555)
      if (isRoot) {
        Fs.chownSync(home, NOBODY, NOBODY)
        Fs.chownSync(closed, NOBODY, NOBODY)
      }
      const asked = yield* another(isRoot ? { uid: NOBODY } : {})
      for (const path of [Path.join(closed, "identity.key"), Path.join(closed, "deeper", "identity.key")]) {
        const { error } = yield* asked.ask(path)
        assert.match(
          error,
          /^identity create .*: EACCES: this user has no access there; name another place by P2P_HOME$/
        )
      }
      assert.deepStrictEqual(Fs.readdirSync(closed), [])
      assert.match((yield* asked.ask("/proc/identity.key")).error, /^identity create \/proc\/identity.key: E/)
    }).pipe(Effect.scoped)
  )
})

describe("without a path", () => {
  it.live("it is in P2P_HOME", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const before = process.env.P2P_HOME
      yield* Effect.acquireRelease(
        Effect.sync(() => (process.env.P2P_HOME = Path.join(home, "mine"))),
        () => Effect.sync(() => (before === undefined ? delete process.env.P2P_HOME : (process.env.P2P_HOME = before)))
      )
      const { peerId } = yield* (yield* another()).ask("")
      assert.strictEqual(yield* use(Path.join(home, "mine", "identity.key")), peerId)
    }).pipe(Effect.scoped)
  )
})
