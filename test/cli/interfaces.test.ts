import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { existsSync } from "node:fs"
import * as NodeInterfaces from "../../src/layers/node/Interfaces.ts"
import { NetworkInterfaces } from "../../src/schemas/NetworkInterface.ts"
import { Interfaces } from "../../src/services/Interfaces.ts"
import { p2p, run, spawned, start } from "./command.ts"

const list = Effect.provide(
  Interfaces.use((interfaces) => interfaces.list),
  NodeInterfaces.layer
)

// Whatever the user of this machine has configured.
const bare = { P2P_HOME: "/nonexistent", P2P_STUN: "" }
const interfaces = (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  run(["interfaces", ...args], "", { ...bare, ...env })

describe.concurrent("p2p interfaces", () => {
  it.live("prints a table with every interface and address", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* interfaces()
      assert.strictEqual(code, 0)
      assert.match(
        stderr,
        /^p2p: no STUN server is named, so nothing was asked [^\n]*: name one by --stun stun:HOST, [^\n]*\n$/
      )
      const [header = "", ...rows] = stdout.toString().trimEnd().split("\n")
      assert.match(header, /^NAME +KIND +STATE +MTU +ADDRESSES +ROUTES$/)
      const column = header.indexOf("ADDRESSES")
      const here = yield* list
      assert.sameMembers(
        rows.map((row) => row.split(" ")[0]!).filter((name) => name !== ""),
        here.map(({ name }) => name)
      )
      assert.strictEqual(
        rows.filter((row) => row.slice(column).trim() !== "" && row[column] !== " ").length,
        here.reduce((sum, { addresses }) => sum + addresses.length, 0)
      )
      assert.match(stdout.toString(), /^lo0? +loopback +up .* 127\.0\.0\.1\/8 \(host\)$/m)
    })
  )

  it.live("--json is what the schema reads", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* interfaces(["--json"])
      assert.deepStrictEqual([stderr, code], ["", 0])
      const read = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(NetworkInterfaces))(stdout.toString())
      assert.deepStrictEqual(
        read.map(({ index, kind, name }) => ({ index, kind, name })),
        (yield* list).map(({ index, kind, name }) => ({ index, kind, name }))
      )
      assert.isTrue(read.some((entry) => entry.flags.loopback && entry.addresses.length > 0))
      assert.notInclude(stdout.toString(), `"routes"`)
    })
  )

  it.live("refuses a server that is none, wherever it is written", () =>
    Effect.gen(function* () {
      const refused = yield* interfaces(["--stun", "stun:a", "--stun", "stuns:b"])
      assert.deepStrictEqual([refused.code, refused.stdout.toString()], [2, ""])
      assert.match(refused.stderr, /^p2p: --stun: "stuns:b" names no STUN server: [^\n]*\n$/)
      const told = yield* interfaces(["--json"], { P2P_STUN: "stun:a, stun://a" })
      assert.deepStrictEqual([told.code, told.stdout.toString()], [2, ""])
      assert.match(told.stderr, /^p2p: cannot use P2P_STUN: "stun:\/\/a" names no STUN server: [^\n]*\n$/)
    })
  )

  it.live("says why nothing is known outside, and prints the rest", () =>
    Effect.gen(function* () {
      // A port on this machine's loopback that nothing listens on: from other interfaces nobody comes there.
      const { code, stderr, stdout } = yield* interfaces(["--json", "--stun", "stun:127.0.0.1:1"])
      assert.strictEqual(code, 0)
      const read = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(NetworkInterfaces))(stdout.toString())
      const here = yield* list
      assert.deepStrictEqual(
        read.map(({ name }) => name),
        here.map(({ name }) => name)
      )
      const routes = (JSON.parse(stdout.toString()) as ReadonlyArray<{ readonly routes: unknown }>).map(
        ({ routes }) => routes
      )
      assert.deepStrictEqual(
        routes,
        here.map(() => [])
      )
      assert.notStrictEqual(stderr, "")
      for (const line of stderr.trimEnd().split("\n")) assert.match(line, /^p2p: \S/)
    })
  )

  it.live("ends quietly when nobody reads what it prints", () =>
    Effect.gen(function* () {
      const { child, ended } = yield* start(["interfaces"], bare)
      child.stdout.destroy()
      const { code, stderr } = yield* ended
      assert.deepStrictEqual([stderr, code], ["", 0])
    })
  )

  it.live.skipIf(!existsSync("/dev/full"))("fails where what it prints cannot be written", () =>
    Effect.gen(function* () {
      const { ended } = yield* spawned("sh", ["-c", `exec "$0" interfaces >/dev/full`, p2p])
      const { code, stderr } = yield* ended
      assert.match(stderr, /^p2p: standard output could not be written to: ENOSPC: [^\n]*\n$/)
      assert.strictEqual(code, 1)
    })
  )
})
