/**
 * Bare `node:tls` that does what peers do on their links: TLS 1.3 with self-signed Ed25519 certificates, shown and checked on
 * both sides, the same key exchange and ciphers (Node's own defaults), no sessions to resume, the same socket options.
 *
 * It is given what makes it fast: contexts are made once, as ours are.
 */
import { constants } from "node:crypto"
import type * as net from "node:net"
import * as tls from "node:tls"
import { primitives } from "../../src/layers/node/Cryptography.ts"
import * as Certificate from "../../src/protocols/x509/certificate.ts"
import * as Ed25519 from "../../src/protocols/x509/ed25519.ts"
import * as Pem from "../../src/protocols/x509/pem.ts"
import { socketOptions } from "../pipes/bare.ts"

/** Always the same one for a number, so that both processes know both. */
const credentialsOf = (number: number) => {
  const seed = new Uint8Array(32).fill(number)
  const sign = (message: Uint8Array) => primitives.ed25519Sign(seed, message)
  return {
    cert: Pem.encode("CERTIFICATE", Certificate.selfSigned(primitives.ed25519PublicKey(seed), `bare ${number}`, sign)),
    key: Pem.encode("PRIVATE KEY", Ed25519.privateKeyInfo(seed))
  }
}

const server = credentialsOf(1)
const client = credentialsOf(2)

const context = (own: typeof server, other: typeof server): tls.SecureContextOptions => ({
  ...own,
  ca: [other.cert],
  minVersion: "TLSv1.3",
  secureOptions: constants.SSL_OP_NO_TICKET
})

export const listen = (onSocket: (socket: net.Socket) => void): Promise<number> =>
  new Promise((resolve) => {
    const options = { ...context(server, client), requestCert: true, rejectUnauthorized: true }
    const listening = tls.createServer({ ...options, ...socketOptions }, onSocket)
    listening.listen(0, "127.0.0.1", () => resolve((listening.address() as net.AddressInfo).port))
  })

const secureContext = tls.createSecureContext(context(client, server))

/** The name in the certificate says nothing: its key is the one expected, or the handshake fails. */
const checkServerIdentity = () => undefined

/** Usable from its `secureConnect`. */
export const dial = (port: number): tls.TLSSocket =>
  tls.connect({
    host: "127.0.0.1",
    port,
    secureContext,
    checkServerIdentity,
    ...socketOptions
  } as tls.ConnectionOptions)

export const connect = (port: number): Promise<tls.TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = dial(port)
    socket.once("secureConnect", () => resolve(socket)).once("error", reject)
  })
