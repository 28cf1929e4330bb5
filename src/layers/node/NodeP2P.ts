/**
 * Everything on the real network, in one layer.
 */
import * as NodeDns from "@effect/platform-node/NodeDns"
import * as Layer from "effect/Layer"
import type { Dns } from "effect/net/Dns"
import type { Interfaces } from "../../services/Interfaces.ts"
import type { Pipes } from "../../services/Pipes.ts"
import type { Tcp } from "../../services/Tcp.ts"
import type { Tls } from "../../services/Tls.ts"
import type { Udp } from "../../services/Udp.ts"
import * as PipesLayer from "../Pipes.ts"
import * as NodeInterfaces from "./Interfaces.ts"
import * as NativeSockets from "./NativeSockets.ts"
import * as NodeTcp from "./Tcp.ts"
import * as NodeTls from "./Tls.ts"
import * as NodeUdp from "./Udp.ts"

/** Sockets, TLS, names and interfaces of this machine; native socket options where `koffi` is installed. */
export const layerSockets: Layer.Layer<Tcp | Udp | Tls | Dns | Interfaces> = Layer.mergeAll(
  NodeTcp.layer.pipe(Layer.provide(NativeSockets.layerAuto)),
  NodeUdp.layer.pipe(Layer.provide(NativeSockets.layerAuto)),
  NodeTls.layer,
  NodeDns.layer,
  NodeInterfaces.layer
)

/** The same with pipes on top. */
export const layer: Layer.Layer<Tcp | Udp | Tls | Dns | Interfaces | Pipes> = PipesLayer.layer.pipe(
  Layer.provideMerge(layerSockets)
)
