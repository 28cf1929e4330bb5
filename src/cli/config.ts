/**
 * What all commands share: servers, interface and identity, from flags, the environment, or a file, whichever says it first.
 *
 * The file is `config.json` in `P2P_HOME`, by default `effect-p2p` in `XDG_CONFIG_HOME` or `~/.config`. Nothing in it is needed,
 * and nothing else may be in it, so that a misspelt key is not silence:
 *
 *     { "stun": ["stun:stun.example.org"], "brokers": ["mqtt://broker.example.org"], "interface": "eth0" }
 */
import * as Config from "effect/Config"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { parse as brokerUri } from "../protocols/mqtt/brokerUri.ts"
import { fromString as stunUri } from "../protocols/stun/uri.ts"

const Uris = Schema.Array(Schema.NonEmptyString)

const turnUri = (value: string): Result.Result<string, string> =>
  /^turns?:[^/]/i.test(value)
    ? Result.succeed(value)
    : Result.fail(`"${value}" names no TURN server: write it as turn:turn.example.org`)

/** What is wrong with a URI, by what it is for. */
export const checks = {
  stun: (value: string) => Result.mapError(stunUri(value), ({ message }) => message),
  brokers: brokerUri,
  turn: turnUri
} satisfies { readonly [key: string]: (value: string) => Result.Result<unknown, string> }

type UriKey = keyof typeof checks

/** The file. Paths are relative to it. */
const ConfigFile = Schema.Struct({
  stun: Schema.optional(Uris),
  brokers: Schema.optional(Uris),
  turn: Schema.optional(Uris),
  interface: Schema.optional(Schema.NonEmptyString),
  identity: Schema.optional(Schema.NonEmptyString),
  rendezvous: Schema.optional(Schema.NonEmptyString)
})

const decodeFile = Schema.decodeUnknownEffect(Schema.fromJsonString(ConfigFile))

/** What the command was told on its own line. */
export type Flags = typeof ConfigFile.Type

/** URIs as they were written: what they mean is for those who use them. Lists are empty where nothing says otherwise. */
export interface Settings {
  /** `stun:` URIs (RFC 7064). */
  readonly stun: ReadonlyArray<string>
  /** `mqtt:`, `mqtts:`, `ws:` or `wss:` URIs. */
  readonly brokers: ReadonlyArray<string>
  /** `turn:` URIs (RFC 7065). */
  readonly turn: ReadonlyArray<string>
  readonly interface: string | undefined
  /** The path of an identity file. */
  readonly identity: string | undefined
  /** A host that is broker, STUN and TURN server at once. */
  readonly rendezvous: string | undefined
}

/** The file cannot be used; `problem` names the key. */
export class BadConfig extends Data.TaggedError("BadConfig")<{
  readonly path: string
  readonly problem: string
  readonly cause: unknown
}> {
  override get message() {
    return `cannot use ${this.path}: ${this.problem}`
  }
}

/** An environment variable says what cannot be meant. */
export class BadVariable extends Data.TaggedError("BadVariable")<{ readonly name: string; readonly problem: string }> {
  override get message() {
    return `cannot use ${this.name}: ${this.problem}`
  }
}

const problemOf = (key: UriKey, values: ReadonlyArray<string>): string | undefined => {
  for (const value of values) {
    const checked: Result.Result<unknown, string> = checks[key](value)
    if (Result.isFailure(checked)) return checked.failure
  }
  return undefined
}

const variable = (name: string): Effect.Effect<string | undefined, Config.ConfigError> =>
  Effect.map(Config.option(Config.String(name)), Option.getOrUndefined)

const uris = Effect.fnUntraced(function* (key: UriKey, name: string) {
  const text = yield* variable(name)
  const values = text?.split(",").flatMap((each) => (each.trim() === "" ? [] : [each.trim()]))
  const problem = problemOf(key, values ?? [])
  if (problem !== undefined) return yield* new BadVariable({ name, problem })
  return values
})

/** Where the configuration and, unless told otherwise, the identity of this user are. `undefined`: the user has no home. */
export const home: Effect.Effect<string | undefined, Config.ConfigError, Path.Path> = Effect.gen(function* () {
  const path = yield* Path.Path
  const own = yield* variable("P2P_HOME")
  if (own !== undefined) return own
  const shared = yield* variable("XDG_CONFIG_HOME")
  // The XDG specification has relative paths ignored.
  if (shared !== undefined && path.isAbsolute(shared)) return path.join(shared, "effect-p2p")
  const user = (yield* variable("HOME")) ?? (yield* variable("USERPROFILE"))
  return user === undefined ? undefined : path.join(user, ".config", "effect-p2p")
})

const unread: { readonly [tag: string]: string } = {
  BadResource: "it is not a file that can be read",
  PermissionDenied: "permission denied"
}

const read = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const bad = (problem: string) => (cause: unknown) => new BadConfig({ path, problem, cause })
  const text = yield* Effect.catchIf(
    files.readFileString(path),
    ({ reason }: PlatformError) => reason._tag === "NotFound",
    () => Effect.undefined
  ).pipe(Effect.mapError((cause) => bad(unread[cause.reason._tag] ?? cause.message.split("\n")[0]!)(cause)))
  if (text === undefined) return undefined
  const file = yield* Effect.mapError(decodeFile(text, { onExcessProperty: "error" }), (cause) =>
    bad(cause.message.replace(/\s*\n\s*/g, " "))(cause)
  )
  for (const key of ["stun", "brokers", "turn"] as const) {
    const problem = problemOf(key, file[key] ?? [])
    if (problem !== undefined) return yield* bad(`${key}: ${problem}`)(undefined)
  }
  return file
})

/** The settings of a command, given its flags. A file that is not there says nothing; one that makes no sense fails. */
export const settings = Effect.fnUntraced(function* (
  flags: Flags = {}
): Effect.fn.Return<Settings, BadConfig | BadVariable | Config.ConfigError, FileSystem.FileSystem | Path.Path> {
  const path = yield* Path.Path
  const folder = yield* home
  const file: Flags = (folder === undefined ? undefined : yield* read(path.join(folder, "config.json"))) ?? {}
  const list = Effect.fnUntraced(function* (key: UriKey, name: string) {
    const said = flags[key]
    // A flag that may be repeated and was not given is an empty list.
    return said !== undefined && said.length > 0 ? said : ((yield* uris(key, name)) ?? file[key] ?? [])
  })
  return {
    stun: yield* list("stun", "P2P_STUN"),
    brokers: yield* list("brokers", "P2P_BROKERS"),
    turn: yield* list("turn", "P2P_TURN"),
    interface: flags.interface ?? file.interface,
    identity: flags.identity ?? (file.identity === undefined ? undefined : path.resolve(folder!, file.identity)),
    rendezvous: flags.rendezvous ?? file.rendezvous
  }
})
