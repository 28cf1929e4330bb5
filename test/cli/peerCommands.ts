/** Commands of peers: their events, and a home of their own. */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { networkInterfaces, tmpdir } from "node:os"
import * as Path from "node:path"
import { type Running, spawned, p2p } from "./command.ts"

export interface Event {
  readonly event: string
  readonly [field: string]: any
}

/** Waits for an event of this name; the `nth` of them, from 1. */
export const event = ({ complained }: Running, name: string, nth = 1): Effect.Effect<Event> =>
  Effect.map(complained(new RegExp(`(?:^\\{"event":"${name}".*\\n[^]*?){${nth}}`, "m")), ([text]) =>
    JSON.parse(text.match(new RegExp(`^\\{"event":"${name}".*$`, "gm"))!.at(-1)!)
  )

/** All that was told. Fails where a line is no event. */
export const eventsOf = (stderr: string): ReadonlyArray<Event> =>
  stderr
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

/** A folder for keys and files, gone with the scope. */
export const home = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "effect-p2p-peers-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Peers with nothing from outside this test: a home of their own, no servers. */
export const quietly = (path: string) => ({ P2P_HOME: path, P2P_BROKERS: "", P2P_STUN: "", P2P_TURN: "" })

/** What makes peers of one machine meet on its loopback, where it has a name. */
export const onLoopback: ReadonlyArray<string> = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
  addresses?.[0]?.internal === true ? ["--interface", name] : []
)

/** The one who listens, ready, with its address. */
export const listener = Effect.fnUntraced(function* (path: string, ...args: ReadonlyArray<string>) {
  const running = yield* peer(path, "bob", ["listen", "--json", ...onLoopback, ...args])
  const { address, peer: id } = yield* event(running, "ready")
  return { ...running, address: String(address), id: String(id) }
})

/** Starts a peer of that name, which keeps its key in `path`; in a network namespace, where one is named. */
export const peer = (
  path: string,
  name: string,
  args: ReadonlyArray<string>,
  namespace?: string
): ReturnType<typeof spawned> => {
  const [command = "", ...rest] = args
  const all = [command, "--identity", Path.join(path, `${name}.key`), ...rest]
  return namespace === undefined
    ? spawned(p2p, all, quietly(path))
    : spawned("ip", ["netns", "exec", namespace, p2p, ...all], quietly(path))
}
