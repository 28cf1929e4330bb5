/**
 * The `p2p` command as a process, its events, and what comes out of it.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const p2p = fileURLToPath(new URL("../../bin/p2p", import.meta.url))

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

/** What came out, and when, in milliseconds. */
export interface Output {
  readonly bytes: number
  readonly first: number
  readonly last: number
  readonly sha256: string
}

export interface Command {
  /** The event of this name. Fails with what the command said if it ends without. */
  readonly event: (name: string) => Effect.Effect<Event, Error>
  readonly send: (file: Uint8Array) => Effect.Effect<void>
  /** Waits for the end. Fails where it is a failure. */
  readonly output: Effect.Effect<Output, Error>
}

/** Starts it; it is ended with the scope. */
export const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(p2p, [...args, "--json"], { env: { ...process.env, ...env } })
        // A command that ends early leaves its input unread.
        child.stdin.on("error", () => {})
        return { child, over: new Promise<number | null>((resolve) => child.once("close", resolve)) }
      }),
      ({ child, over }) =>
        Effect.promise(() => {
          child.kill()
          return over
        })
    ),
    ({ child, over }): Command => {
      const lines: Array<string> = []
      const waiting = new Set<() => void>()
      const look = () => waiting.forEach((one) => one())
      createInterface({ input: child.stderr }).on("line", (line) => {
        lines.push(line)
        look()
      })
      let isOver = false
      void over.then(() => {
        isOver = true
        look()
      })
      const hash = createHash("sha256")
      const seen = { bytes: 0, first: 0, last: 0 }
      child.stdout.on("data", (chunk: Buffer) => {
        seen.last = performance.now()
        if (seen.bytes === 0) seen.first = seen.last
        seen.bytes += chunk.length
        hash.update(chunk)
      })
      const failure = () => new Error(`p2p ${args.join(" ")}\n${lines.join("\n")}`)
      const find = (name: string): Event | undefined =>
        lines
          .filter((line) => line.startsWith("{"))
          .map((line): Event => JSON.parse(line))
          .find(({ event }) => event === name)
      return {
        event: (name) =>
          Effect.callback((resume) => {
            const check = () => {
              const event = find(name)
              if (event !== undefined) resume(Effect.succeed(event))
              else if (isOver) resume(Effect.fail(failure()))
            }
            waiting.add(check)
            check()
            return Effect.sync(() => waiting.delete(check))
          }),
        send: (file) => Effect.sync(() => child.stdin.end(file)),
        output: Effect.flatMap(
          Effect.promise(() => over),
          (code) => (code === 0 ? Effect.succeed({ ...seen, sha256: hash.digest("hex") }) : Effect.fail(failure()))
        )
      }
    }
  )
