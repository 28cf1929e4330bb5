/**
 * A process that reads or makes a key file: `node identityChild.ts '{"umask": 63, "uid": 65534}'`.
 *
 * Says "ready" first. For each line it reads, a path, or nothing for the default place, it answers with the peer id or the error.
 */
import { createInterface } from "node:readline"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeCryptography from "../../src/layers/node/Cryptography.ts"
import * as IdentityFile from "../../src/layers/node/IdentityFile.ts"
import { Identity } from "../../src/services/Identity.ts"

const { uid, umask } = JSON.parse(process.argv[2] ?? "{}") as { readonly uid?: number; readonly umask?: number }
if (umask !== undefined) process.umask(umask)
if (uid !== undefined) process.setuid!(uid)

const needs = Layer.merge(NodeCryptography.layer, SecureRandom.layerWebCrypto)

const answer = (path: string): Promise<unknown> =>
  Effect.map(Identity, ({ peerId }) => ({ peerId })).pipe(
    Effect.provide(IdentityFile.layer(path === "" ? {} : { path }).pipe(Layer.provide(needs))),
    Effect.catch((error) => Effect.succeed({ error: error.message })),
    Effect.runPromise
  )

console.log('"ready"')
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(line)))
