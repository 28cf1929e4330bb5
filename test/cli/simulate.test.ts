/** `p2p simulate`: what it prints and writes, that it is the same every time, and what it says of mistakes. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { main } from "../../src/cli/main.ts"
import { run as runWorld } from "../../src/cli/simulate/world.ts"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import { deviceNamed, devices } from "../../src/protocols/nat/devices/devices.ts"
import * as Trace from "../../src/protocols/trace/Trace.ts"
import * as Tshark from "../protocols/trace/tshark.ts"

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  let code = -1
  Runtime.defaultTeardown(exit, (given) => (code = given))
  return code
}

/** Runs `p2p simulate` with these arguments. */
const simulate = Effect.fnUntraced(function* (args: string) {
  let printed = ""
  const complained: Array<string> = []
  const console: Console.Console = Object.create(globalThis.console, {
    error: { value: (text: string) => complained.push(text) }
  })
  const stdio = Stdio.layerTest({
    args: Effect.succeed(["simulate", ...args.split(" ").filter((arg) => arg !== "")]),
    stdout: () => Sink.forEach((text) => Effect.sync(() => (printed += String(text))))
  })
  const exit = yield* main.pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, NodeP2P.layer, stdio)),
    Effect.provideService(Console.Console, console),
    Effect.exit
  )
  return { code: exitCode(exit), printed, complained }
})

