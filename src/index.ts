/**
 * The public face: one namespace for each module. Deep imports (`effect-p2p/services/Tcp`) load only what they name.
 */
export * as Interfaces from "./services/Interfaces.ts"
export * as NetFailure from "./services/NetFailure.ts"
export * as Pipe from "./services/Pipe.ts"
export * as Pipes from "./services/Pipes.ts"
export * as Tcp from "./services/Tcp.ts"
export * as Tls from "./services/Tls.ts"
export * as Udp from "./services/Udp.ts"

export * as NetKind from "./schemas/NetKind.ts"
export * as NatDevice from "./schemas/NatDevice.ts"
export * as NetworkInterface from "./schemas/NetworkInterface.ts"
export * as World from "./schemas/World.ts"

export * as NatDevices from "./protocols/nat/devices/devices.ts"
export * as Trace from "./protocols/trace/Trace.ts"

export * as InterfacesLayer from "./layers/Interfaces.ts"
export * as NoTls from "./layers/NoTls.ts"
export * as PipesLayer from "./layers/Pipes.ts"

export * as Outside from "./layers/simulated/Outside.ts"
export * as SimulatedWorld from "./layers/simulated/SimulatedWorld.ts"
export * as SimulationError from "./layers/simulated/SimulationError.ts"

export * as NativeSockets from "./layers/node/NativeSockets.ts"
export * as NodeDuplex from "./layers/node/Duplex.ts"
export * as NodeInterfaces from "./layers/node/Interfaces.ts"
export * as NodeP2P from "./layers/node/NodeP2P.ts"
export * as NodeTcp from "./layers/node/Tcp.ts"
export * as NodeTls from "./layers/node/Tls.ts"
export * as NodeUdp from "./layers/node/Udp.ts"

export * as Daemon from "./servers/Daemon.ts"
export * as EchoServer from "./servers/EchoServer.ts"
