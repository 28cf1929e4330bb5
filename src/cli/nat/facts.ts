/** NAT profiles for people: what it means for them first, then every fact, then why what is unknown is. */
import * as Duration from "effect/Duration"
import * as NetAddress from "effect/net/NetAddress"
import { CONFIDENT } from "../../protocols/natprofile/confidence.ts"
import { classicName } from "../../protocols/natprofile/names.ts"
import { inWords } from "../../protocols/natprofile/words.ts"
import type { Delta, Lifetime, Measured, NatCount, NatProfile } from "../../schemas/NatProfile.ts"
import * as Output from "../output.ts"

interface Fact {
  readonly name: string
  readonly of: (profile: NatProfile) => Measured<string>
}

const shown = <A>(measured: Measured<A>, show: (value: A) => string): Measured<string> =>
  measured._tag === "Known"
    ? { ...measured, value: show(measured.value) }
    : { ...measured, possible: measured.possible?.map(show) }

const yesNo = (value: boolean): string => (value ? "yes" : "no")

const showDelta = ({ kind, step }: Delta): string =>
  kind === "equal" || kind === "random" ? kind : `${kind} ${step < 0 ? step : `+${step}`}`

const span = (millis: number): string => Duration.format(Duration.millis(millis))

const showLifetime = ({ atLeast, below }: Lifetime): string =>
  below === undefined ? `${span(atLeast)} or more` : `${span(atLeast)} to ${span(below)}`

const showCount = ({ carrier, count, exact }: NatCount): string =>
  `${exact ? "" : "at least "}${count}${carrier ? ", one of them the carrier's" : ""}`

/** Unknown is said; what is not quite sure says how sure it is. */
const cell = (measured: Measured<string>): string => {
  if (measured._tag === "Known") {
    const percent = Math.floor(measured.confidence * 100)
    return measured.confidence < CONFIDENT ? `${measured.value} (${percent} %)` : measured.value
  }
  return measured.possible === undefined || measured.possible.length === 0
    ? "unknown"
    : `unknown: ${measured.possible.join(" or ")}`
}

const facts: ReadonlyArray<Fact> = [
  { name: "type", of: (profile) => shown(classicName(profile), (name) => name) },
  { name: "external address", of: ({ external }) => shown(external, NetAddress.formatIp) },
  { name: "mapping", of: ({ mapping }) => shown(mapping, (rule) => rule) },
  { name: "filtering", of: ({ filtering }) => shown(filtering, (rule) => rule) },
  { name: "delta", of: ({ delta }) => shown(delta, showDelta) },
  { name: "port range", of: ({ range }) => shown(range, ([low, high]) => `${low} to ${high}`) },
  { name: "unsolicited", of: ({ unsolicited }) => shown(unsolicited, (policy) => policy) },
  { name: "hairpinning", of: ({ hairpin }) => shown(hairpin, yesNo) },
  { name: "lifetime", of: ({ lifetime }) => shown(lifetime, showLifetime) },
  { name: "NATs", of: ({ nats }) => shown(nats, showCount) },
  {
    name: "others' mappings",
    of: ({ noise }) => shown(noise, (perSecond) => `about ${perSecond.toFixed(1)} a second`)
  }
]

const upper = ({ transport }: NatProfile): string => transport.toUpperCase()

/** Something came through, so there is something to list. */
const isHeard = ({ blocked }: NatProfile): boolean => blocked._tag === "Known" && !blocked.value

// Why facts are unknown, each reason once with the facts it is the reason for.
const reasons = (profiles: ReadonlyArray<NatProfile>): ReadonlyArray<string> => {
  const said = new Map<string, Array<string>>()
  for (const profile of profiles.filter(isHeard)) {
    for (const { name, of } of facts) {
      const fact = of(profile)
      if (fact._tag === "Unknown")
        said.set(fact.detail, [...(said.get(fact.detail) ?? []), `${upper(profile)} ${name}`])
    }
  }
  return [...said].map(([why, names]) => `${names.join(", ")}: ${why}`)
}

const list = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join("\n")]

const section = (profiles: ReadonlyArray<NatProfile>): string => {
  const { family, interface: device } = profiles[0]!
  const words = profiles.map((profile) => [upper(profile), inWords(profile)])
  const rows = facts.map(({ name, of }) => [name].concat(profiles.map((each) => cell(of(each)))))
  return [
    `${device} ${family}`,
    Output.table(words),
    ...(profiles.some(isHeard) ? [Output.table([["", ...profiles.map(upper)], ...rows])] : []),
    ...list("Unknown, because", reasons(profiles)),
    ...list("Beware", [...new Set(profiles.flatMap(({ warnings }) => warnings))])
  ].join("\n\n")
}

/** One section for each interface and family. */
export const describe = (profiles: ReadonlyArray<NatProfile>): string => {
  const routes = new Map<string, Array<NatProfile>>()
  for (const profile of profiles) {
    const key = `${profile.interface} ${profile.family}`
    routes.set(key, [...(routes.get(key) ?? []), profile])
  }
  return [...routes.values()].map(section).join("\n\n\n")
}
