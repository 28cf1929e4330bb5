/**
 * `p2p listen`: a peer others connect to.
 */
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Host from "effect/net/Host"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { encodeText } from "../protocols/address/text.ts"
import { Peer, type PeerPipe } from "../services/Peer.ts"
import { Pipes } from "../services/Pipes.ts"
import { join } from "./join.ts"
import * as Output from "./output.ts"
import * as Events from "./peer/events.ts"
import * as Flags from "./peer/flags.ts"
import * as NameFile from "./peer/nameFile.ts"
import { running } from "./peer/running.ts"

const PRIVACY = { all: {}, internet: { lan: false }, brokers: { only: "brokers" } } as const

/** Sends back what comes. */
const echo = (pipe: PeerPipe) =>
  Effect.andThen(
    Stream.runForEach(pipe.toStream, (bytes) => pipe.send(bytes)),
    pipe.end
  )

/** Passes all on to a TCP service, and back. Where that cannot be reached the peer sees its pipe break, not end. */
const forward = (pipe: PeerPipe, destination: string) =>
  Effect.gen(function* () {
    const pipes = yield* Pipes
    const service = yield* Effect.tapError(pipes.open({ transport: "tcp", destination }), () => pipe.reset)
    const { ended } = yield* pipe.link(service)
    yield* ended
  }).pipe(Effect.scoped)

const to = Flag.String("to").pipe(
  Flag.withMetavar("HOST:PORT"),
  Flag.mapEffect((value) =>
    Effect.mapBoth(Effect.fromResult(Host.hostPortFromString(value)), {
      onSuccess: () => value,
      onFailure: () => new CliError.ValidationError({ message: `--to: "${value}" is not HOST:PORT` })
    })
  ),
  Flag.withDescription("Forward each pipe to this TCP service, a connection each"),
  Flag.optional
)

export const listen = Command.make(
  "listen",
  {
    echo: Flag.Boolean("echo").pipe(Flag.withDescription("Send back what comes"), Flag.withDefault(false)),
    to,
    nameFile: Flag.String("name-file").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription(
        "Keep the address in this file, which is replaced whole each time it changes; `p2p connect @FILE` reads it"
      ),
      Flag.optional
    ),
    publish: Flag.Literals("publish", ["all", "internet", "brokers"]).pipe(
      Flag.withDescription(
        "What the address tells: all; no addresses of local networks; or nothing but the brokers, where others ask this peer to " +
          "dial them (reverse). Default all"
      ),
      Flag.withDefault("all")
    ),
    dialBackOnly: Flag.Boolean("dial-back-only").pipe(
      Flag.withDescription(
        "Open no port: others ask this peer by its broker to dial them (reverse), and must be able to listen themselves. For " +
          "machines that may not listen. Default: listen"
      ),
      Flag.withDefault(false)
    ),
    ...Flags.shared
  },
  ({ dialBackOnly, echo: isEcho, nameFile, publish, to: destination, ...flags }) => {
    const tell = Events.teller(flags.json)
    const once = !isEcho && Option.isNone(destination)
    // What a pipe brings must not be mixed with an address that is told elsewhere.
    const silent = once && (flags.json || Option.isSome(nameFile))

    /** Tells the address, and each new one. */
    const announce = (peer: Peer["Service"]) => {
      let event: "ready" | "address" = "ready"
      return Stream.runForEach(
        peer.addresses,
        Effect.fnUntraced(function* (signed) {
          const address = encodeText(signed)
          if (Option.isSome(nameFile)) yield* NameFile.write(nameFile.value, address)
          if (event === "ready" && !silent) yield* Output.line(address)
          yield* tell({ event, peer: peer.peerId, address })
          event = "address"
        })
      )
    }

    /** Each pipe by itself: what breaks one is told, and leaves the others alone. */
    const each = <E extends { readonly message: string }, R>(
      peer: Peer["Service"],
      work: (pipe: PeerPipe) => Effect.Effect<unknown, E, R>
    ) =>
      Effect.andThen(
        peer.onPipe((pipe) =>
          Effect.andThen(tell(Events.connected(pipe)), Events.untilClosed(tell, pipe, work(pipe))).pipe(
            Effect.catch(({ message }) => tell({ event: "problem", problem: message }))
          )
        ),
        Effect.never
      )

    let isTaken = false
    const serve = Effect.gen(function* () {
      const peer = yield* Peer
      const served = Effect.gen(function* () {
        if (isEcho) return yield* each(peer, echo)
        if (Option.isSome(destination)) return yield* each(peer, (pipe) => forward(pipe, destination.value))
        const pipe = yield* peer.accept()
        isTaken = true
        yield* tell(Events.connected(pipe))
        yield* Events.untilClosed(tell, pipe, join(pipe))
      })
      const told = Effect.andThen(announce(peer), Effect.never)
      yield* Effect.raceAllFirst([served, told, Events.problems(tell, peer)])
    })
    const options = {
      listen: !dialBackOnly,
      privacy: PRIVACY[publish],
      // Who lets everybody in need not be asked, and is connected to a round trip sooner.
      allow: once ? () => Effect.sync(() => !isTaken) : undefined
    }
    return serve.pipe(Effect.provide(running(flags, options)), Effect.scoped, Events.telling(tell))
  }
).pipe(
  Command.validate(({ echo, to }) =>
    echo && Option.isSome(to)
      ? Effect.fail(new CliError.ValidationError({ message: "--echo and --to exclude each other" }))
      : Effect.void
  ),
  Command.withDescription(
    "Be a peer others connect to, and print its address. Without --echo or --to the first pipe is joined to standard input and " +
      "output and the command ends with it; with --json or --name-file, the address is then not printed among what it brings"
  )
)
