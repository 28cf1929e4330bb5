/**
 * What each side of a plain link signs: both hellos, under a context that names its role. So a signature is good for this
 * link alone, and none can be sent back to the one who made it.
 */

/** The contexts of the signatures (`protocols/crypto/signature`). */
export const contexts = {
  client: "effect-p2p link v1 client",
  server: "effect-p2p link v1 server"
} as const

/** The message that is signed. */
export const make = (client: Uint8Array, server: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(client.length + server.length)
  bytes.set(client)
  bytes.set(server, client.length)
  return bytes
}
