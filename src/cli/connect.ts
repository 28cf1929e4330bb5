/**
 * `p2p connect ADDRESS`: standard input to a peer, what the peer sends to standard output.
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import { decodeText } from "../protocols/address/text.ts"
import type { PeerId } from "../schemas/PeerId.ts"
import { Cryptography } from "../services/Cryptography.ts"
import { Peer, type StrategyName } from "../services/Peer.ts"
import { join } from "./join.ts"
import * as Duration from "./peer/duration.ts"
import * as Events from "./peer/events.ts"
import * as Flags from "./peer/flags.ts"
import { running } from "./peer/running.ts"

const STRATEGIES: ReadonlyArray<StrategyName> = ["direct", "reverse"]

const isStrategy = (name: string): name is StrategyName => STRATEGIES.some((known) => known === name)

const strategies = (text: string): Option.Option<ReadonlyArray<StrategyName>> => {
  const names = text.split(",").map((name) => name.trim())
  return names.every(isStrategy) ? Option.some(names) : Option.none()
}

/** The file with the address cannot be read. */
class NotRead extends Data.TaggedError("NotRead")<{ readonly path: string; readonly cause: PlatformError }> {
  override get message() {
    const { _tag } = this.cause.reason
    return `cannot read ${this.path}: ${_tag === "NotFound" ? "it is not there" : this.cause.message.split("\n")[0]}`
  }
}

/** The text itself, or that of a file: addresses are long. */
const addressOf = Effect.fnUntraced(function* (text: string) {
  if (!text.startsWith("@")) return text
  const path = text.slice(1)
  const files = yield* FileSystem.FileSystem
  return yield* Effect.mapError(files.readFileString(path), (cause) => new NotRead({ path, cause }))
})

export const connect = Command.make(
  "connect",
  {
    address: Argument.String("address").pipe(
      Argument.withDescription("What `p2p listen` printed, or @FILE for what it wrote to a file")
    ),
    strategy: Flag.String("strategy").pipe(
      Flag.withMetavar("LIST"),
      Flag.withDescription(`The ways to try, with commas between them. Default ${STRATEGIES.join(",")}`),
      Flag.withDefault(STRATEGIES.join(",")),
      Flag.filterMap(strategies, () => `some of ${STRATEGIES.join(", ")}, with commas between them`)
    ),
    timeout: Flag.String("timeout").pipe(
      Flag.withMetavar("TIME"),
      Flag.withDescription("To connect within, such as 500ms or 2m. Default 15s"),
      Flag.withDefault("15s"),
      Flag.filterMap(Duration.fromString, () => "a time up to a day, such as 500ms, 15s or 2m")
    ),
    ...Flags.shared
  },
  ({ address, strategy, timeout, ...flags }) => {
    const tell = Events.teller(flags.json)
    let wanted: PeerId | undefined
    const conversation = Effect.gen(function* () {
      const peer = yield* Peer
      yield* tell({ event: "ready", peer: peer.peerId, address: yield* peer.addressText })
      yield* Effect.forkScoped(Events.problems(tell, peer))
      const text = yield* addressOf(address)
      const now = yield* Clock.currentTimeMillis
      const read = decodeText(text, { primitives: yield* Cryptography, now })
      wanted = Result.isSuccess(read) ? read.success.address.peer : undefined
      const pipe = yield* peer.connect(text, { strategies: strategy, deadline: timeout })
      yield* tell(Events.connected(pipe))
      yield* Events.untilClosed(tell, pipe, join(pipe))
    })
    // Nobody else is served: another command of this user, with the same identity, may be.
    const allow = (peer: PeerId) => Effect.sync(() => peer === wanted)
    return conversation.pipe(Effect.provide(running(flags, { allow })), Effect.scoped, Events.telling(tell))
  }
).pipe(
  Command.withDescription(
    "Connect to a peer and join standard input and output to it: the end of the input is passed on, and the command ends when " +
      "the peer closes. Exit status: 0 connected and closed, 1 not connected or broken, 2 not a command that makes sense"
  )
)
