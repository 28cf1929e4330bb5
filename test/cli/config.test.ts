/** Settings of all commands: which source wins, and what is said of a file that makes no sense. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import * as Config from "../../src/cli/config.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "effect-p2p-config-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const given =
  (env: Record<string, string>) =>
  <A, E>(effect: Effect.Effect<A, E, NodeServices.NodeServices>) =>
    effect.pipe(
      Effect.provide(NodeServices.layer),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env))
    )

/** Settings where the file says this. */
const settings = Effect.fnUntraced(function* (text: string, env: Record<string, string>, flags?: Config.Flags) {
  const path = yield* folder
  writeFileSync(Path.join(path, "config.json"), text)
  return { path, result: yield* Effect.result(given({ P2P_HOME: path, ...env })(Config.settings(flags))) }
})

const problem = (text: string) =>
  Effect.map(settings(text, {}), ({ path, result }) => {
    if (result._tag === "Success") throw new Error("no problem was found")
    return result.failure.message.replace(path, "HOME")
  })

const nothing: Config.Settings = {
  stun: [],
  brokers: [],
  turn: [],
  interface: undefined,
  identity: undefined,
  rendezvous: undefined
}

describe("settings", () => {
  it.live("are empty where nothing is said, and where there is no home at all", () =>
    Effect.gen(function* () {
      const path = yield* folder
      assert.deepStrictEqual(yield* given({ P2P_HOME: path })(Config.settings()), nothing)
      assert.deepStrictEqual(yield* given({})(Config.settings()), nothing)
    })
  )

  it.live("come from flags before the environment, from that before the file, key by key", () =>
    Effect.gen(function* () {
      const file = JSON.stringify({
        stun: ["stun:file"],
        brokers: ["mqtt://file"],
        turn: ["turn:file"],
        interface: "file0",
        identity: "me.key",
        rendezvous: "file.example.org"
      })
      const all = yield* settings(
        file,
        { P2P_STUN: "stun:a, stun:b,", P2P_BROKERS: "mqtt://env" },
        { stun: ["stun:flag"], brokers: [], interface: "flag0" }
      )
      assert.deepStrictEqual(all.result._tag === "Success" ? all.result.success : all.result.failure, {
        stun: ["stun:flag"],
        brokers: ["mqtt://env"],
        turn: ["turn:file"],
        interface: "flag0",
        identity: Path.join(all.path, "me.key"),
        rendezvous: "file.example.org"
      })
      const env = yield* settings(file, { P2P_STUN: "stun:a, stun:b,", P2P_TURN: "" })
      assert.deepInclude(env.result._tag === "Success" ? env.result.success : {}, {
        stun: ["stun:a", "stun:b"],
        turn: ["turn:file"]
      })
    })
  )

  it.live("have their home where P2P_HOME, XDG_CONFIG_HOME or HOME say", () =>
    Effect.gen(function* () {
      const home = (env: Record<string, string>) => given(env)(Config.home)
      assert.strictEqual(yield* home({ P2P_HOME: "/a", XDG_CONFIG_HOME: "/b", HOME: "/c" }), "/a")
      assert.strictEqual(yield* home({ XDG_CONFIG_HOME: "/b", HOME: "/c" }), "/b/effect-p2p")
      assert.strictEqual(yield* home({ XDG_CONFIG_HOME: "b", HOME: "/c" }), "/c/.config/effect-p2p")
      assert.strictEqual(yield* home({ USERPROFILE: "/d" }), "/d/.config/effect-p2p")
      assert.strictEqual(yield* home({}), undefined)
    })
  )
})

describe("a file that makes no sense is named with the key", () => {
  const rows: ReadonlyArray<readonly [text: string, says: RegExp]> = [
    ["{", /^cannot use HOME\/config\.json: .*JSON/],
    ["[]", /^cannot use HOME\/config\.json: .*object/],
    ['{"stun":"stun:a"}', /^cannot use HOME\/config\.json: .*array.*\["stun"\]/],
    ['{"stun":["stun:a",7]}', /^cannot use HOME\/config\.json: .*string.*\["stun"\]\[1\]/],
    ['{"interface":""}', /^cannot use HOME\/config\.json: .*\["interface"\]/],
    ['{"sutn":[]}', /^cannot use HOME\/config\.json: .*\["sutn"\]/]
  ]
  for (const [text, says] of rows) {
    it.live(text, () => Effect.map(problem(text), (message) => assert.match(message, says)))
  }

  it.live("a folder in its place, and one that may not be read", () =>
    Effect.gen(function* () {
      const path = yield* folder
      mkdirSync(Path.join(path, "config.json"))
      const error = yield* Effect.flip(given({ P2P_HOME: path })(Config.settings()))
      assert.match(error.message, /^cannot use \S+\/config\.json: it is not a file that can be read$/)
      if (process.getuid?.() === 0) return
      const shut = yield* folder
      writeFileSync(Path.join(shut, "config.json"), "{}")
      chmodSync(Path.join(shut, "config.json"), 0)
      const denied = yield* Effect.flip(given({ P2P_HOME: shut })(Config.settings()))
      assert.match(denied.message, /permission denied$/)
    })
  )
})