/** A folder that is gone with the scope. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "effect-p2p-simulate-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const lastLines = (text: string): ReadonlyArray<string> => text.trimEnd().split("\n").slice(-5)

describe("p2p simulate", () => {
  it.live("prints every packet, what came of it, and nothing else", () =>
    Effect.gen(function* () {
      const { code, complained, printed } = yield* simulate("")
      assert.deepStrictEqual([code, complained], [0, []])
      const [heading, ...lines] = printed.split("\n")
      assert.match(heading!, /^ *time ms {2}from +-> to +packet +at ms {2}fate$/)
      const packets = lines.slice(0, lines.indexOf(""))
      assert.isTrue(packets.every((line) => /^ *\d+\.\d{3} {2}\S+ +-> \S+ +(?:UDP|TCP) /.test(line)))
      assert.match(packets[0]!, /UDP +192\.168\.1\.2:5000 +> 203\.0\.113\.10:3478 +len 5 "alice" .* translated 192/)
      assert.deepStrictEqual(lastLines(printed), [
        "HOST   BEHIND        SERVER SEES UDP FROM  HEARS THE OTHER                       SERVER SEES TCP FROM  TCP ECHO",
        lastLines(printed)[1]!,
        lastLines(printed)[2]!,
        "",
        "UDP passes between alice and bob, both ways."
      ])
      assert.match(
        lastLines(printed)[1]!,
        /^alice {2}linux-router {2}198\.51\.100\.1:5000 +after 60\.4 ms from 198\.51\.100\.2:5000 {2}198\.51\.100\.1:\d+ +after 80\.4 ms$/
      )
    })
  )

  it.live("gives the same for the same arguments, byte for byte, and something else for another seed", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const args = "--nat-a symmetric-random --nat-b carrier-nat --loss 20 --latency 35ms"
      const once = Effect.fnUntraced(function* (name: string, seed: number) {
        const files = [Path.join(path, `${name}.svg`), Path.join(path, `${name}.pcapng`)]
        const result = yield* simulate(`${args} --seed ${seed} --svg ${files[0]} --pcap ${files[1]}`)
        assert.deepStrictEqual([result.code, result.complained], [0, []])
        return [result.printed, ...files.map((file) => readFileSync(file).toString("base64"))]
      })
      const first = yield* once("first", 4)
      assert.deepStrictEqual(yield* once("second", 4), first)
      const other = yield* once("other", 5)
      for (const [index, text] of other.entries()) assert.notStrictEqual(text, first[index])
    }).pipe(Effect.scoped)
  )

  it.live("writes a picture with both NATs in the middle of it", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "picture.svg")
      yield* simulate(`--nat-a symmetric-random --nat-b blocked --loss 3 --svg ${path}`)
      const svg = readFileSync(path, "utf8")
      const names = [...svg.matchAll(/class="name">([^<]*)</g)].map(([, name]) => name)
      assert.deepStrictEqual(names.slice(0, 5), ["alice", "nat-a", "server", "nat-b", "bob"])
      assert.match(svg, /class="title">symmetric-random and blocked: 20ms, 3 % loss, seed 1</)
      assert.match(svg, />transport blocked</)
      assert.strictEqual(svg.match(/<rect class="gateway" [^>]*width="160"/g)?.length, names.length === 5 ? 2 : 4)
    }).pipe(Effect.scoped)
  )

  it.live.skipIf(Tshark.reasonToSkip !== undefined)(
    "writes a capture in which Wireshark finds right checksums and both handshakes",
    () =>
      Effect.gen(function* () {
        const path = Path.join(yield* folder, "packets.pcapng")
        yield* simulate(`--nat-a openwrt --nat-b symmetric-random --pcap ${path}`)
        using capture = Tshark.open(readFileSync(path))
        assert.deepStrictEqual(capture.checked().wrong, [])
        const rows = capture.fields(["icmp.type", "tcp.stream", "tcp.analysis.initial_rtt", "frame.interface_name"])
        assert.isTrue(rows.length > 50)
        assert.isTrue(
          rows.some(([icmp]) => icmp !== ""),
          "a refused datagram is answered"
        )
        const roundTrips = new Map(
          rows.filter((row) => row[3] === "internet" && row[2] !== "").map((row) => [row[1], Number(row[2])])
        )
        assert.strictEqual(roundTrips.size, 2)
        for (const seconds of roundTrips.values()) assert.approximately(seconds, 0.0402, 1e-9)
      }).pipe(Effect.scoped)
  )

  it.live("lists the devices with their sentences", () =>
    Effect.gen(function* () {
      const { code, printed } = yield* simulate("--list")
      assert.strictEqual(code, 0)
      const listed = printed
        .trimEnd()
        .split("\n")
        .map((line) => line.split(/ {2,}/))
      assert.deepStrictEqual(
        listed,
        devices.map(({ name, summary }) => [name, summary])
      )
    })
  )
})

describe("docs/simulation.md", () => {
  const docs = Path.join(import.meta.dirname, "../../docs")
  const text = readFileSync(Path.join(docs, "simulation.md"), "utf8")

  it("has every device in its table", () => {
    const [, table] = /<!-- devices[^>]*-->\n([^]*)\n<!-- end of devices -->/.exec(text)!
    const rows = devices.map(({ name, summary }) => `| \`${name}\` | ${summary} |`)
    assert.strictEqual(table, ["| name | what it models |", "|---|---|", ...rows].join("\n"))
  })

  it.live("has the picture that its command draws", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "picture.svg")
      const [command, args] = /^p2p simulate (.*--svg) docs\/simulation\.svg$/m.exec(text)!
      yield* simulate(`${args} ${path}`)
      const same = readFileSync(path, "utf8") === readFileSync(Path.join(docs, "simulation.svg"), "utf8")
      assert.isTrue(
        same,
        `the simulation has changed: look at what \`${command}\` draws now, and keep it if it is right`
      )
    }).pipe(Effect.scoped)
  )
})

describe("what two NATs let through", () => {
  const rows: ReadonlyArray<readonly [args: string, verdict: string]> = [
    [
      "--nat-a port-restricted-cone-equal --nat-b port-restricted-cone-random",
      "UDP passes between alice and bob, both ways."
    ],
    ["--nat-a full-cone-equal --nat-b symmetric-random", "UDP passes between alice and bob, both ways."],
    ["--nat-a restricted-cone-equal --nat-b symmetric-random", "UDP passes between alice and bob, both ways."],
    ["--nat-a port-restricted-cone-equal --nat-b symmetric-random", "No UDP passes between alice and bob."],
    ["--nat-a symmetric-equal --nat-b symmetric-equal", "No UDP passes between alice and bob."],
    ["--nat-a corporate-no-udp --nat-b open-internet", "No UDP passes between alice and bob."]
  ]
  for (const [args, verdict] of rows) {
    it.live(args, () => Effect.map(simulate(args), ({ printed }) => assert.strictEqual(lastLines(printed)[4], verdict)))
  }

  const settings = { seed: 3, latency: 20, loss: 0 }
  const named = (name: string) => Result.getOrThrow(deviceNamed(name))

  it.live("of every device, the exchange ends, and its trace in all forms is whole", () =>
    Effect.gen(function* () {
      for (const natA of devices) {
        const { omitted, reports, trace } = yield* runWorld({ ...settings, natA, natB: named("linux-router") })
        assert.deepStrictEqual(
          reports.map(({ name }) => name),
          ["alice", "bob"]
        )
        assert.isTrue(Result.isSuccess(reports[1]!.echo), natA.name)
        assert.strictEqual(omitted, 0)
        assert.isTrue(
          trace.every(({ fate }) => fate._tag !== "InFlight"),
          natA.name
        )
        assert.strictEqual(Trace.toLines(trace).length, trace.length)
        assert.include(Trace.toSvg(trace), "</svg>")
      }
    })
  )

  it.live("even where latency and loss are at their ends", () =>
    Effect.gen(function* () {
      const nat = named("linux-router")
      const slow = yield* runWorld({ ...settings, natA: nat, natB: nat, latency: 10_000 })
      assert.isTrue(slow.reports.every(({ confirmed, echo }) => confirmed && Result.isSuccess(echo)))
      const fast = yield* runWorld({ ...settings, natA: nat, natB: nat, latency: 0 })
      assert.isTrue(fast.reports.every(({ confirmed, echo }) => confirmed && Result.isSuccess(echo)))
      const deaf = yield* runWorld({ ...settings, natA: nat, natB: nat, loss: 1 })
      assert.isTrue(deaf.reports.every(({ echo, heard }) => heard === undefined && Result.isFailure(echo)))
    })
  )
})

describe("p2p simulate refuses", () => {
  const all = `\`p2p simulate --list\` prints all ${devices.length}. (see p2p simulate --help)`
  const rows: ReadonlyArray<readonly [args: string, code: number, says: string]> = [
    ["--nat-a linux-roter", 2, `--nat-a: No device is called "linux-roter". Close to it: linux-router. ${all}`],
    [
      "--nat-b carrier",
      2,
      `--nat-b: No device is called "carrier". Close to it: carrier-nat, satellite-carrier, carrier-nat-small-quota. ${all}`
    ],
    ...["20x", "-1ms", "10.1s", "1e3", "ms", "NaN"].map(
      (value) =>
        [
          `--latency=${value}`,
          2,
          `Invalid value for flag --latency: "${value}". Expected: a time from 0 to 10 s, such as 20ms, 500us or 1.5s (see p2p simulate --help)`
        ] as const
    ),
    ["--loss 101", 2, 'Invalid value for flag --loss: "101". Expected: 0 to 100 (see p2p simulate --help)'],
    ["--loss=-1", 2, 'Invalid value for flag --loss: "-1". Expected: 0 to 100 (see p2p simulate --help)'],
    ["--seed 1.5", 2, 'Invalid value for flag --seed: "1.5". Expected an integer (see p2p simulate --help)'],
    ["--svg /no/such/folder/x.svg", 1, "cannot write /no/such/folder/x.svg: its folder does not exist"],
    ["--pcap /no/such/folder/x.pcap", 1, "cannot write /no/such/folder/x.pcap: its folder does not exist"]
  ]
  for (const [args, code, says] of rows) {
    it.live(args, () =>
      Effect.map(simulate(args), (result) =>
        assert.deepStrictEqual(result, { code, printed: "", complained: [`p2p: ${says}`] })
      )
    )
  }
})
