/**
 * The peer a command is, from its flags, the environment and the file of settings.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { Options } from "../../layers/node/NodePeer.ts"
import { Interfaces } from "../../services/Interfaces.ts"
import * as Flags from "./flags.ts"
import { withRendezvous } from "./rendezvous.ts"

/** Settings that make no peer. */
class BadSettings extends Data.TaggedError("BadSettings")<{ readonly problem: string }> {
  override get message() {
    return this.problem
  }
}

export const running = (flags: Flags.Shared, options: Pick<Options, "allow" | "listen" | "privacy">) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const written = yield* Flags.settings(flags)
      const read = withRendezvous(written)
      if (Result.isFailure(read)) return yield* new BadSettings({ problem: `rendezvous: ${read.failure}` })
      const { brokers, identity, interface: device, stun } = read.success
      if (options.privacy?.only === "brokers" && brokers.length === 0) {
        const problem = "an address that names nothing but brokers needs one: name it by --broker or --rendezvous"
        return yield* new BadSettings({ problem })
      }
      if (options.listen === false && brokers.length === 0) {
        const problem = "a peer that only dials back is asked to by a broker: name one by --broker or --rendezvous"
        return yield* new BadSettings({ problem })
      }
      if (device !== undefined) yield* Interfaces.use(({ byName }) => byName(device))
      // Loaded when it is needed: it takes longer than all the rest of a command.
      const { layer } = yield* Effect.promise(() => import("../../layers/node/NodePeer.ts"))
      return layer({
        ...options,
        brokers,
        stun,
        interfaces: device === undefined ? undefined : [device],
        identity: identity === undefined ? undefined : { path: identity }
      })
    })
  )
