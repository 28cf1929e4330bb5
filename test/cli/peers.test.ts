/** What commands of peers make of their arguments and settings, and how they tell a failure, without starting a process. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Runtime from "effect/Runtime"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import { main } from "../../src/cli/main.ts"
import * as Attempts from "../../src/cli/peer/attempts.ts"
import { fromString as durationOf } from "../../src/cli/peer/duration.ts"
import * as Events from "../../src/cli/peer/events.ts"
import { hostOf, withRendezvous } from "../../src/cli/peer/rendezvous.ts"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import type { AttemptRecord } from "../../src/schemas/Attempt.ts"
import { ConnectError } from "../../src/services/Peer.ts"

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  let code = -1
  Runtime.defaultTeardown(exit, (given) => (code = given))
  return code
}

const consoleInto = (lines: Array<string>): Console.Console =>
  Object.create(globalThis.console, { error: { value: (text: string) => lines.push(text) } })

/** Runs the command with these arguments and this environment. */
const run = Effect.fnUntraced(function* (args: string, env: Record<string, string> = {}) {
  const complained: Array<string> = []
  const stdio = Stdio.layerTest({ args: Effect.succeed(args.split(" ")), stdout: () => Sink.drain })
  const exit = yield* main.pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, NodeP2P.layer, stdio)),
    Effect.provideService(Console.Console, consoleInto(complained)),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnvRecord({ P2P_HOME: "/no/home", ...env })
    ),
    Effect.exit
  )
  return { code: exitCode(exit), complained }
})

describe("arguments that make no sense end with 2, and one line says why", () => {
  const rows: ReadonlyArray<readonly [args: string, says: string]> = [
    ["connect", "Missing required argument: address (see p2p connect --help)"],
    [
      "connect --strategy direct,punch a",
      '"direct,punch". Expected: some of direct, reverse, with commas between them'
    ],
    ["connect --timeout soon a", '"soon". Expected: a time up to a day, such as 500ms, 15s or 2m'],
    ["connect --timeout 0 a", '"0". Expected: a time up to a day'],
    ["connect --broker broker.example a", "--broker: a broker begins with mqtt://, mqtts://, ws:// or wss://"],
    ["connect --stun http://a a", '--stun: "http://a" names no STUN server: it does not begin with stun:'],
    ["connect --turn stun:a a", '--turn: "stun:a" names no TURN server: write it as turn:turn.example.org'],
    ["connect --rendezvous a.example:99 a", '--rendezvous: "a.example:99" has a port: '],
    ["connect --rendezvous http://a a", '--rendezvous: "http://a" is no host'],
    ["listen p2p:a", 'Unexpected positional argument: "p2p:a"'],
    ["listen --echo --to a:1", "--echo and --to exclude each other"],
    ["listen --to a", '--to: "a" is not HOST:PORT'],
    ["listen --publish nothing", "Invalid value for flag --publish"],
    ["rendezvous --listen localhost", '--listen: "localhost" is no IP address'],
    ["rendezvous --ws-port 70000", '--ws-port: "70000". Expected: 0 to 65535']
  ]
  for (const [args, says] of rows) {
    it.live(`p2p ${args}`, () =>
      Effect.gen(function* () {
        const { code, complained } = yield* run(args)
        assert.deepStrictEqual([code, complained.length], [2, 1], complained.join("\n"))
        assert.include(complained[0], says)
        assert.notInclude(complained[0]!, "\n")
      })
    )
  }
})

describe("what makes no sense ends the command, as an event where events are asked for", () => {
  const rows: ReadonlyArray<readonly [args: string, env: Record<string, string>, status: number, says: string]> = [
    ["listen --json", { P2P_BROKERS: "http://a.example" }, 2, "cannot use P2P_BROKERS: a broker begins with"],
    ["listen --json", { P2P_STUN: "stun:" }, 2, "cannot use P2P_STUN: "],
    ["listen --json", { P2P_TURN: "turn" }, 2, "cannot use P2P_TURN: "],
    ["rendezvous --json --listen 127.0.0.1 --alternate ::1", {}, 1, "rendezvous serve: no address of the same family"],
    ["listen --json --identity /dev/null/key", {}, 1, "identity load /dev/null/key: "]
  ]
  for (const [args, env, status, says] of rows) {
    it.live(`p2p ${args} ${Object.keys(env).join(" ")}`, () =>
      Effect.gen(function* () {
        const { code, complained } = yield* run(args, env)
        assert.deepStrictEqual([code, complained.length], [status, 1], complained.join("\n"))
        const { attempts, event, problem } = JSON.parse(complained[0]!)
        assert.deepStrictEqual([event, attempts], ["failed", []])
        assert.include(problem, says)
      })
    )
  }
})

