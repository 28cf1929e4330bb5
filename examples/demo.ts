/**
 * `npm run demo`: peers that meet, each a process of its own, by a rendezvous on this machine.
 *
 * Alice connects to bob by every strategy there is, and each sends the other a file of 20 MB. For `direct`, bob's address says
 * where he listens. For `reverse` he listens nowhere: alice can only ask him by his broker to dial back.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { type Output, start } from "./demo/command.ts"

const SIZE = 20_000_000

const strategies = [
  { name: "direct", bob: [] },
  { name: "reverse", bob: ["--dial-back-only"] }
]

/** The first 20 MB of the Node binary that runs this. */
const file = Effect.sync(() => {
  const bytes = new Uint8Array(SIZE)
  const handle = openSync(process.execPath, "r")
  const length = readSync(handle, bytes, 0, SIZE, 0)
  closeSync(handle)
  return bytes.subarray(0, length)
})

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "effect-p2p-demo-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const rate = ({ bytes, first, last }: Output): string => `${(bytes / 1000 / (last - first)).toFixed(0)} MB/s`

const row = (cells: ReadonlyArray<string>) =>
  console.log(
    cells
      .map((cell) => cell.padEnd(16))
      .join("")
      .trimEnd()
  )

const program = Effect.gen(function* () {
  const home = yield* folder
  const env = { P2P_HOME: home, P2P_BROKERS: "", P2P_STUN: "", P2P_TURN: "" }
  const sent = yield* file
  const sha256 = createHash("sha256").update(sent).digest("hex")

  const anyPorts = ["--port", "0", "--mqtt-port", "0", "--ws-port", "0"]
  const rendezvous = yield* start(["rendezvous", ...anyPorts], env)
  const servers = (yield* rendezvous.event("ready")).flags as ReadonlyArray<string>
  const as = (name: string) => ["--identity", Path.join(home, `${name}.key`), ...servers]

  const meet = Effect.fnUntraced(function* (name: string, more: ReadonlyArray<string>) {
    const bob = yield* start(["listen", ...as("bob"), ...more], env)
    const { address } = yield* bob.event("ready")
    const alice = yield* start(["connect", String(address), "--strategy", name, ...as("alice")], env)
    yield* Effect.all([alice.send(sent), bob.send(sent)])
    yield* alice.event("ready")
    const begin = performance.now()
    const { ms, protection, strategy } = yield* alice.event("connected")
    const [toAlice, toBob] = yield* Effect.all([alice.output, bob.output], { concurrency: 2 })
    const same = [toAlice, toBob].every((output) => output.sha256 === sha256)
    row([
      String(strategy),
      `${Number(ms).toFixed(0)} ms`,
      `${(toBob.first - begin).toFixed(0)} ms`,
      rate(toBob),
      rate(toAlice),
      String(protection),
      same ? `${sha256.slice(0, 16)}… ok` : "DIFFERENT"
    ])
    return same && strategy === name && protection === "tls1.3"
  }, Effect.scoped)

  row(["strategy", "connected in", "first byte", "alice to bob", "bob to alice", "secured by", "SHA-256"])
  for (const { bob, name } of strategies) {
    if (!(yield* meet(name, bob))) return yield* Effect.fail(new Error(`${name}: not what was asked for`))
  }
})

NodeRuntime.runMain(Effect.scoped(program))
