/**
 * A secret that all programs on this network stack share and nobody elsewhere knows: by it peers find out that they are on
 * the same machine. Linux has one made at installation (machine-id(5)); a network namespace counts as a machine of its own.
 * Elsewhere a file of the user's is used, so there it is the peers of one user that find each other.
 */
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { placeOf } from "./identity/place.ts"
import * as SecretFile from "./identity/secretFile.ts"

const PLACES = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
const NAMESPACE = "/proc/self/ns/net"

/** 128 bits in hexadecimal: a file that says less is none yet. */
const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text)

const FILE = "machine.key"
const MAX_LENGTH = 200
const SECRET_BYTES = 16

const attempt = <A>(read: () => A): Option.Option<A> => Result.getSuccess(Result.try(read))

const installed = (): string | undefined => {
  const id = PLACES.map((path) =>
    Option.getOrElse(
      attempt(() => Fs.readFileSync(path, "utf8").trim()),
      () => ""
    )
  ).find(isId)
  const namespace = Option.getOrUndefined(attempt(() => Fs.readlinkSync(NAMESPACE)))
  return id === undefined || namespace === undefined ? undefined : `${id} ${namespace}`
}

const ofUser = Effect.fnUntraced(function* () {
  const random = yield* SecureRandom
  const [secret, unique] = [yield* random.randomBytes(SECRET_BYTES), yield* random.randomBytes(8)]
  return Option.getOrUndefined(
    attempt(() => {
      const place = placeOf({
        platform: process.platform,
        env: process.env,
        home: Os.homedir,
        cwd: () => process.cwd()
      })
      const path = Path.join(Path.dirname(place), FILE)
      const load = () => Result.getOrUndefined(SecretFile.read(path, MAX_LENGTH))
      const there = load()
      if (there !== undefined) return there
      SecretFile.create(path, `${Buffer.from(secret).toString("hex")}\n`, Buffer.from(unique).toString("hex"))
      return load()
    })
  )
})

/** `undefined` where there is none: peers then take each other for strangers, and meet by the network they share. */
export const machineSecret: Effect.Effect<Uint8Array | undefined, never, SecureRandom> = Effect.gen(function* () {
  const text = installed() ?? (yield* ofUser())
  if (text === undefined) return undefined
  // What other programs make of the same id is something else.
  return Uint8Array.from(Crypto.createHmac("sha256", "effect-p2p machine secret v1").update(text).digest())
})
