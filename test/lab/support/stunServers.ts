/**
 * The servers of the NAT lab, run inside its outside namespace: ours with two addresses, and a plain one; without limits, as all
 * measurements come from one address. Says `ready` in one line of JSON and serves until its standard input ends.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeP2P from "../../../src/layers/node/NodeP2P.ts"
import * as StunServer from "../../../src/servers/StunServer.ts"
import { FULL, PLAIN } from "./natNetwork.ts"

const ip = NetAddress.ipFromStringUnsafe
const any = { perSecond: 1e6, burst: 1e6 }
const limits = {
  answers: { each: any, total: any },
  probes: { each: any, total: any, atOnce: { each: 1000, total: 1000 } }
}

const serve = Effect.gen(function* () {
  yield* StunServer.serve({ address: ip(FULL[0]), alternate: { address: ip(FULL[1]) }, probeBack: true, limits })
  yield* StunServer.serve({ address: ip(PLAIN), limits })
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

await Effect.runPromise(serve.pipe(Effect.scoped, Effect.provide(NodeP2P.layerSockets)))
