/**
 * TLS by `node:tls`: the bodies of `test/shared` on the real network, over Node's own connections and over any other.
 */
import * as NodeDns from "@effect/platform-node/NodeDns"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PipesLayer from "../../../src/layers/Pipes.ts"
import * as NodeInterfaces from "../../../src/layers/node/Interfaces.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import * as NodeTls from "../../../src/layers/node/Tls.ts"
import * as NodeUdp from "../../../src/layers/node/Udp.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { pipeTlsTests } from "../../shared/pipeTls.ts"
import { disguised } from "../../support/disguised.ts"
import { realWorld, worldOf } from "../../support/realWorld.ts"

pipeTlsTests(realWorld)

const disguisedTcp = Layer.effect(
  Tcp,
  Effect.map(Tcp, (tcp) =>
    Tcp.of({
      ...tcp,
      dial: (options) => Effect.map(tcp.dial(options), disguised),
      listen: (options) =>
        Effect.map(tcp.listen(options), (listener) => ({
          ...listener,
          local: listener.local,
          close: listener.close,
          accept: Effect.map(listener.accept, disguised)
        }))
    })
  )
).pipe(Layer.provide(NodeTcp.layer))

pipeTlsTests(
  worldOf(
    "connections of another kind",
    PipesLayer.layer.pipe(
      Layer.provideMerge(
        Layer.mergeAll(disguisedTcp, NodeUdp.layer, NodeTls.layer, NodeDns.layer, NodeInterfaces.layer)
      )
    )
  )
)
