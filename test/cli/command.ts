/**
 * Runs the real command as people do, and peers made without this library for it to talk to.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import * as net from "node:net"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))

export const p2p = `${root}bin/p2p`

export const packageJson = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
  readonly version: string
  readonly scripts: Readonly<Record<string, string>>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  /** Waits until standard output holds something like this, from its beginning. */
  readonly printed: (pattern: RegExp) => Effect.Effect<RegExpMatchArray>
  /** The same of standard error. */
  readonly complained: (pattern: RegExp) => Effect.Effect<RegExpMatchArray>
  readonly ended: Effect.Effect<Ended>
}

// All a stream says, and a way to wait for a part of it.
const heard = (stream: Readable) => {
  const chunks: Array<Buffer> = []
  stream.on("data", (chunk: Buffer) => chunks.push(chunk))
  const all = () => Buffer.concat(chunks)
  const waitFor = (pattern: RegExp) =>
    Effect.callback<RegExpMatchArray>((resume) => {
      const look = () => {
        const found = all().toString().match(pattern)
        if (found !== null) resume(Effect.succeed(found))
        return found
      }
      if (look() !== null) return
      stream.on("data", look)
      return Effect.sync(() => stream.off("data", look))
    })
  return { all, waitFor }
}

// Half of the time a command takes is compiling, so one that ran before lends the next its code.
const cache = { NODE_COMPILE_CACHE: `${root}node_modules/.cache/effect-p2p-tests` }

/** Starts a program. What still runs when the scope closes is killed. */
export const spawned = (
  file: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...cache, ...env } })
      // A command that ends early leaves its input unread.
      child.stdin.on("error", () => {})
      const stdout = heard(child.stdout)
      const stderr = heard(child.stderr)
      let ended: Ended | undefined
      const watchers: Array<(ended: Ended) => void> = []
      // When its output has been read, too.
      child.once("close", (code, signal) => {
        ended = { code, signal, stdout: stdout.all(), stderr: stderr.all().toString() }
        for (const watch of watchers) watch(ended)
      })
      return {
        child,
        printed: stdout.waitFor,
        complained: stderr.waitFor,
        ended: Effect.callback<Ended>((resume) => {
          if (ended !== undefined) return resume(Effect.succeed(ended))
          watchers.push((ended) => resume(Effect.succeed(ended)))
        })
      }
    }),
    ({ child, ended }) =>
      Effect.suspend(() => {
        if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL")
        // A pipe nobody reads would never close.
        child.stdout.resume()
        return ended
      })
  )

/** Starts `p2p`. */
export const start = (args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) => spawned(p2p, args, env)

/** Runs `p2p` with this standard input to its end. */
export const run = (
  args: ReadonlyArray<string>,
  input: string | Uint8Array = "",
  env?: Readonly<Record<string, string>>
) =>
  Effect.scoped(
    Effect.flatMap(start(args, env), ({ child, ended }) => {
      child.stdin.end(input)
      return ended
    })
  )

export interface Peer {
  readonly port: number
  readonly destination: string
}

/** A TCP server on this machine; every connection is destroyed with the scope. */
export const listening = (server: net.Server, host = "127.0.0.1"): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Peer & { readonly sockets: Set<net.Socket> }>((resume) => {
      const sockets = new Set<net.Socket>()
      server.on("connection", (socket) => sockets.add(socket.on("close", () => sockets.delete(socket))))
      server.listen(0, host, () => {
        const { port } = server.address() as net.AddressInfo
        resume(Effect.succeed({ port, destination: `${host}:${port}`, sockets }))
      })
    }),
    ({ sockets }) =>
      Effect.sync(() => {
        server.close()
        for (const socket of sockets) socket.destroy()
      })
  )

/** A TCP server that does this with every connection. Ends of sending are its own decision. */
export const peer = (serve: (socket: net.Socket) => void) =>
  listening(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {})
      serve(socket)
    })
  )

export const echoPeer = peer((socket) => socket.pipe(socket))

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** Bytes that look like nothing, the same each time. */
export const noise = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = 0x9e3779b9
  for (let at = 0; at < length; at++) {
    // xorshift32
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}
