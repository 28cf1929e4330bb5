/** `p2p nat` as people run it: on loopback, where nothing is in the way, and with everything one can get wrong. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { describe as facts } from "../../src/cli/nat/facts.ts"
import { unknown } from "../../src/protocols/natprofile/confidence.ts"
import { type NatProfile, NatSummary } from "../../src/schemas/NatProfile.ts"
import { run, start } from "./command.ts"

/** A user's folder without settings, or with these. */
const home = (settings?: object) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(Path.join(tmpdir(), "effect-p2p-nat-"))
      if (settings !== undefined) writeFileSync(Path.join(path, "config.json"), JSON.stringify(settings))
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )

const nat = Effect.fnUntraced(function* (args: string, env: Record<string, string> = {}, settings?: object) {
  const path = yield* home(settings)
  const { code, stderr, stdout } = yield* run(["nat", ...args.split(" ").filter((arg) => arg !== "")], "", {
    P2P_STUN: "",
    P2P_HOME: path,
    ...env
  })
  return { code, stdout: stdout.toString(), stderr }
}, Effect.scoped)

/** `p2p stun-server` on two addresses of loopback; gives the URI of the first. */
const server = Effect.gen(function* () {
  const flags = "stun-server --address 127.0.0.1 --alternate 127.0.0.2 --port 0 --probe-back --json"
  const [, endpoint] = yield* Effect.flatMap(start(flags.split(" ")), ({ complained }) =>
    complained(/"endpoint":"([^"]+)"/)
  )
  return `stun:${endpoint}`
})

const Summaries = Schema.fromJsonString(Schema.Array(NatSummary))

describe("p2p nat", () => {
  it.live("says what is in the way in words, then the facts, then why others are unknown", () =>
    Effect.gen(function* () {
      const uri = yield* server
      const { code, stderr, stdout } = yield* nat(`--interface lo --server ${uri}`)
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(stderr.match(/lo IPv4 (?:UDP|TCP) measured/g)?.toSorted(), [
        "lo IPv4 TCP measured",
        "lo IPv4 UDP measured"
      ])
      const nothing = "Nothing stands between this machine and the internet: peers can reach it at its own address."
      const [title, words, table, reasons] = stdout.split("\n\n")
      assert.strictEqual(title, "lo IPv4")
      assert.strictEqual(words, `UDP  ${nothing}\nTCP  ${nothing}`)
      const rows = table!.split("\n").map((row) => row.split(/ {2,}/))
      assert.deepStrictEqual(rows.slice(0, 6), [
        ["", "UDP", "TCP"],
        ["type", "open-internet", "open-internet"],
        ["external address", "127.0.0.1", "127.0.0.1"],
        ["mapping", "endpoint-independent", "endpoint-independent"],
        ["filtering", "endpoint-independent", "endpoint-independent"],
        ["delta", "equal", "equal"]
      ])
      assert.match(reasons!, /^Unknown, because\n {2}UDP unsolicited: whether a datagram is refused or dropped/)
    }).pipe(Effect.scoped)
  )

  it.live("prints JSON alone, from P2P_STUN and from the file of settings", () =>
    Effect.gen(function* () {
      const uri = yield* server
      const told = { stun: ["stun:127.0.0.9:9"], interface: "lo" }
      const { code, stderr, stdout } = yield* nat("--json", { P2P_STUN: uri }, told)
      assert.deepStrictEqual([code, stderr], [0, ""])
      const summaries = yield* Schema.decodeEffect(Summaries)(stdout)
      assert.deepStrictEqual(
        summaries.filter(({ family }) => family === "IPv4").map((each) => [each.interface, each.transport, each.type]),
        [
          ["lo", "udp", "open-internet"],
          ["lo", "tcp", "open-internet"]
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.live("ends when it is told to, though it would take five minutes", () =>
    Effect.gen(function* () {
      const path = yield* home()
      const flags = `nat --interface lo --lifetime --server ${yield* server}`
      const { child, complained, ended } = yield* start(flags.split(" "), { P2P_HOME: path })
      yield* complained(/lo IPv4 TCP measured/)
      child.kill("SIGINT")
      assert.strictEqual((yield* ended).code, 130)
    }).pipe(Effect.scoped)
  )
})

describe("p2p nat refuses", () => {
  const rows: ReadonlyArray<readonly [args: string, code: number, says: RegExp]> = [
    ["", 2, /^p2p: no STUN server is named: name one by --server .* or run one, .* p2p stun-server .*\n$/],
    ["--server stun.example.org", 2, /^p2p: "stun.example.org" names no STUN server: it does not begin with stun:/],
    ["--server stun:nowhere.invalid", 1, /^p2p: "nowhere.invalid" has no address/],
    ["--interface wlan77 --server stun:127.0.0.1", 1, /^p2p: no interface is called "wlan77"; there are .*lo/],
    ["--servr stun:127.0.0.1", 2, /^p2p: Unrecognized flag: --servr/]
  ]
  for (const [args, code, says] of rows) {
    it.live(args === "" ? "no server" : args, () =>
      Effect.gen(function* () {
        const result = yield* nat(args)
        assert.strictEqual(result.code, code, result.stderr)
        assert.match(result.stderr, says)
        assert.strictEqual(result.stdout, "")
      })
    )
  }
})

describe("facts", () => {
  const nothing = unknown("no-answer", "nobody answered")
  const profile = (own: Partial<NatProfile>): NatProfile => ({
    interface: "eth0",
    family: "IPv4",
    transport: "udp",
    blocked: nothing,
    external: nothing,
    translated: nothing,
    mapping: nothing,
    filtering: nothing,
    delta: nothing,
    range: nothing,
    unsolicited: nothing,
    hairpin: nothing,
    lifetime: nothing,
    nats: nothing,
    noise: nothing,
    warnings: [],
    ...own
  })
  const known = <A>(value: A, confidence = 0.99) => ({ _tag: "Known" as const, value, confidence, evidence: [] })

  it("of a transport nothing is known of are not listed", () => {
    assert.strictEqual(facts([profile({})]), "eth0 IPv4\n\nUDP  Nothing is known of UDP: nobody answered.")
  })

  it("show doubt, what is still possible, steps with signs, and lengths of time", () => {
    const text = facts([
      profile({
        blocked: known(false),
        translated: known(true),
        mapping: unknown("needs-second-port", "name another", [], ["address-dependent", "address-and-port-dependent"]),
        filtering: known("address-dependent", 0.61),
        delta: known({ kind: "independent", step: -2 }),
        range: known([1024, 65_535]),
        hairpin: known(true),
        lifetime: known({ atLeast: 28_000, below: 32_000 }),
        nats: known({ count: 2, exact: false, carrier: true }),
        warnings: ["server x lies"]
      })
    ])
    const rows = Object.fromEntries(
      text
        .split("\n")
        .map((row) => row.split(/ {2,}/))
        .map(([name, value]) => [name, value])
    )
    assert.strictEqual(rows["type"], "symmetric")
    assert.strictEqual(rows["mapping"], "unknown: address-dependent or address-and-port-dependent")
    assert.strictEqual(rows["filtering"], "address-dependent (61 %)")
    assert.strictEqual(rows["delta"], "independent -2")
    assert.strictEqual(rows["port range"], "1024 to 65535")
    assert.strictEqual(rows["hairpinning"], "yes")
    assert.strictEqual(rows["lifetime"], "28s to 32s")
    assert.strictEqual(rows["NATs"], "at least 2, one of them the carrier's")
    assert.include(text, "Beware\n  server x lies")
    assert.include(text, "UDP mapping: name another")
  })
})
