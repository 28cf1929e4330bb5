/**
 * A second process for a bench: the file given runs under this Node and calls `serve` of `child.ts`.
 *
 * @example
 *   await using server = await startPeer(new URL("./pipes/server.ts", import.meta.url))
 *   const port = await server.ask<number>("listen", { transport: "tcp" })
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Answer, Memory, Request } from "./child.ts"

const startLimit = 20_000
const askLimit = 120_000
/** How long a peer may take to end by itself before it is killed. */
const stopLimit = 2_000

export interface Peer extends AsyncDisposable {
  readonly pid: number
  /** The answer of the handler with that name; its error if it failed, or if the process ended first. */
  readonly ask: <A>(name: string, argument?: unknown) => Promise<A>
  readonly memory: () => Promise<Memory>
  readonly stop: () => Promise<void>
}

interface Waiting {
  readonly resolve: (value: any) => void
  readonly reject: (error: Error) => void
}

/** `flags` are for the new process's Node. */
export const startPeer = async (file: URL, flags: ReadonlyArray<string> = []): Promise<Peer> => {
  const child = fork(fileURLToPath(file), [], {
    execArgv: ["--expose-gc", "--no-warnings", ...flags],
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })
  const name = file.pathname.split("/").slice(-2).join("/")
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let ended: Error | undefined

  const end = (error: Error): void => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  child.on("error", end)
  child.on("exit", (code, signal) => end(new Error(`${name} ended with ${signal ?? `code ${code}`}`)))
  child.on("message", ({ id, value, error }: Answer) => {
    const asker = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asker?.resolve(value)
    else asker?.reject(new Error(`${name}: ${error}`))
  })

  const answerTo = <A>(id: number, what: string, limit: number): Promise<A> =>
    new Promise<A>((resolve, reject) => {
      if (ended !== undefined) return reject(ended)
      const late = (): void => {
        waiting.delete(id)
        reject(new Error(`${name}: no answer to ${what} in ${limit / 1000} s`))
      }
      const timer = setTimeout(late, limit)
      waiting.set(id, {
        resolve: (value) => (clearTimeout(timer), resolve(value)),
        reject: (error) => (clearTimeout(timer), reject(error))
      })
    })

  const ask = <A>(what: string, argument?: unknown): Promise<A> => {
    const request: Request = { id: ++lastId, name: what, argument }
    const answer = answerTo<A>(request.id, what, askLimit)
    if (ended === undefined) child.send(request)
    return answer
  }

  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const exit = once(child, "exit")
    child.kill("SIGTERM")
    const timer = setTimeout(() => child.kill("SIGKILL"), stopLimit)
    await exit
    clearTimeout(timer)
  }

  try {
    await answerTo<void>(0, "start", startLimit)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, ask, memory: () => ask<Memory>("memory"), stop, [Symbol.asyncDispose]: stop }
}
