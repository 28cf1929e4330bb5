/** `p2p rendezvous` as a process, and peers that know each other by nothing else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { freePort, hosts, occupy, takenOn } from "../servers/support.ts"
import { run, start } from "./command.ts"
import { event, eventsOf, home, peer } from "./peerCommands.ts"

const isLinux = process.platform === "linux"

/** The TCP sockets of a process that listen. */
const listeningOf = (pid: number): number => {
  const rows = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, "latin1").split("\n"))
  const listening = new Set(
    rows
      .map((line) => line.trim().split(/ +/))
      .flatMap(([, , , state, , , , , , inode]) => (state === "0A" ? [`socket:[${inode}]`] : []))
  )
  const open = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)]
    } catch {
      // Closed since.
      return []
    }
  })
  return open.filter((each) => listening.has(each)).length
}

const anyPorts = ["--port", "0", "--mqtt-port", "0", "--ws-port", "0"]
const onLoopback = hosts.flatMap((host) => ["--listen", host])

const portOf = (uri: string): number => Number(/:(\d+)$/.exec(uri)![1])

describe.concurrent("p2p rendezvous", () => {
  it.live("prints where it listens and what peers are told; at SIGINT leaves nothing and ends with 130", () =>
    Effect.gen(function* () {
      // Not the system's choice, which it may give to another test when it is free again.
      const fixed = Effect.map(freePort, String)
      const ports = ["--port", yield* fixed, "--mqtt-port", yield* fixed, "--ws-port", yield* fixed]
      const running = yield* start(["rendezvous", ...onLoopback, ...ports])
      const [text] = yield* running.printed(/^(?:listening .*\n)+peers .*\n$/)
      const lines = text.trimEnd().split("\n")
      const uris = lines.slice(0, -1).map((line) => line.slice("listening ".length))
      const shown = hosts.map((host) => (host === "::1" ? "[::1]" : host))
      assert.deepStrictEqual(
        uris.map((uri) => uri.replace(/:\d+$/, "")),
        ["mqtt://", "ws://", "stun:"].flatMap((start) => shown.map((host) => `${start}${host}`))
      )
      const [mqtt, stun] = ["mqtt", "stun"].map((scheme) => uris.find((uri) => uri.startsWith(scheme)))
      assert.strictEqual(lines.at(-1), `peers that reach this machine there: --broker ${mqtt} --stun ${stun}`)
      yield* running.complained(/^p2p: with one address peers learn .* --alternate for that\n$/)
      const taken = uris.map(portOf)
      for (const port of taken) assert.notStrictEqual((yield* takenOn(port)).length, 0)
      running.child.kill("SIGINT")
      const { code, signal } = yield* running.ended
      assert.deepStrictEqual([code, signal], [130, null])
      for (const port of taken) assert.deepStrictEqual(yield* takenOn(port), [])
    })
  )

  const shy: ReadonlyArray<readonly [who: string, isOpen: boolean, ...args: ReadonlyArray<string>]> = [
    ["tells nothing but its broker", true, "--publish", "brokers"],
    ["has no port open", false, "--dial-back-only"]
  ]
  it.live.each(shy)("lets one peer ask another, who %s, to dial back", ([, isOpen, ...how]) =>
    Effect.gen(function* () {
      const path = yield* home
      const rendezvous = yield* start(["rendezvous", "--json", ...anyPorts])
      const { brokers, flags, stun } = yield* event(rendezvous, "ready")
      for (const uri of brokers) assert.match(uri, /^(?:mqtt|ws):\/\/(?:0\.0\.0\.0|\[::\]):\d+$/)
      for (const uri of stun) assert.match(uri, /^stun:\S+:\d+$/)
      assert.deepStrictEqual([flags[0], flags[2]], ["--broker", "--stun"])
      const bob = yield* peer(path, "bob", ["listen", "--echo", "--json", ...how, ...flags])
      const { address } = yield* event(bob, "ready")
      if (isLinux) assert.strictEqual(listeningOf(bob.child.pid!) > 0, isOpen)
      const alice = yield* peer(path, "alice", ["connect", "--json", ...flags, address])
      alice.child.stdin.end("hello")
      const { code, stderr, stdout } = yield* alice.ended
      assert.deepStrictEqual([code, stdout.toString()], [0, "hello"], stderr)
      const connected = eventsOf(stderr).find(({ event }) => event === "connected")!
      assert.deepInclude(connected, { strategy: "reverse", protection: "tls1.3", initiator: "here" })
      assert.deepInclude(yield* event(bob, "connected"), { strategy: "reverse", initiator: "there" })
    })
  )

  it.live("ends with 1 and says why, where a port is taken", () =>
    Effect.gen(function* () {
      const port = yield* occupy("tcp", "127.0.0.1")
      const args = ["--listen", "127.0.0.1", "--port", "0", "--ws-port", "0", "--mqtt-port", String(port)]
      const { code, stderr, stdout } = yield* run(["rendezvous", ...args])
      assert.deepStrictEqual([code, stdout.toString()], [1, ""])
      assert.match(stderr, new RegExp(`^p2p: broker listen 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*\n$`))
    })
  )
})
