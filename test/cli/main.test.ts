/**
 * What the command says of arguments it does not understand and of what fails, and the exit codes, without starting a
 * process for each.
 */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { systemError } from "effect/PlatformError"
import * as Runtime from "effect/Runtime"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { main } from "../../src/cli/main.ts"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import { Interfaces } from "../../src/services/Interfaces.ts"
import { freePort } from "../servers/support.ts"
import { echoPeer } from "./command.ts"

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  let code = -1
  Runtime.defaultTeardown(exit, (given) => (code = given))
  return code
}

/** Runs the command with these arguments, and what stands in for the process and the machine. */
const run = Effect.fnUntraced(function* (
  args: string,
  replaced: Partial<Stdio.Stdio> = {},
  layer: Layer.Layer<Layer.Success<typeof NodeP2P.layer>> = NodeP2P.layer
) {
  const printed: Array<string> = []
  const complained: Array<string> = []
  const console: Console.Console = Object.create(globalThis.console, {
    log: { value: (text: string) => printed.push(text) },
    error: { value: (text: string) => complained.push(text) }
  })
  const stdio = Stdio.layerTest({
    args: Effect.succeed(args === "" ? [] : args.split(" ")),
    stdout: () => Sink.forEach((text) => Effect.sync(() => printed.push(String(text)))),
    ...replaced
  })
  const exit = yield* main.pipe(
    Effect.provide(Layer.mergeAll(NodeServices.layer, layer, stdio)),
    Effect.provideService(Console.Console, console),
    Effect.exit
  )
  return { code: exitCode(exit), printed, complained }
})

describe("arguments that make no sense end with 2, and one line says why", () => {
  const rows: ReadonlyArray<readonly [args: string, says: string]> = [
    ["ech", `Unknown subcommand "ech" for "p2p"; did you mean echo? (see p2p --help)`],
    ["pipe", "Missing required argument: destination (see p2p pipe --help)"],
    ["pipe --upd a:1", "Unrecognized flag: --upd in command p2p pipe; did you mean --udp? (see p2p pipe --help)"],
    ["pipe a:1 b:2", `Unexpected positional argument: "b:2" (see p2p pipe --help)`],
    ["pipe --udp --tls a:1", "--tls is for TCP, not for --udp (see p2p pipe --help)"],
    ["pipe --interface", "Missing value for flag --interface. Expected: string (see p2p pipe --help)"],
    ["echo", "Missing required flag: --port (see p2p echo --help)"],
    ["echo --port 70000", `Invalid value for flag --port: "70000". Expected: 0 to 65535 (see p2p echo --help)`],
    ["echo --port -1", `Invalid value for flag --port: "-1". Expected: 0 to 65535 (see p2p echo --help)`],
    ["echo --port 0 --loopback --interface lo", "--loopback and --interface exclude each other (see p2p echo --help)"],
    ["interfaces --xml", "Unrecognized flag: --xml in command p2p interfaces (see p2p interfaces --help)"]
  ]
  for (const [args, says] of rows) {
    it.live(`p2p ${args}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(args), { code: 2, printed: [], complained: [`p2p: ${says}`] })
      })
    )
  }
})

describe("what fails ends with 1, and one line says how", () => {
  const rows: ReadonlyArray<readonly [args: string, says: RegExp]> = [
    ["pipe nonsense", /^p2p: tcp pipe open nonsense: the input is not valid; write host:port, such as /],
    ["pipe 127.0.0.1:70000", /^p2p: tcp pipe open 127\.0\.0\.1:70000: the input is not valid; .*a port of 1 to 65535$/],
    ["pipe 127.0.0.1:0", /^p2p: tcp pipe open 127\.0\.0\.1:0: the input is not valid; 0 is not a destination port/],
    ["pipe --udp [::1]:0", /^p2p: udp pipe open \[::1\]:0: the input is not valid; 0 is not a destination port/],
    [
      "pipe --interface eth99 127.0.0.1:9",
      /^p2p: tcp pipe open 127\.0\.0\.1:9 on eth99: no interface has that name; there are \w+/
    ],
    ["echo --port 0 --interface eth99", /^p2p: daemon serve: no interface is called eth99: there are \w+/]
  ]
  const fails = (args: string, says: RegExp) =>
    Effect.gen(function* () {
      const { code, complained, printed } = yield* run(args)
      assert.deepStrictEqual([code, printed, complained.length], [1, [], 1])
      assert.match(complained[0]!, says)
      assert.notInclude(complained[0]!, "\n")
    })
  for (const [args, says] of rows) it.live(`p2p ${args}`, () => fails(args, says))

  it.live("p2p pipe to a port where nobody listens", () =>
    Effect.gen(function* () {
      const to = `127.0.0.1:${yield* freePort}`
      yield* fails(
        `pipe ${to}`,
        new RegExp(`^p2p: tcp pipe open ${to}: the connection was refused \\(ECONNREFUSED\\); nothing listens there`)
      )
    })
  )
})

describe("standard input and output", () => {
  const broken = (method: "stdin" | "stdout", code: string, message: string) =>
    systemError({ _tag: "Unknown", module: "Stdio", method, cause: Object.assign(new Error(message), { code }) })

  it.live("what cannot be read is said", () =>
    Effect.gen(function* () {
      const { destination } = yield* echoPeer
      const stdin = Stream.fail(broken("stdin", "EISDIR", "EISDIR: illegal operation on a directory, read"))
      assert.deepStrictEqual(yield* run(`pipe ${destination}`, { stdin }), {
        code: 1,
        printed: [],
        complained: ["p2p: standard input could not be read: EISDIR: illegal operation on a directory, read"]
      })
    })
  )

  it.live("what cannot be written is said", () =>
    Effect.gen(function* () {
      const stdout = () => Sink.fail(broken("stdout", "ENOSPC", "ENOSPC: no space left on device, write"))
      assert.deepStrictEqual(yield* run("interfaces", { stdout }), {
        code: 1,
        printed: [],
        complained: ["p2p: standard output could not be written to: ENOSPC: no space left on device, write"]
      })
    })
  )

  it.live("a reader who has seen enough is no failure", () =>
    Effect.gen(function* () {
      const stdout = () => Sink.fail(broken("stdout", "EPIPE", "write EPIPE"))
      assert.deepStrictEqual(yield* run("interfaces", { stdout }), { code: 0, printed: [], complained: [] })
    })
  )
})

describe("a bug", () => {
  it.live("is told as one, with its cause", () =>
    Effect.gen(function* () {
      const faulty = Layer.effect(
        Interfaces,
        Interfaces.useSync((interfaces) => ({ ...interfaces, list: Effect.die(new Error("no such luck")) }))
      ).pipe(Layer.provideMerge(NodeP2P.layer))
      const { code, complained, printed } = yield* run("interfaces", {}, faulty)
      assert.deepStrictEqual([code, printed, complained.length], [1, [], 1])
      assert.match(complained[0]!, /^p2p: this is a bug, please report it: .*no such luck/)
    })
  )
})
