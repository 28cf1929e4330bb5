/**
 * Peers that show a certificate whose key they do not hold. TLS proves who is there by CertificateVerify alone, so every
 * lie about it must be refused by the library below, of which our own check only hears the certificate.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { once } from "node:events"
import * as net from "node:net"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import { endpointOf } from "../../../src/layers/node/nativeAddress.ts"
import * as Certificate from "../../../src/protocols/x509/certificate.ts"
import * as Der from "../../../src/protocols/x509/der.ts"
import * as Ed25519 from "../../../src/protocols/x509/ed25519.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { certificateOf, errorOf, ids, type Name, peer, signer } from "../../shared/linkKit.ts"
import * as Liar from "../../support/tls13/liar.ts"

const tls = { protection: "tls1.3", layer: LinkTls.layer } as const

/** A certificate of bob's key by somebody else. */
const issued = (by: Name) => {
  const named = (text: string) =>
    Der.sequence(Der.set(Der.sequence(Der.objectIdentifier(2, 5, 4, 3), Der.utf8String(text))))
  const body = Der.sequence(
    Der.explicit(0, Der.integer(Uint8Array.of(2))),
    Der.integer(Uint8Array.of(1)),
    Ed25519.algorithm,
    named(ids[by]),
    Der.sequence(Der.utcTime("700101000000Z"), Der.generalizedTime("99991231235959Z")),
    named(ids.bob),
    Ed25519.publicKeyInfo(PeerId.toKey(ids.bob))
  )
  return Der.sequence(body, Ed25519.algorithm, Der.bitString(signer(by)(body)))
}

const bobs = certificateOf("bob")

/** The point 0: S = 0 and R = 0 verify for every message where nobody looks. */
const nobody = new Uint8Array(32).fill(1, 0, 1)
const nobodys = Certificate.selfSigned(nobody, PeerId.fromKey(nobody), () => new Uint8Array(64))

type Role = "client" | "server"
const other = { client: "server", server: "client" } as const

const lies = (role: Role): Readonly<Record<string, Liar.Story>> => ({
  "signed by a key of one's own": { certificates: [bobs], sign: signer("mallory") },
  "signed by nobody": { certificates: [bobs], sign: () => new Uint8Array(64) },
  "not signed at all": { certificates: [bobs], sign: () => undefined },
  "a signature of another handshake": {
    certificates: [bobs],
    sign: (message) => signer("bob")(Uint8Array.from(message).fill(7, -32))
  },
  "a signature of the other role": { certificates: [bobs], sign: signer("bob"), role: other[role] },
  "one's own certificate before the other's": {
    certificates: [certificateOf("mallory"), bobs],
    sign: signer("mallory")
  },
  "the other's certificate before one's own": {
    certificates: [bobs, certificateOf("mallory")],
    sign: signer("mallory")
  },
  "no certificate": { certificates: [], sign: () => undefined },
  "a certificate by somebody else, and his": {
    certificates: [issued("mallory"), certificateOf("mallory")],
    sign: signer("bob")
  },
  "a certificate by somebody else alone": { certificates: [issued("mallory")], sign: signer("bob") },
  "a key that everybody can sign with": {
    certificates: [nobodys],
    sign: () => Uint8Array.from({ length: 64 }, (_, at) => (at === 0 ? 1 : 0))
  },
  "a certificate cut short": { certificates: [bobs.subarray(0, 200)], sign: signer("bob") },
  "no bytes as a certificate": { certificates: [new Uint8Array(0)], sign: signer("bob") }
})

/** OpenSSL keeps the last error, and the next call that reads a key may take it for its own. */
const assertClean = () => {
  assert.doesNotThrow(() => primitives.ed25519PublicKey(new Uint8Array(32).fill(9)))
}

/** Alice with a liar at the other end. */
const against = (role: Role, story: Liar.Story) =>
  Effect.gen(function* () {
    const alice = yield* peer(tls, "alice")
    const tcp = yield* Tcp
    if (role === "server") {
      const server = net.createServer((socket) => {
        void Liar.serve(
          socket.on("error", () => {}),
          story
        ).catch(() => {})
      })
      yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
      const { port } = server.address() as net.AddressInfo
      const connection = yield* tcp.dial({ remote: endpointOf("127.0.0.1", port) })
      const result = yield* Effect.result(alice.client(connection, { expect: ids.bob, timeout: "5 seconds" }))
      assertClean()
      server.close()
      return Result.map(result, (link) => link.peer)
    }
    const listener = yield* tcp.listen({ address: endpointOf("127.0.0.1", 1).address })
    const socket = net.connect(listener.local.port, "127.0.0.1").on("error", () => {})
    void Liar.call(socket, story).catch(() => {})
    const result = yield* Effect.result(alice.server(yield* listener.accept, { timeout: "5 seconds" }))
    assertClean()
    socket.destroy()
    return Result.map(result, (link) => link.peer)
  }).pipe(Effect.scoped, Effect.provide(NodeTcp.layer))

for (const role of ["client", "server"] as const) {
  describe(`a ${role} that lies`, () => {
    it.live("with the truth told, it is who it is", () =>
      Effect.gen(function* () {
        const result = yield* against(role, { certificates: [bobs], sign: signer("bob") })
        assert.strictEqual(Result.getOrThrow(result), ids.bob)
      })
    )

    for (const [lie, story] of Object.entries(lies(role))) {
      it.live(lie, () =>
        Effect.gen(function* () {
          const result = yield* against(role, story)
          if (lie === "one's own certificate before the other's") {
            // What stands behind the first certificate says nothing.
            if (role === "client") return assert.strictEqual(Result.getOrThrow(result), ids.mallory)
            return assert.strictEqual(errorOf(result).found, ids.mallory)
          }
          const error = errorOf(result)
          assert.strictEqual(error.reason, "Untrusted", error.message)
          assert.isUndefined(error.found)
          if (lie.startsWith("signed by")) assert.include(error.message, "whose key it does not hold")
        })
      )
    }
  })
}
