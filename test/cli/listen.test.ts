/** `p2p listen`, with `p2p connect` as the other side. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { freePort } from "../servers/support.ts"
import { noise, peer as tcpPeer, sha256 } from "./command.ts"
import { event, eventsOf, home, listener, onLoopback, peer } from "./peerCommands.ts"

/** What comes back for this input. */
const exchanged = Effect.fnUntraced(function* (
  path: string,
  name: string,
  address: string,
  input: string | Uint8Array
) {
  const running = yield* peer(path, name, ["connect", "--json", ...onLoopback, address])
  running.child.stdin.end(input)
  return yield* running.ended
})

describe.concurrent("p2p listen", () => {
  it.live("prints its address, one line, and echoes for everybody; ends with 143 at SIGTERM", () =>
    Effect.gen(function* () {
      const path = yield* home
      const running = yield* peer(path, "bob", ["listen", "--echo", ...onLoopback])
      const [, address = ""] = yield* running.printed(/^(p2p:[a-z2-7]+)\n$/)
      const [one, two] = yield* Effect.all(
        [exchanged(path, "alice", address, "one"), exchanged(path, "carol", address, "two")],
        { concurrency: 2 }
      )
      assert.deepStrictEqual([one.code, one.stdout.toString()], [0, "one"])
      assert.deepStrictEqual([two.code, two.stdout.toString()], [0, "two"])
      running.child.kill("SIGTERM")
      const { code, stderr, stdout } = yield* running.ended
      assert.deepStrictEqual([code, stdout.toString()], [143, `${address}\n`])
      assert.match(stderr, /^p2p: this is p2p1\w+\n/)
      assert.strictEqual(stderr.match(/^p2p: connected from p2p1\w+ \(direct, tls1\.3, /gm)?.length, 2, stderr)
      assert.strictEqual(stderr.match(/^p2p: closed by the peer: p2p1\w+$/gm)?.length, 2, stderr)
    })
  )

  it.live("forwards each pipe to a service, and its end", () =>
    Effect.gen(function* () {
      const path = yield* home
      const file = noise(1_000_000)
      const { destination } = yield* tcpPeer((socket) => {
        const chunks: Array<Buffer> = []
        socket.on("data", (chunk: Buffer) => chunks.push(chunk))
        socket.on("end", () => socket.end(sha256(Buffer.concat(chunks))))
      })
      const bob = yield* listener(path, "--to", destination)
      const { code, stdout } = yield* exchanged(path, "alice", bob.address, file)
      assert.deepStrictEqual([code, stdout.toString()], [0, sha256(file)])
    })
  )

  it.live("breaks a pipe whose service is not there, tells so, and goes on", () =>
    Effect.gen(function* () {
      const path = yield* home
      const nowhere = `127.0.0.1:${yield* freePort}`
      const other = yield* listener(path, "--to", nowhere)
      for (const nth of [1, 2]) {
        // With nothing to send: a write under way can take the reset for itself, and leave an end to the reader.
        const refused = yield* (yield* peer(path, "alice", ["connect", "--json", ...onLoopback, other.address])).ended
        assert.strictEqual(refused.code, 1)
        const told = eventsOf(refused.stderr)
        assert.deepStrictEqual(
          told.map(({ event }) => event),
          ["ready", "connected", "closed", "failed"]
        )
        assert.include(["Reset", "Failed"], told[2]!.reason)
        const { problem } = yield* event(other, "problem", nth)
        assert.match(problem, new RegExp(`^tcp pipe open ${nowhere}: the connection was refused`))
      }
    })
  )

  it.live("tells of a broker it cannot reach, and listens all the same", () =>
    Effect.gen(function* () {
      const path = yield* home
      const broker = `mqtt://127.0.0.1:${yield* freePort}`
      const bob = yield* listener(path, "--echo", "--broker", broker)
      assert.include((yield* event(bob, "problem")).problem, `broker ${broker}: `)
      const { code, stdout } = yield* exchanged(path, "alice", bob.address, "hello")
      assert.deepStrictEqual([code, stdout.toString()], [0, "hello"])
    })
  )

  it.live("keeps its address in a file, and standard output for what the one pipe brings", () =>
    Effect.gen(function* () {
      const path = yield* home
      writeFileSync(`${path}/bob`, "an old address, longer than".repeat(100))
      const running = yield* peer(path, "bob", ["listen", ...onLoopback, "--name-file", `${path}/bob`])
      yield* running.complained(/this is/)
      assert.match(readFileSync(`${path}/bob`, "utf8"), /^p2p:[a-z2-7]+\n$/)
      assert.deepStrictEqual(readdirSync(path).toSorted(), ["bob", "bob.key"])
      running.child.stdin.end()
      const { code } = yield* exchanged(path, "alice", `@${path}/bob`, "all there is")
      assert.strictEqual(code, 0)
      const ended = yield* running.ended
      assert.deepStrictEqual([ended.code, ended.stdout.toString()], [0, "all there is"])
    })
  )

  it.live("without --echo or --to takes one pipe, and nobody else while it lasts", () =>
    Effect.gen(function* () {
      const path = yield* home
      const bob = yield* listener(path)
      const alice = yield* peer(path, "alice", ["connect", "--json", ...onLoopback, bob.address])
      alice.child.stdin.write("first")
      yield* bob.printed(/^first$/)
      const { code, stderr } = yield* exchanged(path, "carol", bob.address, "second")
      assert.strictEqual(code, 1)
      const failed = eventsOf(stderr).at(-1)!
      assert.isTrue(
        failed.attempts.some(({ reason }: any) => reason === "not-allowed"),
        stderr
      )
      bob.child.stdin.end("over")
      alice.child.stdin.end()
      const ended = yield* alice.ended
      assert.deepStrictEqual([ended.code, ended.stdout.toString()], [0, "over"])
      assert.deepStrictEqual([(yield* bob.ended).code, (yield* bob.ended).stdout.toString()], [0, "first"])
    })
  )

  it.live("ends with 1 where the peer vanishes in the middle", () =>
    Effect.gen(function* () {
      const path = yield* home
      const bob = yield* listener(path)
      const alice = yield* peer(path, "alice", ["connect", "--json", ...onLoopback, bob.address])
      alice.child.stdin.write("so far")
      yield* bob.printed(/^so far$/)
      alice.child.kill("SIGKILL")
      bob.child.stdin.write("anybody there?")
      const { code, stderr, stdout } = yield* bob.ended
      assert.deepStrictEqual([code, stdout.toString()], [1, "so far"], stderr)
      assert.include(stderr, '{"event":"failed","problem":')
    })
  )
})

describe.concurrent("p2p listen does not start", () => {
  const rows: ReadonlyArray<readonly [what: string, args: ReadonlyArray<string>, status: 1 | 2, says: RegExp]> = [
    [
      "on an interface that is not there",
      ["--interface", "eth99"],
      1,
      /no interface has that name; use one of these: \w+/
    ],
    [
      "where its address cannot be written",
      ["--name-file", "/no/such/folder/x"],
      1,
      /^cannot write .*: its folder does not exist$/
    ],
    [
      "without a broker where its address is to name nothing else",
      ["--publish", "brokers"],
      2,
      /needs one: name it by --broker/
    ],
    [
      "without a broker where it is only to dial back",
      ["--dial-back-only"],
      2,
      /only dials back is asked to by a broker: name one by --broker/
    ]
  ]
  for (const [what, args, status, says] of rows) {
    it.live(what, () =>
      Effect.gen(function* () {
        const path = yield* home
        const { code, stderr, stdout } = yield* (yield* peer(path, "bob", ["listen", "--json", ...args])).ended
        assert.deepStrictEqual([code, stdout.toString()], [status, ""])
        const [failed, ...rest] = eventsOf(stderr)
        assert.deepStrictEqual([failed!.event, failed!.attempts, rest], ["failed", [], []])
        assert.match(failed!.problem, says)
      })
    )
  }
})
