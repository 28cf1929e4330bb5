/**
 * What is no peer, and links that break: the same on any network, encrypted or not.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { TcpConnection } from "../../src/services/Tcp.ts"
import { disguised } from "../support/disguised.ts"
import {
  both,
  connected,
  ended,
  errorOf,
  failed,
  ids,
  peer,
  type Security,
  type Setting,
  settingIn
} from "./linkKit.ts"
import { bytes } from "./tcpHelpers.ts"
import { failureOf, type World } from "./World.ts"

const garbage = {
  "a mail server": "220 mail.test ready\r\n",
  "a web client": "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  zeros: "\0".repeat(100),
  "one letter": "x"
}

/** The same connection, where the last byte of whatever comes in is another one. */
const altering = (connection: TcpConnection): TcpConnection => ({
  ...disguised(connection),
  pull: Effect.map(connection.pull, (chunks) =>
    chunks.map((chunk) => {
      const copy = Uint8Array.from(chunk)
      copy[copy.length - 1]! ^= 1
      return copy
    })
  )
})

/** Between two steps an interruption can fall. */
const steps = [Effect.yieldNow, Effect.sleep("0.1 millis")]

export const linkFailureTests = (world: World, security: Security, other: Security): void => {
  const test = settingIn(world, security)
  const { protection } = security

  for (const op of ["client", "server"] as const) {
    const secure = ({ alice }: Setting, connection: TcpConnection, timeout?: "60 millis") =>
      op === "client" ? alice.client(connection, { expect: ids.bob, timeout }) : alice.server(connection, { timeout })
    const opposite = ({ bob }: Setting, connection: TcpConnection) =>
      op === "client" ? bob.server(connection) : bob.client(connection, { expect: ids.alice })

    describe(`a ${op} of links, ${protection} (${world.name})`, () => {
      test("silence ends in time, and the connection with it", (made) =>
        Effect.gen(function* () {
          const error = yield* failureOf(secure(made, made.near, "60 millis"))
          failed(error, op, "Network")
          assert.strictEqual(error.kind, "TimedOut")
          assert.include(error.message, "no proof came in 60ms")
          yield* ended(made.far)
        }))

      for (const [name, text] of Object.entries(garbage)) {
        test(`${name} proves nothing`, (made) =>
          Effect.gen(function* () {
            yield* made.far.write(bytes(text))
            // OpenSSL waits for a whole header before it says what it thinks of one letter.
            const short = text.length < 5 && protection === "tls1.3"
            if (short) yield* made.far.end
            const error = yield* failureOf(secure(made, made.near))
            failed(error, op, short ? "Network" : "Untrusted")
            yield* ended(made.far)
          }))
      }

      test("an echo proves nothing", (made) =>
        Effect.gen(function* () {
          if (op === "server") yield* made.far.write(bytes("hello?"))
          yield* Effect.forkChild(
            Effect.ignore(Effect.forever(Effect.flatMap(made.far.pull, (chunks) => made.far.writeAll(chunks)))),
            { startImmediately: true }
          )
          failed(yield* failureOf(secure(made, made.near)), op, "Untrusted")
        }))

      test("who leaves before, in the middle or by a reset is the network's failure", (made, hosts) =>
        Effect.gen(function* () {
          yield* made.far.close
          const early = yield* failureOf(secure(made, made.near))
          failed(early, op, "Network")
          assert.include(early.message, "the other side ended it during the handshake")

          const middle = yield* connected(hosts)
          const first: Effect.Effect<unknown, unknown> = op === "client" ? middle.far.pull : Effect.void
          const half = Effect.andThen(first, middle.far.close)
          const { client } = yield* both(secure(made, middle.near), half)
          failed(errorOf(client), op, "Network")

          const third = yield* connected(hosts)
          yield* third.far.reset
          // Wait until it is known here.
          yield* third.near.closed
          const reset = yield* failureOf(secure(made, third.near))
          failed(reset, op, "Network")
          assert.strictEqual(reset.kind, "Reset")
        }))

      test("what is altered on the way is no proof", (made) =>
        Effect.gen(function* () {
          const { client, server } = yield* both(secure(made, altering(made.near)), opposite(made, made.far))
          // Who sees it first leaves, and the other may only see that.
          assert.include([errorOf(client).reason, errorOf(server).reason], "Untrusted")
        }))

      test("interrupted at every stage, nothing stays open", (made, hosts) =>
        Effect.gen(function* () {
          let done = 0
          for (const step of steps) {
            for (let count = 0; count <= 24; count++) {
              const { far, near } = yield* connected(hosts)
              const securing = Effect.scoped(
                Effect.andThen(
                  Effect.tap(secure(made, near), () => Effect.sync(() => done++)),
                  Effect.never
                )
              )
              const theirs = yield* Effect.forkChild(Effect.scoped(Effect.result(opposite(made, far))), {
                startImmediately: true
              })
              const ours = yield* Effect.forkChild(securing, { startImmediately: true })
              for (let at = 0; at < count; at++) yield* step
              yield* Fiber.interrupt(ours)
              // The other side hears of it: it does not wait for its own limit.
              yield* Fiber.join(theirs)
            }
          }
          // Else all interruptions fell before it was done.
          assert.isAbove(done, 0)
          assert.isBelow(done, 50)
        }))
    })
  }

  for (const op of ["client", "server"] as const) {
    test(`a ${op} with ${protection} and a peer with ${other.protection} tell each other apart (${world.name})`, (made) =>
      Effect.gen(function* () {
        const bob = yield* peer(other, "bob")
        const { far, near } = made
        const { client: ours, server: theirs } = yield* both(
          op === "client" ? made.alice.client(near, { expect: ids.bob }) : made.alice.server(near),
          op === "client" ? bob.server(far) : bob.client(far, { expect: ids.alice })
        )
        for (const error of [errorOf(ours), errorOf(theirs)]) {
          assert.strictEqual(error.reason, "Untrusted", error.message)
          assert.match(
            error.message,
            /plaintext links.* must be chosen on both sides|TLS.* on both sides or on neither/
          )
        }
      }))
  }
}
