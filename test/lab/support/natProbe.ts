/**
 * Measures again and again, run inside a host's namespace: each line of standard input, a number and STUN servers, is answered with
 * one line of JSON, the summaries of so many measurements.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createInterface } from "node:readline"
import * as NatDetectorLayer from "../../../src/layers/NatDetector.ts"
import * as NodeP2P from "../../../src/layers/node/NodeP2P.ts"
import { summary } from "../../../src/protocols/natprofile/summary.ts"
import { NatDetector } from "../../../src/services/NatDetector.ts"
import { serverAt } from "../../layers/natdetector/kit.ts"

const layer = NatDetectorLayer.layer.pipe(
  Layer.provide(Layer.mergeAll(NodeP2P.layerSockets, SecureRandom.layerWebCrypto))
)

const main = Effect.gen(function* () {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const line = yield* Effect.promise(() => lines.next())
    if (line.done === true) return
    const [count, ...addresses] = line.value.split(" ")
    const servers = addresses.map((address: string) => serverAt(address, address))
    const measured = yield* Effect.forEach(Array.from({ length: Number(count) }), () =>
      Effect.map(
        NatDetector.use((detector) => detector.detect({ servers })),
        ({ profiles }) => profiles.map(summary)
      )
    )
    process.stdout.write(`${JSON.stringify(measured)}\n`)
  }
})

await Effect.runPromise(Effect.provide(main, layer))
