/**
 * `p2p simulate`: what two NATs do to UDP and TCP, shown packet by packet in a simulated internet.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { deviceNamed, devices } from "../protocols/nat/devices/devices.ts"
import * as Trace from "../protocols/trace/Trace.ts"
import * as Output from "./output.ts"
import * as Files from "./simulate/files.ts"
import { summary } from "./simulate/summary.ts"
import { COLUMNS, run, SERVER_ADDRESS, START } from "./simulate/world.ts"

const device = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(description),
    Flag.withDefault("linux-router"),
    Flag.mapEffect((value) =>
      Effect.mapError(
        Effect.fromResult(deviceNamed(value)),
        ({ message }) => new CliError.ValidationError({ message: `--${name}: ${message}` })
      )
    )
  )

const MAX_LATENCY = 10_000
const units: { readonly [unit: string]: number } = { us: 0.001, ms: 1, s: 1000 }

const latency = (value: string): Option.Option<number> => {
  const [, number, unit = "ms"] = /^(\d+(?:\.\d+)?) ?(us|ms|s)?$/.exec(value.trim()) ?? []
  const millis = Number(number ?? Number.NaN) * units[unit]!
  return millis <= MAX_LATENCY ? Option.some(millis) : Option.none()
}

const file = (name: string, description: string) =>
  Flag.File(name).pipe(Flag.withDescription(description), Flag.optional)

export const simulate = Command.make(
  "simulate",
  {
    natA: device("nat-a", "What stands before alice, a device of --list. Default linux-router"),
    natB: device("nat-b", "What stands before bob. Default linux-router"),
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("Decides all that is left to chance: the same seed gives the same packets. Default 1"),
      Flag.withDefault(1)
    ),
    latency: Flag.String("latency").pipe(
      Flag.withMetavar("TIME"),
      Flag.withDescription("One way across the internet, such as 500us or 1.5s. Default 20ms"),
      Flag.withDefault("20ms"),
      Flag.filterMap(latency, () => "a time from 0 to 10 s, such as 20ms, 500us or 1.5s")
    ),
    loss: Flag.Finite("loss").pipe(
      Flag.withMetavar("PERCENT"),
      Flag.withDescription("Packets lost on the internet. Default 0"),
      Flag.withDefault(0),
      Flag.filter(
        (percent) => percent >= 0 && percent <= 100,
        () => "0 to 100"
      )
    ),
    svg: file("svg", "Write a picture of it there"),
    pcap: file("pcap", "Write its packets there, for Wireshark (pcapng)"),
    list: Flag.Boolean("list").pipe(Flag.withDescription("Show the devices there are"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ list, natA, natB, ...flags }) {
    if (list) {
      return yield* Output.line(Output.table(devices.map(({ name, summary }) => [name, summary])))
    }
    const settings = { natA, natB, seed: flags.seed, latency: flags.latency, loss: flags.loss / 100 }
    const outcome = yield* run(settings)
    const { omitted, trace } = outcome
    if (Option.isSome(flags.svg)) {
      const title = `${natA.name} and ${natB.name}: ${Duration.format(Duration.millis(flags.latency))}, ${flags.loss} % loss, seed ${flags.seed}`
      const captions = { "nat-a": natA.name, "nat-b": natB.name, server: SERVER_ADDRESS }
      const picture = Trace.toSvg(trace, { title, columns: COLUMNS, gateways: ["nat-a", "nat-b"], captions, omitted })
      yield* Files.write(flags.svg.value, new TextEncoder().encode(picture))
    }
    if (Option.isSome(flags.pcap)) yield* Files.write(flags.pcap.value, Trace.toPcapng(trace, { start: START }))
    yield* Output.line(`${Trace.toText(trace)}\n${summary(settings, outcome)}`)
  })
).pipe(Command.withDescription("Show what two NATs do to UDP and TCP, in a simulated internet"))
