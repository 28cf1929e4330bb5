/**
 * The far side of a bench, in a process of its own: answers what `peer.ts` asks, over Node's IPC channel.
 *
 * Ends when its parent goes away, so that a broken bench leaves no process behind.
 */
import { readFileSync } from "node:fs"

export type Handlers = Record<string, (argument: any) => unknown>

export interface Request {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}

/** An answer to a request, or (id 0) word that the handlers are in place. */
export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string | undefined
}

export interface Memory {
  /** Bytes resident as Linux sees them (VmRSS); elsewhere as Node does. */
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
}

const residentBytes = (): number => {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {
    // Not Linux.
  }
  return process.memoryUsage.rss()
}

/** This process's memory after its garbage is gone; needs `--expose-gc`, which `startPeer` gives. */
export const memory = async (): Promise<Memory> => {
  if (globalThis.gc === undefined) throw new Error("memory figures need --expose-gc")
  for (let pass = 0; pass < 4; pass++) {
    // The kind that gives free pages back as well.
    globalThis.gc({ type: "major", execution: "sync", flavor: "last-resort" })
    // Finalizers and freed handles need a turn of the loop before the next pass can take what they held.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return { rss: residentBytes(), heapUsed, external }
}

/** Takes requests by name from now on. `memory` is always answered. */
export const serve = (handlers: Handlers): void => {
  const known: Handlers = { memory, ...handlers }
  const answer = (message: Answer): void => void process.send?.(message)
  process.on("message", ({ id, name, argument }: Request) => {
    Promise.resolve()
      .then(() => {
        const handler = known[name]
        if (handler === undefined) throw new Error(`this peer does not know "${name}"`)
        return handler(argument)
      })
      .then(
        (value) => answer({ id, value }),
        (error: unknown) =>
          answer({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
      )
  })
  process.on("disconnect", () => process.exit())
  answer({ id: 0 })
}
