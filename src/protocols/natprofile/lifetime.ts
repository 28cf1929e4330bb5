/**
 * How long an idle UDP mapping lives (RFC 5780 section 4.6), when asked for: it takes as long as the longest time tried.
 *
 * Each time is tried by a mapping of its own, all at once: it is made, left idle, and then the server is asked from another
 * socket to answer into it (RESPONSE-PORT). An answer shows that it lived. Probing one mapping again and again would keep it
 * alive, and making it anew cannot be told from finding it.
 */
import type { Lifetime, Measured } from "../../schemas/NatProfile.ts"
import { known, succession, unknown } from "./confidence.ts"
import type { Contacted } from "./contact.ts"
import type { Facts } from "./facts.ts"
import { type Plan, type Probe, probeId, type Route, type Slot, unchanged } from "./Plan.ts"

const SECOND = 1000
/**
 * What devices are set to, and the 2 and 5 minutes of RFC 4787 REQ-5; each is tried a little before and after. No mapping ends
 * within the first second: silence then shows a server that does not honour RESPONSE-PORT.
 */
export const IDLE_TIMES_MS: ReadonlyArray<number> = [
  15, 28, 32, 58, 62, 88, 92, 118, 122, 178, 182, 238, 242, 298, 302
].map((seconds) => seconds * SECOND)

const TRANSMISSIONS = [0, 100, 250, 500]
const WAIT_MS = 1000

/** `server` has to honour RESPONSE-PORT: one that answers with an error 420 shows so at once, in the first probe. */
export const lifetimePlan = (
  route: Route,
  { server }: Contacted,
  idleTimes: ReadonlyArray<number> = IDLE_TIMES_MS
): Plan => {
  const slots: Array<Slot> = []
  const probes: Array<Probe> = []
  const slot = (name: string): string => {
    const id = probeId(route, "udp", name)
    slots.push({ id, transport: "udp", address: route.address, listen: false })
    return id
  }
  const add = (name: string, from: string, at: number, own: Partial<Probe>): string => {
    const id = probeId(route, "udp", name)
    probes.push({
      id,
      interface: route.interface,
      family: route.family,
      transport: "udp",
      test: "lifetime",
      slot: from,
      server: server.id,
      target: { _tag: "Endpoint", endpoint: server.endpoint },
      change: unchanged,
      after: [],
      at,
      transmissions: TRANSMISSIONS,
      wait: WAIT_MS,
      ...own
    })
    return id
  }
  const asker = slot("lifetime-asker")
  for (const [index, idle] of idleTimes.entries()) {
    const made = add(`lifetime-${idle / SECOND}s-made`, slot(`lifetime-${idle / SECOND}s`), index * 20, {})
    add(`lifetime-${idle / SECOND}s`, asker, index * 20 + idle, { after: [made], responsePort: made, idle })
  }
  return { slots, probes }
}

export const lifetime = (facts: Facts, changed: Measured<boolean>): Measured<Lifetime> => {
  const tests = facts.observations.filter(({ idle, test }) => test === "lifetime" && idle !== undefined)
  const ids = tests.map(({ id }) => id)
  if (facts.subject.transport === "tcp") return unknown("not-asked", "TCP mappings live for hours (RFC 5382 REQ-5)")
  if (tests.length === 0) {
    return changed._tag === "Known" && !changed.value
      ? unknown("not-asked", "without translation only a firewall could forget; it was not asked for")
      : unknown("not-asked", "it takes minutes and was not asked for")
  }
  const refused = tests.find(({ outcome }) => outcome._tag === "ErrorAnswer")
  if (refused !== undefined) {
    return unknown(
      "needs-response-port",
      `server ${refused.server} does not honour RESPONSE-PORT (RFC 5780 section 7.5)`,
      ids
    )
  }
  const alive = tests.flatMap(({ idle, outcome }) => (outcome._tag === "Answered" ? [idle!] : []))
  const dead = tests.flatMap(({ idle, outcome }) => (outcome._tag === "Silent" ? [idle!] : []))
  if (alive.length === 0) {
    return unknown(
      "too-few-answers",
      "no answer came into an idle mapping: the server may not honour RESPONSE-PORT",
      ids
    )
  }
  const atLeast = Math.max(...alive)
  const below = dead.filter((idle) => idle > atLeast).toSorted((a, b) => a - b)[0]
  const against = dead.filter((idle) => idle < atLeast).length
  const votes = alive.length + dead.length
  return known(below === undefined ? { atLeast } : { atLeast, below }, succession(votes) * (1 - against / votes), ids)
}
