/**
 * The sockets a broker listens on: TCP, and WebSockets over HTTP.
 */
import type { Aedes } from "aedes"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as net from "node:net"
import { createWebSocketStream, WebSocketServer } from "ws"
import { sourceOf } from "../../../protocols/limits/source.ts"
import { BrokerError, type Limits } from "../../../services/Broker.ts"
import { kindOf } from "../../node/errno.ts"
import { endpointOf, hostOf } from "../../node/nativeAddress.ts"
import { owned } from "../../node/owned.ts"
import { guarded } from "../guarded.ts"
import { MAX_PACKET, SUBPROTOCOL } from "../stream.ts"
import type { Counts } from "./Counts.ts"

// Lets a socket in, or closes it; says when it is gone.
const admit = (socket: net.Socket, counts: Counts): boolean => {
  const { remoteAddress, remotePort } = socket
  socket.on("error", () => {})
  // Without an address it is gone already.
  const source = remoteAddress === undefined ? undefined : sourceOf(endpointOf(remoteAddress, remotePort ?? 0).address)
  if (source === undefined || !counts.enter(source)) {
    socket.destroy()
    return false
  }
  socket.once("close", () => counts.leave(source))
  return true
}

export const tcp = (engine: Aedes, counts: Counts): net.Server =>
  net.createServer({ noDelay: true }, (socket) => {
    if (admit(socket, counts)) engine.handle(guarded(socket, MAX_PACKET))
  })

export const websocket = (engine: Aedes, counts: Counts, { connectTimeout }: Limits): net.Server => {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 4 * MAX_PACKET,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false)
  })
  const server = http.createServer(
    {
      headersTimeout: connectTimeout,
      requestTimeout: connectTimeout,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: 8192,
      noDelay: true
    },
    (_, response) => {
      response.writeHead(426, { connection: "close", "content-type": "text/plain" })
      response.end("This is an MQTT broker: connect by WebSocket.\n")
    }
  )
  server.on("connection", (socket: net.Socket) => admit(socket, counts))
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (websocket) => {
      engine.handle(guarded(createWebSocketStream(websocket), MAX_PACKET))
    })
  )
  return server
}

/** Makes a server listen; closing the scope closes it, and every connection it still has. */
export const listen = (
  server: net.Server,
  local: NetAddress.InetAddress
): Effect.Effect<NetAddress.InetAddress, BrokerError, Scope.Scope> => {
  const open = new Set<net.Socket>()
  server.on("connection", (socket: net.Socket) => {
    open.add(socket)
    socket.once("close", () => open.delete(socket))
  })
  const listening = Effect.callback<NetAddress.InetAddress, BrokerError>((resume) => {
    server.once("error", (cause) =>
      resume(Effect.fail(new BrokerError({ op: "listen", kind: kindOf(cause), local, cause })))
    )
    server.listen({ host: hostOf(local), port: local.port, ipv6Only: NetAddress.isInetAddressV6(local) }, () => {
      const { address, port } = server.address() as net.AddressInfo
      // An error of accepting ends one connection at most.
      server.removeAllListeners("error").on("error", () => {})
      resume(Effect.succeed(endpointOf(address, port)))
    })
    return Effect.sync(() => server.close())
  })
  return owned(listening, () =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const socket of open) socket.destroy()
    })
  )
}
