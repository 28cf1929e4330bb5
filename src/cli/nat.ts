/**
 * `p2p nat`: what stands between this machine and the internet.
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as NatDetectorLayer from "../layers/NatDetector.ts"
import { resolveServers } from "../layers/stun/resolveServers.ts"
import { summary } from "../protocols/natprofile/summary.ts"
import { fromString } from "../protocols/stun/uri.ts"
import { NatDetector, type Progress, type Report } from "../services/NatDetector.ts"
import * as Config from "./config.ts"
import { Failed } from "./failed.ts"
import { describe } from "./nat/facts.ts"
import * as Output from "./output.ts"
import { withRendezvous } from "./peer/rendezvous.ts"

const UNCONFIGURED =
  'no STUN server is named: name one by --server stun:HOST, in P2P_STUN, or under "stun" in config.json; or run one, on ' +
  "a host with two public addresses, by p2p stun-server --address A --alternate B --probe-back"

const failed = (text: string, code: number) => Effect.andThen(Output.problem(text), Effect.fail(new Failed(code)))

/** The servers there are; those that cannot be looked up are told of, and only fatal when all of them are. */
const serversFor = Effect.fnUntraced(function* (uris: ReadonlyArray<string>) {
  if (uris.length === 0) return yield* failed(UNCONFIGURED, 2)
  for (const uri of uris) {
    const read = fromString(uri)
    if (Result.isFailure(read)) return yield* failed(read.failure.message, 2)
  }
  const { problems, servers } = yield* resolveServers(uris)
  for (const { problem } of problems) yield* Output.problem(problem)
  if (servers.length === 0) return yield* Effect.fail(new Failed(1))
  // Only our own server dials back; others say at once that they do not.
  return servers.map((server) => Object.assign({}, server, { probeBack: true }))
})

const CLEAR_LINE = "\r\u001b[K"

/** One line that changes on a terminal; elsewhere a line for each profile. */
const progressOf = (isTerminal: boolean) => {
  const write = (text: string) => Stdio.Stdio.use((stdio) => Stream.run(Stream.succeed(text), stdio.stderr()))
  return (progress: Progress) => {
    if (isTerminal && progress._tag === "Observed") {
      const { ended, observation, planned } = progress
      return write(`${CLEAR_LINE}${ended} of ${planned} probes, ${observation.id}`)
    }
    if (isTerminal && progress._tag === "Done") return write(CLEAR_LINE)
    if (isTerminal || progress._tag !== "Profiled") return Effect.void
    const { family, interface: device, transport } = progress.profile
    return write(`${device} ${family} ${transport.toUpperCase()} measured\n`)
  }
}

const report = Effect.fnUntraced(function* ({ problems, profiles }: Report, json: boolean) {
  if (json) yield* Output.line(JSON.stringify(profiles.map(summary), undefined, 2))
  else if (profiles.length > 0) yield* Output.line(describe(profiles))
  for (const problem of problems) yield* Output.problem(problem)
  if (profiles.length === 0) return yield* Effect.fail(new Failed(1))
})

export const nat = Command.make(
  "nat",
  {
    interface: Flag.String("interface").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only this interface. Default: every one that leads out"),
      Flag.optional
    ),
    server: Flag.String("server").pipe(
      Flag.withMetavar("URI"),
      Flag.withDescription(
        "A STUN server, as stun:HOST or stun:HOST:PORT; may be repeated. Also P2P_STUN, with commas"
      ),
      Flag.atLeast(0)
    ),
    lifetime: Flag.Boolean("lifetime").pipe(
      Flag.withDescription("Measure how long idle UDP mappings live as well: takes five minutes"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print a JSON array"), Flag.withDefault(false))
  },
  Effect.fnUntraced(
    function* ({ json, lifetime, server, ...flags }) {
      const told = yield* Config.settings({ stun: server, interface: Option.getOrUndefined(flags.interface) })
      const settings = server.length > 0 ? Result.succeed(told) : withRendezvous(told)
      if (Result.isFailure(settings)) return yield* failed(settings.failure, 2)
      const { interface: device, stun } = settings.success
      const servers = yield* serversFor(stun)
      const detector = yield* NatDetector
      const isTerminal = yield* Stdio.Stdio.use((stdio) => stdio.stderrIsTerminal)
      const tell = json && !isTerminal ? () => Effect.void : progressOf(isTerminal)
      const interfaces = device === undefined ? undefined : [device]
      const last = yield* detector.watch({ servers, interfaces, lifetime }).pipe(Stream.tap(tell), Stream.runLast)
      const done = Option.getOrUndefined(last)
      if (done?._tag === "Done") yield* report(done.report, json)
    },
    Effect.provide(NatDetectorLayer.layer.pipe(Layer.provide(SecureRandom.layerWebCrypto)))
  )
).pipe(Command.withDescription("Measure what stands between this machine and the internet, for UDP and TCP"))
