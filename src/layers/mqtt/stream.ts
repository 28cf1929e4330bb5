/**
 * The bytes to and from a broker: TCP, TLS or WebSocket.
 */
import * as net from "node:net"
import type { Duplex } from "node:stream"
import * as tls from "node:tls"
import { createWebSocketStream, WebSocket } from "ws"
import type { BrokerUri } from "../../protocols/mqtt/brokerUri.ts"
import { MAX_ENVELOPE } from "../../services/Signalling.ts"
import { guarded } from "./guarded.ts"
import { type Judge, judged } from "./lookup.ts"

/** Bytes of an MQTT packet at most: an envelope, its topic, and the properties of MQTT 5. */
export const MAX_PACKET: number = MAX_ENVELOPE + 2048

/** The WebSocket subprotocol (MQTT 5 section 6). */
export const SUBPROTOCOL = "mqtt"

/**
 * Starts to connect; what goes wrong is an `error` of the stream. `ca`: PEM certificates to trust instead of the usual ones.
 * `judge` sees the addresses a name leads to.
 */
export const open = (
  { host, path, port, scheme }: BrokerUri,
  ca: ReadonlyArray<string> | undefined,
  judge: Judge
): Duplex => {
  const lookup = judged(judge)
  const trust = ca === undefined ? {} : { ca: [...ca] }
  const name = net.isIP(host) === 0 ? { servername: host } : {}
  switch (scheme) {
    case "mqtt":
      return guarded(net.connect({ host, port, lookup, noDelay: true }), MAX_PACKET)
    case "mqtts":
      return guarded(tls.connect({ host, port, lookup, ...name, ...trust }).setNoDelay(), MAX_PACKET)
    case "ws":
    case "wss": {
      const place = net.isIPv6(host) ? `[${host}]` : host
      const socket = new WebSocket(`${scheme}://${place}:${port}${path}`, [SUBPROTOCOL], {
        ...trust,
        lookup,
        maxPayload: 4 * MAX_PACKET,
        perMessageDeflate: false,
        followRedirects: false
      })
      return guarded(createWebSocketStream(socket), MAX_PACKET)
    }
  }
}