describe("a rendezvous by its host", () => {
  const rows: ReadonlyArray<readonly [text: string, host: string | undefined]> = [
    ["meet.example.org", "meet.example.org"],
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "[2001:db8::1]"],
    ["[2001:DB8:0::1]", "[2001:db8::1]"],
    ["192.0.2.1:1883", undefined],
    ["mqtt://meet.example.org", undefined],
    ["a b", undefined],
    ["", undefined]
  ]
  for (const [text, host] of rows) {
    it(`"${text}"`, () => assert.strictEqual(Option.getOrUndefined(Result.getSuccess(hostOf(text))), host))
  }

  const settings = { turn: [], interface: undefined, identity: undefined, rendezvous: "::1" }

  it("comes after what was named one by one, each once", () => {
    const named = { ...settings, brokers: ["ws://a"], stun: ["stun:a", "stun:[::1]"] }
    assert.deepInclude(Result.getOrThrow(withRendezvous(named)), {
      brokers: ["ws://a", "mqtt://[::1]:1883"],
      stun: ["stun:a", "stun:[::1]"]
    })
  })
})

it("a time as it is written", () => {
  const rows = {
    "15s": 15_000,
    "500ms": 500,
    "2m": 120_000,
    "3": 3_000,
    "1.5 s": 1_500,
    "24h": undefined,
    "-1s": undefined
  }
  for (const [text, millis] of Object.entries({ ...rows, "0s": undefined, "1441m": undefined, "": undefined })) {
    const read = Option.map(durationOf(text), Duration.toMillis)
    assert.strictEqual(Option.getOrUndefined(read), millis, text)
  }
})

describe("a failed connect", () => {
  const attempts: ReadonlyArray<AttemptRecord> = [
    {
      strategy: "direct",
      why: "its network lets in who comes from outside",
      interface: "eth0",
      local: NetAddress.ipFromStringUnsafe("10.0.0.2"),
      remote: NetAddress.inetAddressFromStringUnsafe("[2001:db8::1]:4000"),
      candidate: "host",
      step: "secure",
      outcome: "failed",
      started: 1.5,
      ended: 31.9,
      reason: "WrongPeer",
      problem: "somebody else\nis \u001b[31mthere"
    },
    { strategy: "reverse", why: "no direct dial is sure", step: "plan", outcome: "not-started" },
    { strategy: "punch", why: "there is none yet", step: "plan", outcome: "skipped" }
  ]
  const error = new ConnectError({
    reason: "Failed",
    peer: "p2p1other",
    problem: "1 way was tried",
    advice: "ask for a new address",
    attempts,
    milliseconds: 40
  })
  const table = [
    "STRATEGY  FROM           TO                  STEP    MS  WHAT HAPPENED",
    "direct    10.0.0.2 eth0  [2001:db8::1]:4000  secure  30  somebody else is \uFFFD[31mthere",
    "reverse                                      plan        its turn did not come",
    "punch                                        plan        not tried: there is none yet"
  ].join("\n")

  const told = Effect.fnUntraced(function* (json: boolean) {
    const lines: Array<string> = []
    const exit = yield* Effect.fail(error).pipe(
      Events.telling(Events.teller(json)),
      Effect.provideService(Console.Console, consoleInto(lines)),
      Effect.exit
    )
    assert.strictEqual(exitCode(exit), 1)
    return lines
  })

  it("is a table of what was tried", () => assert.strictEqual(Attempts.table(attempts), table))

  it.effect("is told to people: what, how, and what would help", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(false), [
        "p2p: cannot connect to p2p1other: 1 way was tried",
        table,
        "p2p: ask for a new address"
      ])
    })
  )

  it.effect("is told to programs, with every attempt", () =>
    Effect.gen(function* () {
      const lines = yield* told(true)
      assert.strictEqual(lines.length, 1)
      const { attempts: given, ...rest } = JSON.parse(lines[0]!)
      assert.deepStrictEqual(rest, {
        event: "failed",
        problem: "cannot connect to p2p1other: 1 way was tried",
        advice: "ask for a new address",
        reason: "Failed",
        ms: 40
      })
      assert.deepInclude(given[0], { local: "10.0.0.2", remote: "[2001:db8::1]:4000", reason: "WrongPeer" })
      assert.strictEqual(given.length, attempts.length)
    })
  )
})
