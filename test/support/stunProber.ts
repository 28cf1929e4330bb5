/**
 * The program of the tests on probing back, run inside a namespace: `ADDRESS SERVER`. Connects to the server from a port of the
 * address that listens as well. Each line of standard input, `other` or `other-port`, asks for six probes at once; answered
 * with one line of JSON: what the server reports, each result once, and from where connections with the right greeting came.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { createInterface } from "node:readline"
import * as NativeSockets from "../../src/layers/node/NativeSockets.ts"
import * as NodeTcp from "../../src/layers/node/Tcp.ts"
import { Deframer } from "../../src/protocols/stun/Deframer.ts"
import { decode } from "../../src/protocols/stun/decode.ts"
import { probeRequest, readGreeting, readReport } from "../../src/protocols/stun/probeBack.ts"
import { Tcp, type TcpConnection } from "../../src/services/Tcp.ts"

const [own = "", server = ""] = process.argv.slice(2)

/** The next message on a connection. */
const frames = (connection: TcpConnection) => {
  const deframer = new Deframer()
  const next: Effect.Effect<Uint8Array, unknown> = Effect.suspend(() => {
    const frame = deframer.next()
    if (frame?._tag === "Message") return Effect.succeed(frame.bytes)
    if (frame !== undefined) return Effect.fail(frame)
    return Effect.flatMap(connection.pull, (chunks) => {
      for (const chunk of chunks) deframer.push(chunk)
      return next
    })
  })
  return next
}

const main = Effect.gen(function* () {
  const port = yield* (yield* Tcp).reserve({ address: NetAddress.ipFromStringUnsafe(own) })
  const listener = yield* port.listen()
  const connection = yield* port.dial({ remote: NetAddress.inetAddressFromStringUnsafe(server) })
  const next = frames(connection)
  const greeted = new Map<string, string>()
  yield* Effect.forkScoped(
    Effect.forever(
      Effect.gen(function* () {
        const accepted = yield* listener.accept
        const { nonce } = yield* Effect.fromResult(readGreeting(yield* frames(accepted)))
        greeted.set(nonce.join(), NetAddress.formatIp(accepted.remote.address))
        yield* accepted.close
      })
    )
  )
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  let count = 0
  for (;;) {
    const { done, value } = yield* Effect.promise(() => lines.next())
    if (done === true) return
    const change = { address: value === "other", port: true }
    const nonces = Array.from({ length: 6 }, () => new Uint8Array(8).fill(++count))
    yield* connection.writeAll(
      nonces.map((nonce) => Result.getOrThrow(probeRequest(new Uint8Array(12).fill(nonce[0]!), { change, nonce })))
    )
    const told = new Set<string>()
    const from = new Set<string>()
    for (let reports = 0; reports < nonces.length; reports++) {
      const response = yield* Effect.fromResult(decode(yield* next))
      const report = yield* Effect.fromResult(readReport(response))
      told.add(report._tag === "Reported" ? report.result : `error ${report.code}`)
      if (report._tag !== "Reported" || report.result !== "connected") continue
      // The greeting was sent before the report, on another connection.
      const nonce = new Uint8Array(8).fill(response.transactionId[0]!).join()
      while (!greeted.has(nonce)) yield* Effect.sleep("5 millis")
      from.add(greeted.get(nonce)!)
    }
    process.stdout.write(`${JSON.stringify({ told: [...told].toSorted(), from: [...from] })}\n`)
  }
}).pipe(Effect.scoped, Effect.timeout("20 seconds"))

const layer = NodeTcp.layer.pipe(Layer.provide(NativeSockets.layerNone))

await Effect.runPromise(Effect.provide(main, layer))
