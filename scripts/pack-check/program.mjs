// Runs, and is type-checked, in a project where only the packed package is installed.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as P2P from "effect-p2p"
import * as Tcp from "effect-p2p/services/Tcp"
import assert from "node:assert/strict"

assert.equal(P2P.Tcp.Tcp, Tcp.Tcp, "the barrel and the deep import give the same service")
const closed = "effect-p2p/cli/bin"
await assert.rejects(import(closed), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" })

const echoed = await Effect.runPromise(
  Effect.gen(function* () {
    const pipes = yield* P2P.Pipes.Pipes
    const daemon = yield* P2P.EchoServer.serve({ on: "loopback" })
    return yield* Effect.forEach(daemon.servers, (server) =>
      Effect.gen(function* () {
        const pipe = yield* pipes.open({ transport: server.transport, destination: server.local })
        yield* pipe.send("packed")
        return (yield* pipe.receive({ timeout: "5 seconds" })).text
      })
    )
  }).pipe(Effect.scoped, Effect.provide(P2P.NodeP2P.layer))
)
assert.ok(echoed.length >= 2 && echoed.every((text) => text === "packed"), echoed.join())

const peer = Effect.suspend(() => Layer.build(Layer.fresh(P2P.NodePeer.layer({ identity: "memory" }))))
const said = await Effect.runPromise(
  Effect.gen(function* () {
    const bob = yield* Effect.provide(P2P.Peer.Peer, yield* peer)
    const alice = yield* Effect.provide(P2P.Peer.Peer, yield* peer)
    const pipe = yield* alice.connect(yield* bob.addressText)
    yield* pipe.send("packed")
    return (yield* (yield* bob.accept()).receive({ timeout: "5 seconds" })).text
  }).pipe(Effect.scoped)
)
assert.equal(said, "packed")

console.log(`program: ${Object.keys(P2P).length} modules exported, ${echoed.length} echoes, a peer reached`)
