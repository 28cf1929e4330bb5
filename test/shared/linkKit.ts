/**
 * What the tests of links share: three peers with known keys, and a connection between two hosts.
 */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as IdentityLayer from "../../src/layers/Identity.ts"
import * as Cryptography from "../../src/layers/node/Cryptography.ts"
import * as Certificate from "../../src/protocols/x509/certificate.ts"
import * as Ed25519 from "../../src/protocols/x509/ed25519.ts"
import * as Pem from "../../src/protocols/x509/pem.ts"
import * as PeerId from "../../src/schemas/PeerId.ts"
import type { Identity } from "../../src/services/Identity.ts"
import { LinkSecurity, type LinkSecurityError, type Protection } from "../../src/services/LinkSecurity.ts"
import type { TcpConnection } from "../../src/services/Tcp.ts"
import { dial, listen } from "./tcpHelpers.ts"
import { at, type Hosts, leavingNothing, testIn, type World } from "./World.ts"

export const seeds = {
  alice: new Uint8Array(32).fill(1),
  bob: new Uint8Array(32).fill(2),
  mallory: new Uint8Array(32).fill(3)
} as const

export type Name = keyof typeof seeds

const idOf = (name: Name) => PeerId.fromKey(Cryptography.primitives.ed25519PublicKey(seeds[name]))

export const ids = { alice: idOf("alice"), bob: idOf("bob"), mallory: idOf("mallory") } as const

export const signer = (name: Name) => (message: Uint8Array) => Cryptography.primitives.ed25519Sign(seeds[name], message)

/** The certificate of a peer. */
export const certificateOf = (name: Name): Uint8Array =>
  Certificate.selfSigned(PeerId.toKey(ids[name]), ids[name], signer(name))

/** The same and its key for other programs, in PEM. */
export const credentialsOf = (name: Name) => ({
  cert: Pem.encode("CERTIFICATE", certificateOf(name)),
  key: Pem.encode("PRIVATE KEY", Ed25519.privateKeyInfo(seeds[name]))
})

/** A way to secure links. */
export interface Security {
  readonly protection: Protection
  readonly layer: Layer.Layer<LinkSecurity, never, Identity | SecureRandom.SecureRandom>
}

export const identityOf = (name: Name): Layer.Layer<Identity, never, SecureRandom.SecureRandom> =>
  IdentityLayer.layerFromSeed(Redacted.make(seeds[name])).pipe(Layer.provide(Cryptography.layer), Layer.orDie)

/** How the peer of a name secures its links. */
export const peer = ({ layer }: Security, name: Name) =>
  Effect.map(
    Layer.build(Layer.fresh(layer).pipe(Layer.provide(identityOf(name)), Layer.provide(SecureRandom.layerWebCrypto))),
    Context.get(LinkSecurity)
  )

/** A connection and its other end. */
export const connected = Effect.fnUntraced(function* (hosts: Hosts) {
  const listener = yield* listen(hosts.server, "IPv4")
  const near = yield* dial(hosts.client, listener.local)
  return { near, far: yield* listener.accept }
})

export interface Setting {
  /** `near` dialled, `far` was dialled. */
  readonly near: TcpConnection
  readonly far: TcpConnection
  readonly alice: LinkSecurity["Service"]
  readonly bob: LinkSecurity["Service"]
  readonly mallory: LinkSecurity["Service"]
}

/** Registers tests that get a connection and three peers, and may leave nothing open. */
export const settingIn = (world: World, security: Security) => {
  const test = testIn(world)
  return <A, E>(name: string, body: (setting: Setting, hosts: Hosts) => Effect.Effect<A, E, Scope.Scope>) =>
    test(name, (hosts) =>
      Effect.gen(function* () {
        const [alice, bob, mallory] = yield* Effect.all([
          peer(security, "alice"),
          peer(security, "bob"),
          peer(security, "mallory")
        ])
        return yield* body({ ...(yield* connected(hosts)), alice, bob, mallory }, hosts)
      }).pipe(leavingNothing(hosts))
    )
}

/** Both sides at once, and how each ended. */
export const both = <A, B, E, F, R, S>(client: Effect.Effect<A, E, R>, server: Effect.Effect<B, F, S>) =>
  Effect.all({ client: Effect.result(client), server: Effect.result(server) }, { concurrency: "unbounded" })

export const errorOf = <A, E>(result: Result.Result<A, E>): E => {
  if (Result.isFailure(result)) return result.failure
  return assert.fail("it succeeded, and was to fail")
}

/** A failure as it is to be: of that side, for that reason, one sentence with both endpoints. */
export const failed = (error: LinkSecurityError, op: "client" | "server", reason: LinkSecurityError["reason"]) => {
  assert.strictEqual(`${error.op} ${error.reason}`, `${op} ${reason}`, error.message)
  assert.isDefined(error.local)
  assert.include(error.message, `secured link ${op} ${at(error.local)} -> ${at(error.remote)}: `)
  assert.notMatch(error.message, /[.]$|\n|undefined/)
}

/** Reads to the end of a connection, however it ends. */
export const ended = (connection: TcpConnection) => Effect.ignore(Effect.forever(connection.pull))
