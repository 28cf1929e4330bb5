/** `p2p pipe --udp`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as dgram from "node:dgram"
import { freePort } from "../servers/support.ts"
import { noise, run, start } from "./command.ts"

/** A UDP socket that does this with every datagram. Gives its endpoint. */
const peer = (answer: (bytes: Buffer, reply: (bytes: Uint8Array | string) => void) => void) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<dgram.Socket>((resume) => {
        const socket = dgram.createSocket("udp4")
        let open = true
        socket.on("close", () => (open = false))
        socket.on("message", (bytes, { address, port }) =>
          answer(bytes, (reply) => {
            if (open) socket.send(reply, port, address)
          })
        )
        socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.close())
    ),
    (socket) => `127.0.0.1:${socket.address().port}`
  )

describe.concurrent("p2p pipe --udp", () => {
  it.live("cuts its input into datagrams that pass everywhere, and prints what comes back", () =>
    Effect.gen(function* () {
      const lengths: Array<number> = []
      const destination = yield* peer((bytes, reply) => {
        lengths.push(bytes.length)
        reply(bytes)
      })
      const input = noise(10_000)
      const { code, stderr, stdout } = yield* run(["pipe", "--udp", destination], input)
      assert.deepStrictEqual([stderr, code], ["", 0])
      assert.deepStrictEqual(new Uint8Array(stdout), input)
      assert.isAtMost(Math.max(...lengths), 1200)
      assert.strictEqual(
        lengths.reduce((sum, length) => sum + length, 0),
        input.length
      )
    })
  )

  it.live("goes on while answers come, and a little longer", () =>
    Effect.gen(function* () {
      const destination = yield* peer((_, reply) => {
        let left = 6
        const timer = setInterval(() => {
          reply(`${left}\n`)
          if (--left === 0) clearInterval(timer)
        }, 250)
      })
      const { code, stderr, stdout } = yield* run(["pipe", "--udp", destination], "go")
      assert.deepStrictEqual([stdout.toString(), stderr, code], ["6\n5\n4\n3\n2\n1\n", "", 0])
    })
  )

  it.live("fails when the network says that nobody is there", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const { child, ended } = yield* start(["pipe", "--udp", `127.0.0.1:${port}`])
      child.stdin.write("hello?")
      const { code, stderr, stdout } = yield* ended
      assert.match(
        stderr,
        new RegExp(`^p2p: udp pipe \\w+ \\S+ -> 127\\.0\\.0\\.1:${port}: the connection was refused [^\n]*\n$`)
      )
      assert.deepStrictEqual([stdout.toString(), code], ["", 1])
    })
  )
})
