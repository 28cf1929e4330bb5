/** The detector on this machine's own sockets, where nothing is in the way: also where a listener must come after the dials. */
import { assert, describe, it } from "@effect/vitest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NatDetectorLayer from "../../../src/layers/NatDetector.ts"
import * as NativeSockets from "../../../src/layers/node/NativeSockets.ts"
import * as NodeP2P from "../../../src/layers/node/NodeP2P.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import { classicName } from "../../../src/protocols/natprofile/names.ts"
import { serve } from "../../../src/servers/StunServer.ts"
import { NatDetector } from "../../../src/services/NatDetector.ts"
import { openSockets } from "../../support/realWorld.ts"
import { ip } from "../simulated/kit.ts"

const detector = (sockets: typeof NodeP2P.layerSockets) =>
  NatDetectorLayer.layer.pipe(Layer.provide(Layer.mergeAll(sockets, SecureRandom.layerWebCrypto)))

/** Reservations as on systems that cannot share a bound socket, and no device to bind to, which would share as well. */
const unshared = Layer.mergeAll(
  NodeP2P.layerSockets,
  NodeTcp.layerWith({ boundSocket: false }).pipe(Layer.provide(NativeSockets.layerNone))
)

/** Our server on loopback, and what to ask it with. */
const asked = Effect.map(
  serve({ address: ip("127.0.0.1"), port: 0, alternate: { address: ip("127.0.0.2") }, probeBack: true }),
  ({ endpoint }) => ({
    servers: [{ id: "own", endpoint, udp: true, tcp: true, probeBack: true }],
    interfaces: ["lo"],
    families: ["IPv4" as const]
  })
)

/** The server's ends of connections go when it has read that the others went. */
const onlyThese = (count: number) =>
  Effect.repeat(Effect.sleep("10 millis"), { while: () => Effect.succeed(openSockets() > count) }).pipe(
    Effect.timeout("5 seconds"),
    Effect.andThen(Effect.sync(() => assert.strictEqual(openSockets(), count)))
  )

describe("NatDetector on this machine", () => {
  for (const [words, sockets] of [
    ["where ports are shared", NodeP2P.layerSockets],
    ["where dials come before the listener", unshared]
  ] as const) {
    it.live(`finds nothing in the way, ${words}`, () =>
      Effect.gen(function* () {
        const options = yield* asked
        const before = openSockets()
        const { problems, profiles } = yield* NatDetector.use((each) => each.detect(options)).pipe(
          Effect.provide(detector(sockets))
        )
        assert.deepStrictEqual(problems, [])
        for (const profile of profiles) {
          const name = classicName(profile)
          assert.strictEqual(name._tag === "Known" ? name.value : name.detail, "open-internet", profile.transport)
        }
        yield* onlyThese(before)
      }).pipe(Effect.scoped, Effect.provide(NodeP2P.layerSockets))
    )
  }

  it.live("leaves no descriptor open when it is interrupted", () =>
    Effect.gen(function* () {
      const options = yield* asked
      const before = openSockets()
      for (const after of [1, 20, 60, 120, 250]) {
        const fiber = yield* Effect.forkChild(
          NatDetector.use((each) => each.detect(options)).pipe(Effect.provide(detector(NodeP2P.layerSockets)))
        )
        yield* Effect.sleep(after)
        yield* Fiber.interrupt(fiber)
      }
      yield* onlyThese(before)
    }).pipe(Effect.scoped, Effect.provide(NodeP2P.layerSockets))
  )
})
