/**
 * `Identity` from a file of the user's, made on first use (`protocols/crypto/keyFile` has its form).
 *
 * The file has mode 0600, is there whole or not at all, is never written over, and is not used while others may read or write
 * it. Processes that make it at the same time end with the same key. On Windows its rights are those of the user's folder.
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Os from "node:os"
import * as Path from "node:path"
import * as KeyFile from "../../protocols/crypto/keyFile.ts"
import * as PeerId from "../../schemas/PeerId.ts"
import { Cryptography } from "../../services/Cryptography.ts"
import { Identity, IdentityError } from "../../services/Identity.ts"
import * as IdentityLayer from "../Identity.ts"
import { codeOf } from "./errno.ts"
import { placeOf } from "./identity/place.ts"
import * as SecretFile from "./identity/secretFile.ts"

export interface Options {
  /** The key file. Default: `identity.key` in `$P2P_HOME`, else in the user's data folder (`identity/place`). */
  readonly path?: string | undefined
}

const elsewhere = "name another place by P2P_HOME"

const advice: { readonly [code: string]: string } = {
  EACCES: `this user has no access there; ${elsewhere}`,
  EROFS: `the file system is read-only; ${elsewhere}`,
  ENOTDIR: `a part of the path is no folder; ${elsewhere}`,
  ENOSPC: `no space is left there; make some, or ${elsewhere}`,
  EPERM: `the system does not allow it, or the file system has no hard links; ${elsewhere}`,
  ENOTSUP: `the file system has no hard links; ${elsewhere}`
}

const failed = (op: IdentityError["op"], path?: string) => (cause: unknown) => {
  const code = codeOf(cause)
  const problem = advice[code] === undefined ? `${(cause as Error).message}; ${elsewhere}` : `${code}: ${advice[code]}`
  return new IdentityError({ op, path, problem, cause })
}

const located = ({ path }: Options): Effect.Effect<string, IdentityError> =>
  Effect.try({
    try: () =>
      path === undefined
        ? placeOf({ platform: process.platform, env: process.env, home: Os.homedir, cwd: () => process.cwd() })
        : Path.resolve(path),
    catch: failed("load")
  })

const damaged = (path: string, what: string) =>
  new IdentityError({
    op: "load",
    path,
    problem: `the file ${what}. Put a good copy in its place, or move it away: then this becomes a new peer with a new id`
  })

/** `undefined` where there is no file. */
const load = Effect.fnUntraced(function* (path: string) {
  const read = yield* Effect.try({
    try: () => SecretFile.read(path, KeyFile.MAX_LENGTH),
    catch: failed("load", path)
  })
  if (Result.isFailure(read)) return yield* new IdentityError({ op: "load", path, problem: read.failure })
  if (read.success === undefined) return undefined
  const key = KeyFile.decode(read.success)
  if (Result.isFailure(key)) return yield* damaged(path, key.failure)
  const identity = yield* IdentityLayer.make(Redacted.make(key.success.seed))
  const { peer } = key.success
  if (peer === undefined || peer === identity.peerId) return identity
  return yield* damaged(
    path,
    `names peer ${PeerId.short(peer)}... and holds the key of ${PeerId.short(identity.peerId)}...`
  )
})

const create = Effect.fnUntraced(function* (path: string) {
  const random = yield* SecureRandom
  const { ed25519PublicKey } = yield* Cryptography
  const seed = yield* random.randomBytes(IdentityLayer.SEED_BYTES)
  const unique = Buffer.from(yield* random.randomBytes(8)).toString("hex")
  const text = KeyFile.encode(seed, PeerId.fromKey(ed25519PublicKey(seed)))
  yield* Effect.try({ try: () => SecretFile.create(path, text, unique), catch: failed("create", path) })
})

const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Identity["Service"], IdentityError, Cryptography | SecureRandom> {
  const path = yield* located(options)
  const found = yield* load(path)
  if (found !== undefined) return found
  yield* create(path)
  const made = yield* load(path)
  if (made !== undefined) return made
  const problem = "it is a link to a file that is not there, or it was removed at once: name the file itself"
  return yield* new IdentityError({ op: "create", path, problem })
})

/** The peer of this user, or of the file named. */
export const layer = (options: Options = {}): Layer.Layer<Identity, IdentityError, Cryptography | SecureRandom> =>
  Layer.effect(Identity, make(options))
