/**
 * What a failed connect comes to: one sentence on what happened, and one on what would help most.
 */
import type { AttemptRecord } from "../../schemas/Attempt.ts"
import type { NatBrief } from "../../schemas/PeerAddress.ts"
import { briefOf, chanceThrough } from "./chance.ts"

export interface Situation {
  readonly attempts: ReadonlyArray<AttemptRecord>
  /** What is known of the NATs of both sides. */
  readonly mine: ReadonlyArray<NatBrief>
  readonly theirs: ReadonlyArray<NatBrief>
  /** Whether this peer has a broker, and whether the other names one. */
  readonly brokers: { readonly mine: boolean; readonly theirs: boolean }
}

const started = (attempts: ReadonlyArray<AttemptRecord>) => attempts.filter((each) => each.started !== undefined)

/** `3 ways were tried: 2 direct, 1 reverse` */
export const summary = (attempts: ReadonlyArray<AttemptRecord>): string => {
  const tried = started(attempts)
  if (tried.length === 0) return "nothing could be tried"
  const strategies = [...new Set(tried.map(({ strategy }) => strategy))]
  const counts = strategies.map((name) => `${tried.filter(({ strategy }) => strategy === name).length} ${name}`)
  return `${tried.length === 1 ? "1 way was" : `${tried.length} ways were`} tried (${counts.join(", ")}), and none got through`
}

/** What is not known of TCP is most likely as it is for UDP, which is easier to measure. */
const isFiltered = (nats: ReadonlyArray<NatBrief>): boolean => {
  const families = [...new Set(nats.map(({ family }) => family))]
  const chances = families.map((family) => {
    const tcp = chanceThrough(briefOf(nats, family))
    const udp = nats.find((nat) => nat.family === family && nat.transport === "udp")
    return tcp === "unknown" ? chanceThrough(udp) : tcp
  })
  return chances.length > 0 && chances.every((chance) => chance === "filtered")
}

const isBlocked = (nats: ReadonlyArray<NatBrief>): boolean => {
  const tcp = nats.filter(({ transport }) => transport === "tcp")
  return tcp.length > 0 && tcp.every(({ type }) => type === "blocked")
}

const MAPPING = "open a port on one of the two routers, or use IPv6 where both have it"

const failedBy =
  (...reasons: ReadonlyArray<string>) =>
  ({ attempts }: Situation): boolean =>
    attempts.some(({ reason }) => reason !== undefined && reasons.includes(reason))

const stuckAt =
  (step: AttemptRecord["step"]) =>
  ({ attempts }: Situation): boolean =>
    attempts.some((each) => each.step === step && each.outcome !== "connected")

/** The first that fits, from what is surest. */
const advices: ReadonlyArray<readonly [fits: (situation: Situation) => boolean, advice: string]> = [
  [failedBy("WrongPeer"), "another peer answers at that address: ask for a new one"],
  [failedBy("not-allowed"), "the other peer was reached and does not allow this one: ask its owner"],
  [failedBy("busy"), "the other peer was reached and has no room: try again later"],
  [failedBy("version"), "the other peer was reached and runs another version: update the older one"],
  [({ mine }) => isBlocked(mine), "no TCP gets out of this network: use another one"],
  [({ theirs }) => isBlocked(theirs), "no TCP gets out of the other's network: it must use another one"],
  [
    ({ mine, theirs }) => isFiltered(mine) && isFiltered(theirs),
    `both sides are behind a NAT or firewall that lets nobody in: ${MAPPING}`
  ],
  [stuckAt("wait"), `the other side is there and could not dial back: ${MAPPING}`],
  [failedBy("NoBroker"), "no broker can be reached: check this machine's network, or use another broker"],
  [
    stuckAt("signal"),
    "the other side did not answer by its brokers: it may be off, or its address old; ask for a new one"
  ],
  [({ brokers }) => !brokers.theirs, "give both sides a broker, so that one can ask the other to dial back"],
  [
    ({ attempts, mine, theirs }) => started(attempts).length === 0 && mine.length === 0 && theirs.length === 0,
    "neither side knows its address outside: name a STUN server on both"
  ],
  [({ attempts }) => started(attempts).length > 0, "the other side may be off, or its address old: ask for a new one"]
]

export const advice = (situation: Situation): string =>
  advices.find(([fits]) => fits(situation))?.[1] ??
  "see why each candidate was skipped; both peers need a network in common, or the internet"
