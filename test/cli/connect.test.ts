/** `p2p connect`, to a `p2p listen` that is another process. No brokers or STUN servers, but where a test is about them. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as NetAddress from "effect/net/NetAddress"
import { readFileSync, writeFileSync } from "node:fs"
import * as net from "node:net"
import { decodeText, encodeText } from "../../src/protocols/address/PeerAddress.ts"
import * as KeyFile from "../../src/protocols/crypto/keyFile.ts"
import * as Kit from "../protocols/address/kit.ts"
import { freePort } from "../servers/support.ts"
import { noise, sha256 } from "./command.ts"
import { eventsOf, home, listener, onLoopback, peer } from "./peerCommands.ts"

const alice = (path: string, ...args: ReadonlyArray<string>) => peer(path, "alice", ["connect", ...onLoopback, ...args])

/** Connects with this input, to the end. */
const connected = Effect.fnUntraced(function* (
  path: string,
  input: string | Uint8Array,
  ...args: ReadonlyArray<string>
) {
  const running = yield* alice(path, ...args)
  running.child.stdin.end(input)
  return yield* running.ended
})

/** The address of a peer that is no more, and the port it says. */
const gone = Effect.fnUntraced(function* (path: string) {
  const bob = yield* listener(path)
  bob.child.kill()
  yield* bob.ended
  const { address } = Result.getOrThrow(decodeText(bob.address, { primitives: Kit.primitives, now: Date.now() }))
  // Not where it listened: the system may have given that port to another test since.
  const port = yield* freePort
  const interfaces = address.interfaces.map((each) => ({
    ...each,
    candidates: each.candidates.map((one) => ({
      ...one,
      endpoint: NetAddress.inetAddressUnsafe(one.endpoint.address, port)
    }))
  }))
  const { seed } = Result.getOrThrow(KeyFile.decode(readFileSync(`${path}/bob.key`, "utf8")))
  return { address: encodeText(Kit.signWith(seed, { ...address, interfaces })), port }
})

/** A TCP server at that port that takes connections and says nothing. */
const silent = Effect.fnUntraced(function* (port: number) {
  const opened = yield* Deferred.make<net.Socket>()
  const server = net.createServer((socket) => {
    socket.on("error", () => {})
    Deferred.doneUnsafe(opened, Effect.succeed(socket))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.once("error", (cause) => resume(Effect.die(cause)))
      server.listen(port, "127.0.0.1", () => resume(Effect.void))
    }),
    () => Effect.sync(() => server.close())
  )
  return Deferred.await(opened)
})

