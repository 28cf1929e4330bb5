/**
 * What all commands of peers may be told: servers, interface, identity, and how they tell what happens.
 */
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Config from "../config.ts"
import { json } from "../flags.ts"
import { hostOf } from "./rendezvous.ts"

const uris = (name: string, check: (value: string) => Result.Result<unknown, string>) =>
  Flag.String(name).pipe(
    Flag.withMetavar("URI"),
    Flag.mapEffect((value) => {
      const checked = check(value)
      return Result.isSuccess(checked)
        ? Effect.succeed(value)
        : Effect.fail(new CliError.ValidationError({ message: `--${name}: ${checked.failure}` }))
    }),
    Flag.atLeast(0)
  )

export const shared = {
  broker: uris("broker", Config.checks.brokers).pipe(
    Flag.withDescription(
      "A broker this peer is asked at, mqtt:, mqtts:, ws: or wss:; may be repeated. Also P2P_BROKERS, with commas"
    )
  ),
  stun: uris("stun", Config.checks.stun).pipe(
    Flag.withDescription(
      "A STUN server, which tells this peer how the internet sees it; may be repeated. Also P2P_STUN"
    )
  ),
  turn: uris("turn", Config.checks.turn).pipe(
    Flag.withDescription("A TURN server; may be repeated. Also P2P_TURN. Kept for relaying, which is not built yet")
  ),
  rendezvous: Flag.String("rendezvous").pipe(
    Flag.withMetavar("HOST"),
    Flag.mapEffect((value) =>
      Effect.mapError(
        Effect.fromResult(hostOf(value)),
        (problem) => new CliError.ValidationError({ message: `--rendezvous: ${problem}` })
      )
    ),
    Flag.withDescription("A host that runs `p2p rendezvous`: broker and STUN server in one"),
    Flag.optional
  ),
  interface: Flag.String("interface").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Only by this interface of the machine. Default: all"),
    Flag.optional
  ),
  identity: Flag.String("identity").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("The key of this peer, made if it is not there. Default: the user's own"),
    Flag.optional
  ),
  json
}

export interface Shared {
  readonly broker: ReadonlyArray<string>
  readonly stun: ReadonlyArray<string>
  readonly turn: ReadonlyArray<string>
  readonly rendezvous: Option.Option<string>
  readonly interface: Option.Option<string>
  readonly identity: Option.Option<string>
  readonly json: boolean
}

/** The settings these flags, the environment and the file come to. */
export const settings = ({ broker, identity, rendezvous, stun, turn, ...flags }: Shared) =>
  Config.settings({
    brokers: broker,
    stun,
    turn,
    rendezvous: Option.getOrUndefined(rendezvous),
    interface: Option.getOrUndefined(flags.interface),
    identity: Option.getOrUndefined(identity)
  })
