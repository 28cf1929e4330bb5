/** Names lead nowhere they should not, whatever is spoken there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { once } from "node:events"
import * as net from "node:net"
import { open } from "../../../src/layers/mqtt/stream.ts"
import { parse } from "../../../src/protocols/mqtt/brokerUri.ts"

const server = Effect.acquireRelease(
  Effect.promise(async () => {
    const made = net.createServer((socket) => socket.on("error", () => {}).destroy()).listen(0, "127.0.0.1")
    await once(made, "listening")
    return made
  }),
  (made) => Effect.promise(() => once(made.close(), "close"))
)

describe("a name", () => {
  it.live("that does not exist is an error of the stream", () =>
    Effect.gen(function* () {
      const broker = Result.getOrThrow(parse("mqtt://nowhere.invalid"))
      const [error] = yield* Effect.promise(() =>
        once(
          open(broker, undefined, () => undefined),
          "error"
        )
      )
      assert.match(String(error), /ENOTFOUND|EAI_AGAIN/)
    })
  )

  for (const scheme of ["mqtt", "mqtts", "ws", "wss"]) {
    it.live(`is judged by its addresses before anything connects to them by ${scheme}`, () =>
      Effect.gen(function* () {
        const listening = yield* server
        let connections = 0
        listening.on("connection", () => connections++)
        const { port } = listening.address() as net.AddressInfo
        const broker = Result.getOrThrow(parse(`${scheme}://localhost:${port}`))
        const seen: Array<string> = []
        const judge = (address: string) => (seen.push(address), `not to ${address}`)
        const [error] = yield* Effect.promise(() => once(open(broker, undefined, judge), "error"))
        assert.match(String(error), /localhost leads where it should not: not to (?:127\.0\.0\.1|::1)/)
        assert.include(seen, "127.0.0.1")
        assert.strictEqual(connections, 0)
        const met = once(listening, "connection")
        const good = open(broker, undefined, (address) => (address === "127.0.0.1" ? undefined : "no")).on(
          "error",
          () => {}
        )
        yield* Effect.promise(() => met)
        good.destroy()
      })
    )
  }
})