describe.concurrent("p2p connect", () => {
  it.live("carries 5 MB to a peer and back over TLS, with no broker and no STUN server, and tells what happens", () =>
    Effect.gen(function* () {
      const path = yield* home
      const file = noise(5_000_000)
      const { address, id } = yield* listener(path, "--echo")
      const { code, stderr, stdout } = yield* connected(path, file, "--json", address)
      assert.deepStrictEqual([code, stdout.length, sha256(stdout)], [0, file.length, sha256(file)], stderr)
      const [ready, opened, closed, ...rest] = eventsOf(stderr)
      assert.deepStrictEqual(rest, [])
      assert.match(ready!.address, /^p2p:[a-z2-7]+$/)
      assert.match(ready!.peer, /^p2p1/)
      const { local, ms, remote, ...said } = opened!
      assert.deepStrictEqual(said, {
        event: "connected",
        peer: id,
        strategy: "direct",
        transport: "tcp",
        protection: "tls1.3",
        initiator: "here"
      })
      for (const end of [local, remote]) assert.match(end, /:\d+$/)
      assert.isTrue(ms >= 0 && ms < 15_000)
      assert.deepStrictEqual(closed, { event: "closed", peer: id, reason: "ClosedByPeer" })
    })
  )

  it.live("passes the end of its input on, and ends when the peer does; finds the address in a file", () =>
    Effect.gen(function* () {
      const path = yield* home
      const bob = yield* listener(path)
      // As it comes out of a mail.
      writeFileSync(`${path}/address`, `> ${bob.address.slice(0, 60)}\n> ${bob.address.slice(60)}\n`)
      const running = yield* alice(path, `@${path}/address`)
      running.child.stdin.end("question")
      yield* bob.printed(/^question$/)
      bob.child.stdin.end("late answer")
      const { code, stderr, stdout } = yield* running.ended
      assert.deepStrictEqual([code, stdout.toString()], [0, "late answer"], stderr)
      assert.match(
        stderr,
        /^p2p: this is p2p1\w+\np2p: connected to p2p1\w+ \(direct, tls1\.3, .* ms\)\np2p: closed by the peer: p2p1\w+\n$/
      )
      const ended = yield* bob.ended
      assert.deepStrictEqual([ended.code, ended.stdout.toString()], [0, "question"])
    })
  )

  it.live("goes on without a broker it cannot reach", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address } = yield* listener(path, "--echo")
      const broker = `mqtt://127.0.0.1:${yield* freePort}`
      const { code, stdout } = yield* connected(path, "hello", "--broker", broker, address)
      assert.deepStrictEqual([code, stdout.toString()], [0, "hello"])
    })
  )

  it.live("fails where nobody listens any more, with a table of what was tried", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address } = yield* gone(path)
      const { code, stderr, stdout } = yield* connected(path, "", address)
      assert.deepStrictEqual([code, stdout.toString()], [1, ""])
      const [, said = "", header = "", ...rows] = stderr.trimEnd().split("\n")
      assert.match(said, /^p2p: cannot connect to p2p1\w+: \d ways? \w+ tried \(\d direct\), and none got through$/)
      assert.match(header, /^STRATEGY +FROM +TO +STEP +MS +WHAT HAPPENED$/)
      assert.match(rows[0]!, /^direct +\S+ \w+ +\S+:\d+ +dial +\d+ +.*the connection was refused/)
      assert.isTrue(
        rows.some((row) => /^reverse +plan +not tried: its address names no broker/.test(row)),
        stderr
      )
      assert.match(rows.at(-1)!, /^p2p: (?!direct|reverse)\w/)
    })
  )

  it.live("says at once that a strategy has no way, as JSON where it is asked for", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address, id } = yield* listener(path)
      const { code, stderr } = yield* connected(path, "", "--json", "--strategy", "reverse", address)
      assert.strictEqual(code, 1)
      const failed = eventsOf(stderr).at(-1)!
      assert.deepInclude(failed, { event: "failed", reason: "NoWay" })
      assert.include(failed.problem, id)
      assert.deepStrictEqual(
        failed.attempts.map(({ outcome, strategy }: any) => `${strategy} ${outcome}`),
        ["reverse skipped"]
      )
    })
  )

  it.live("ends when its time is up, at a server that says nothing", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address, port } = yield* gone(path)
      yield* silent(port)
      const { code, stderr } = yield* connected(path, "", "--json", "--timeout", "2s", address)
      assert.strictEqual(code, 1)
      const failed = eventsOf(stderr).at(-1)!
      // The time of the step ends with that of all.
      assert.include(["TimedOut", "Failed"], failed.reason)
      assert.isTrue(failed.ms >= 1999 && failed.ms < 15_000, `${failed.ms} ms`)
      assert.isTrue(failed.attempts.some(({ step }: any) => step === "secure"))
    })
  )

  it.live("at SIGINT gives up, leaves nothing, and ends with 130", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address, port } = yield* gone(path)
      const socket = yield* silent(port)
      const running = yield* alice(path, "--json", address)
      const opened = yield* socket
      const left = new Promise((resolve) => opened.once("close", resolve).resume())
      running.child.kill("SIGINT")
      yield* Effect.promise(() => left)
      const { code, signal, stderr } = yield* running.ended
      assert.deepStrictEqual([code, signal], [130, null])
      assert.deepStrictEqual(
        eventsOf(stderr).map(({ event }) => event),
        ["ready"]
      )
    })
  )
})

describe.concurrent("p2p connect is told, in one line,", () => {
  const refused = Effect.fnUntraced(function* (address: string, name = "alice") {
    const path = yield* home
    const running = yield* peer(path, name, ["connect", "--json", ...onLoopback, address])
    const { code, stderr, stdout } = yield* running.ended
    assert.deepStrictEqual([code, stdout.toString()], [1, ""])
    const events = eventsOf(stderr)
    assert.deepStrictEqual(
      events.map(({ event }) => event),
      ["ready", "failed"]
    )
    return events[1]!
  })

  it.live("that an address is none", () =>
    Effect.map(refused("hello"), (failed) =>
      assert.deepInclude(failed, { reason: "BadAddress", attempts: [], advice: "ask the other peer for its address" })
    )
  )

  it.live("that an address has expired", () =>
    Effect.gen(function* () {
      const expired = Kit.signWith(
        Kit.ALICE,
        Kit.address({ expires: Date.UTC(2020, 0, 1), brokers: ["mqtt://a.example"] })
      )
      const failed = yield* refused(encodeText(expired))
      assert.deepInclude(failed, { reason: "BadAddress" })
      assert.match(failed.problem, /expired \d+ days ago/)
    })
  )

  it.live("that an address is signed by somebody else", () =>
    Effect.gen(function* () {
      const forged = Kit.signWith(Kit.seedOf(2), Kit.address({ brokers: ["mqtt://a.example"] }))
      assert.match((yield* refused(encodeText(forged))).problem, /not made by the peer it names/)
    })
  )

  it.live("that an address is its own, and what to do about it", () =>
    Effect.gen(function* () {
      const path = yield* home
      const { address } = yield* listener(path)
      const running = yield* peer(path, "bob", ["connect", "--json", ...onLoopback, address])
      const failed = eventsOf((yield* running.ended).stderr).at(-1)!
      assert.deepInclude(failed, { event: "failed", reason: "Self" })
      assert.include(failed.advice, "--identity FILE")
    })
  )

  it.live("that a file with an address is not there", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refused("@/no/such/file")).problem, "cannot read /no/such/file: it is not there")
    })
  )
})
