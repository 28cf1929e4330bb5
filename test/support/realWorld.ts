/**
 * The real network as a world for the shared tests: this machine's loopback and its clock.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as fs from "node:fs"
import * as os from "node:os"
import * as PipesLayer from "../../src/layers/Pipes.ts"
import * as NativeSockets from "../../src/layers/node/NativeSockets.ts"
import * as NodeInterfaces from "../../src/layers/node/Interfaces.ts"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import * as NodeTcp from "../../src/layers/node/Tcp.ts"
import * as NodeTls from "../../src/layers/node/Tls.ts"
import * as NodeUdp from "../../src/layers/node/Udp.ts"
import * as NodeDns from "@effect/platform-node/NodeDns"
import type { Host, Services, World } from "../shared/World.ts"

const loopback = { IPv4: NetAddress.ipFromStringUnsafe("127.0.0.1"), IPv6: NetAddress.ipFromStringUnsafe("::1") }

/** Whether this machine has IPv6 on its loopback; without it, half of the tests are left out and say so. */
const hasIpv6 = Object.values(os.networkInterfaces()).some((entries) =>
  entries?.some(({ address }) => address === "::1")
)
if (!hasIpv6) console.log("skipped: tests over IPv6 (this machine has no ::1)")

/** Descriptors of this process that are sockets. */
export const openSockets = (): number => {
  let count = 0
  for (const fd of fs.readdirSync("/proc/self/fd")) {
    try {
      if (fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:")) count++
    } catch {
      // The descriptor that read the directory is gone by now.
    }
  }
  return count
}

export const worldOf = (name: string, layer: Layer.Layer<Services>): World => ({
  name,
  families: hasIpv6 ? ["IPv4", "IPv6"] : ["IPv4"],
  virtualTime: false,
  run: (body, signal) =>
    Effect.gen(function* () {
      const services = yield* Layer.build(layer)
      const host: Host = { name: "localhost", address: (family) => loopback[family], on: Effect.provide(services) }
      return yield* body({ server: host, client: host, openSockets })
    }).pipe(Effect.scoped, (effect) => Effect.runPromise(effect, { signal }))
})

/** As most programs have it: native socket options where `koffi` is installed. */
export const realWorld: World = worldOf("real sockets", NodeP2P.layer)

/** With what plain Node can do: no native socket options. */
export const plainWorld: World = worldOf(
  "real sockets, nothing native",
  PipesLayer.layer.pipe(
    Layer.provideMerge(
      Layer.mergeAll(NodeTcp.layer, NodeUdp.layer, NodeTls.layer, NodeDns.layer, NodeInterfaces.layer).pipe(
        Layer.provide(NativeSockets.layerNone)
      )
    )
  )
)

/** What Node before 24.19, Windows and macOS can do: no bound socket to share a reserved port by. */
export const unsharedWorld: World = worldOf(
  "real sockets, no bound ones",
  PipesLayer.layer.pipe(
    Layer.provideMerge(
      Layer.mergeAll(
        NodeTcp.layerWith({ boundSocket: false }).pipe(Layer.provide(NativeSockets.layerNone)),
        NodeUdp.layer,
        NodeTls.layer,
        NodeDns.layer,
        NodeInterfaces.layer
      )
    )
  )
)
