/** `p2p pipe` over TCP and TLS. See also pipeUdp.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import * as tls from "node:tls"
import { fileURLToPath } from "node:url"
import { echoPeer, listening, noise, p2p, peer, run, sha256, spawned, start } from "./command.ts"

const large = noise(5_000_000)

const quietly = { code: 0, signal: null, stderr: "" }

describe.concurrent("p2p pipe", () => {
  it.live("carries 5 MB to the peer and back without a change", () =>
    Effect.gen(function* () {
      const { destination } = yield* echoPeer
      const { stdout, ...rest } = yield* run(["pipe", destination], large)
      assert.deepStrictEqual(rest, quietly)
      assert.strictEqual(stdout.length, large.length)
      assert.strictEqual(sha256(stdout), sha256(large))
    })
  )

  it.live("passes the end of the input on, and goes on receiving; finds a name's second address", () =>
    Effect.gen(function* () {
      const { port } = yield* peer((socket) => {
        let length = 0
        socket.on("data", (bytes) => (length += bytes.length))
        socket.on("end", () => socket.end(`${length} bytes and an end\n`))
      })
      const { stdout, ...rest } = yield* run(["pipe", `localhost:${port}`], "question")
      assert.deepStrictEqual(rest, quietly)
      assert.strictEqual(stdout.toString(), "8 bytes and an end\n")
    })
  )

  it.live("needs no standard input", () =>
    Effect.gen(function* () {
      const { destination } = yield* peer((socket) => socket.on("end", () => socket.end("answer")).resume())
      const { ended } = yield* spawned("sh", ["-c", `exec "$0" pipe ${destination} <&-`, p2p])
      const { stdout, ...rest } = yield* ended
      assert.deepStrictEqual([stdout.toString(), rest], ["answer", quietly])
    })
  )

  it.live("hands on what comes at once, and ends when the peer does, while standard input is still open", () =>
    Effect.gen(function* () {
      const { destination } = yield* peer((socket) =>
        socket.on("data", (bytes) => (bytes.includes("bye") ? socket.end("bye\n") : socket.write(bytes)))
      )
      const { child, ended, printed } = yield* start(["pipe", destination])
      child.stdin.write("one\n")
      yield* printed(/^one\n$/)
      child.stdin.write("two\n")
      yield* printed(/^one\ntwo\n$/)
      child.stdin.write("bye\n")
      const { stdout, ...rest } = yield* ended
      assert.deepStrictEqual([stdout.toString(), rest], ["one\ntwo\nbye\n", quietly])
    })
  )

  it.live("sends all of its input to a peer that has said all it has to say", () =>
    Effect.gen(function* () {
      const got = yield* Deferred.make<string>()
      const { destination } = yield* peer((socket) => {
        const chunks: Array<Buffer> = []
        socket.end("I am listening, when I have time")
        // Longer than the command waits for input once the peer has ended: this wait is for the peer.
        socket.pause()
        setTimeout(() => socket.resume(), 2_500)
        socket.on("data", (chunk: Buffer) => chunks.push(chunk))
        socket.on("end", () => Deferred.doneUnsafe(got, Effect.succeed(sha256(Buffer.concat(chunks)))))
      })
      const { child, ended, printed } = yield* start(["pipe", destination])
      yield* printed(/^I am listening, when I have time$/)
      child.stdin.end(large)
      const { stdout, ...rest } = yield* ended
      assert.deepStrictEqual([stdout.toString(), rest], ["I am listening, when I have time", quietly])
      assert.strictEqual(yield* Deferred.await(got), sha256(large))
    })
  )

  it.live("ends quietly, and the connection with it, when nobody reads standard output any more", () =>
    Effect.gen(function* () {
      const left = yield* Deferred.make<void>()
      const { destination } = yield* peer((socket) => {
        const block = new Uint8Array(65_536)
        const more = () => {
          while (socket.writable && socket.write(block));
        }
        socket.on("drain", more).on("close", () => Deferred.doneUnsafe(left, Effect.void))
        more()
      })
      const { child, ended } = yield* start(["pipe", destination])
      child.stdout.once("data", () => child.stdout.destroy())
      const { code, signal, stderr } = yield* ended
      assert.deepStrictEqual({ code, signal, stderr }, quietly)
      yield* Deferred.await(left)
    })
  )

  it.live("under head ends like any other command", () =>
    Effect.gen(function* () {
      const { destination } = yield* peer((socket) => {
        const block = Buffer.alloc(65_536, "x")
        const more = () => {
          while (socket.writable && socket.write(block));
        }
        socket.on("drain", more)
        more()
      })
      const { ended } = yield* spawned("bash", [
        "-c",
        `"$0" pipe ${destination} | head -c 10; echo " \${PIPESTATUS[0]}"`,
        p2p
      ])
      const { stdout, ...rest } = yield* ended
      assert.deepStrictEqual([stdout.toString(), rest], ["xxxxxxxxxx 0\n", quietly])
    })
  )

  it.live("fails when the peer drops the connection, after printing what came", () =>
    Effect.gen(function* () {
      const { destination } = yield* peer((socket) => {
        socket.write("so far", () => socket.once("data", () => socket.resetAndDestroy()))
      })
      const { child, ended, printed } = yield* start(["pipe", destination])
      yield* printed(/^so far$/)
      child.stdin.write("go")
      const { code, stderr, stdout } = yield* ended
      assert.match(stderr, /^p2p: tcp pipe \w+ \S+ -> \S+: the peer reset the connection[^\n]*\n$/)
      assert.deepStrictEqual([stdout.toString(), code], ["so far", 1])
    })
  )

  it.live("at SIGINT closes the connection and ends with 130", () =>
    Effect.gen(function* () {
      const left = yield* Deferred.make<void>()
      const { destination } = yield* peer((socket) => {
        socket.write("hello")
        socket.resume().on("end", () => Deferred.doneUnsafe(left, Effect.void))
      })
      const { child, ended, printed } = yield* start(["pipe", destination])
      yield* printed(/^hello$/)
      child.kill("SIGINT")
      yield* Deferred.await(left)
      const { code, signal, stderr } = yield* ended
      assert.deepStrictEqual([stderr, code, signal], ["", 130, null])
    })
  )
})

describe.concurrent("p2p pipe --tls", () => {
  const file = (name: string) => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))
  const secured = Effect.suspend(() =>
    listening(
      tls.createServer({ cert: readFileSync(file("server.pem")), key: readFileSync(file("server.key")) }, (socket) => {
        socket.on("error", () => {}).pipe(socket)
      })
    )
  )

  it.live("refuses a certificate nobody vouches for", () =>
    Effect.gen(function* () {
      const { destination } = yield* secured
      const { code, stderr, stdout } = yield* run(["pipe", "--tls", destination], "secret")
      assert.match(
        stderr,
        new RegExp(
          `^p2p: tcp pipe open [^\n]*${destination}[^\n]*: the TLS handshake failed \\([A-Z_]+\\); unable to verify the first certificate[^\n]*\n$`
        )
      )
      assert.deepStrictEqual([stdout.toString(), code], ["", 1])
    })
  )

  it.live("trusts what NODE_EXTRA_CA_CERTS adds", () =>
    Effect.gen(function* () {
      const { destination } = yield* secured
      const { stdout, ...rest } = yield* run(["pipe", "--tls", destination], large.subarray(0, 500_000), {
        NODE_EXTRA_CA_CERTS: file("authority.pem")
      })
      assert.deepStrictEqual(rest, quietly)
      assert.strictEqual(sha256(stdout), sha256(large.subarray(0, 500_000)))
    })
  )

  it.live("says so when the peer speaks no TLS", () =>
    Effect.gen(function* () {
      const { destination } = yield* peer((socket) => socket.end("220 hello\r\n"))
      const { code, stderr } = yield* run(["pipe", "--tls", destination])
      assert.match(stderr, /^p2p: tcp pipe open [^\n]*: the TLS handshake failed [^\n]*wrong version number[^\n]*\n$/)
      assert.strictEqual(code, 1)
    })
  )
})
