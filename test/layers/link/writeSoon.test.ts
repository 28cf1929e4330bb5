import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeSoon } from "../../../src/layers/link/writeSoon.ts"
import type { TcpConnection } from "../../../src/services/Tcp.ts"
import { bytes, dial, listen, read } from "../../shared/tcpHelpers.ts"
import { failureOf, leavingNothing, testIn } from "../../shared/World.ts"
import { disguised } from "../../support/disguised.ts"
import { realWorld } from "../../support/realWorld.ts"
import { simulatedWorld } from "../simulated/simulatedWorld.ts"

const text = (chunks: ReadonlyArray<Uint8Array>) => chunks.map((chunk) => new TextDecoder().decode(chunk))

const same = (connection: TcpConnection) => connection

for (const [world, kind, as] of [
  [realWorld, "real sockets", same],
  [realWorld, "foreign connections", disguised],
  [simulatedWorld, "simulated connections", same]
] as const) {
  const test = testIn(world)
  describe(`writing soon on ${kind}`, () => {
    test("what is written next comes behind it; alone it leaves by itself", (hosts) =>
      Effect.gen(function* () {
        const listener = yield* listen(hosts.server, "IPv4")
        const near = as(yield* dial(hosts.client, listener.local))
        const far = yield* listener.accept
        yield* Effect.andThen(writeSoon(near, bytes("go")), near.write(bytes("hello")))
        if (world === realWorld && as === same) assert.deepStrictEqual(text(yield* far.pull), ["gohello"])
        else assert.strictEqual(yield* read(far, 7), "gohello")
        yield* writeSoon(near, bytes("alone"))
        assert.strictEqual(yield* read(far, 5), "alone")
        yield* writeSoon(near, bytes("last"))
        yield* near.close
        assert.strictEqual(yield* read(far), "last")
        assert.strictEqual((yield* failureOf(writeSoon(near, bytes("more")))).reason.kind, "Closed")
      }).pipe(leavingNothing(hosts)))
  })
}
