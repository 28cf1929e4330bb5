import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as dgram from "node:dgram"
import * as net from "node:net"
import { freePort, hosts, occupy, takenOn } from "../servers/support.ts"
import { run, type Running, start } from "./command.ts"

interface Listening {
  readonly transport: string
  readonly host: string
  readonly port: number
}

const sockets = hosts.length * 2

/** Waits for the lines that say where the server listens. */
const listening = ({ printed }: Running): Effect.Effect<ReadonlyArray<Listening>> =>
  Effect.map(printed(new RegExp(`^(?:listening .*\n){${sockets}}`)), ([text]) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [, transport = "", host = "", port = ""] =
          line.match(/^listening (tcp|udp) (\S+):(\d+)$/) ?? assert.fail(line)
        return { transport, host: host.replace(/^\[|\]$/g, ""), port: Number(port) }
      })
  )

/** What comes back for this, over a socket that is not ours. */
const echoed = ({ host, port, transport }: Listening, question: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const answer = yield* Deferred.make<string, Error>()
      const heard = (bytes: Buffer) => Deferred.doneUnsafe(answer, Effect.succeed(bytes.toString()))
      const failed = (error: Error) => Deferred.doneUnsafe(answer, Effect.fail(error))
      if (transport === "tcp") {
        const socket = net.connect(port, host, () => socket.write(question))
        yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
        socket.on("data", heard).on("error", failed)
      } else {
        const socket = dgram.createSocket(host.includes(":") ? "udp6" : "udp4")
        yield* Effect.addFinalizer(() => Effect.sync(() => socket.close()))
        socket.on("message", heard).on("error", failed)
        socket.send(question, port, host)
      }
      return yield* Deferred.await(answer)
    })
  )

describe.concurrent("p2p echo", () => {
  it.live("listens on everything, answers, and ends with 130 at SIGINT", () =>
    Effect.gen(function* () {
      const echo = yield* start(["echo", "--port", "0", "--loopback"])
      const servers = yield* listening(echo)
      assert.deepStrictEqual(
        servers.map(({ host, transport }) => `${transport} ${host}`),
        hosts.flatMap((host) => [`tcp ${host}`, `udp ${host}`])
      )
      for (const { port } of servers) assert.notStrictEqual(port, 0)
      for (const server of servers) assert.strictEqual(yield* echoed(server, "hello"), "hello")
      echo.child.kill("SIGINT")
      const { code, signal, stderr } = yield* echo.ended
      assert.deepStrictEqual([stderr, code, signal], ["", 130, null])
    })
  )

  it.live("listens on every address on the port given, and frees it with 143 at SIGTERM", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const echo = yield* start(["echo", "--port", String(port)])
      const wildcards = hosts.map((host) => (host === "::1" ? "::" : "0.0.0.0"))
      assert.deepStrictEqual(
        yield* listening(echo),
        wildcards.flatMap((host) => ["tcp", "udp"].map((transport) => ({ transport, host, port })))
      )
      for (const host of hosts) assert.strictEqual(yield* echoed({ transport: "tcp", host, port }, "hello"), "hello")
      echo.child.kill("SIGTERM")
      const { code, signal, stderr } = yield* echo.ended
      assert.deepStrictEqual([stderr, code, signal], ["", 143, null])
      assert.deepStrictEqual(yield* takenOn(port), [])
    })
  )

  it.live("says which socket it could not open", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* occupy("tcp", "127.0.0.1", port)
      const { code, stderr, stdout } = yield* run(["echo", "--loopback", "--port", String(port)])
      assert.match(
        stderr,
        new RegExp(
          `^p2p: daemon serve: 1 of ${sockets} sockets could not be opened: tcp pipe listen 127\\.0\\.0\\.1:${port}: the address is in use \\(EADDRINUSE\\); [^\n]+\n$`
        )
      )
      assert.deepStrictEqual([stdout.toString(), code], ["", 1])
    })
  )

  it.live("logs to standard error", () =>
    Effect.gen(function* () {
      const echo = yield* start(["echo", "--port", "0", "--loopback"])
      const [server] = (yield* listening(echo)) as [Listening]
      // A client that leaves in the middle of its answer; another one where the answer had left before.
      const rude = Effect.callback<void>((resume) => {
        const socket = net.connect(server.port, server.host, () => socket.write(new Uint8Array(8 << 20)))
        socket.once("data", () => socket.pause().resetAndDestroy())
        socket.on("error", () => {}).once("close", () => resume(Effect.void))
      })
      yield* Effect.raceFirst(Effect.forever(rude), echo.complained(/a pipe's message handler failed/))
      echo.child.kill("SIGINT")
      assert.match((yield* echo.ended).stdout.toString(), /^(listening .*\n)+$/)
    })
  )
})
