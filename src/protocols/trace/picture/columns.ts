/**
 * Which node stands in which column: neighbours on the network side by side, so that arrows are short.
 */
import type { TraceEvent } from "../TraceEvent.ts"

/** Beyond this many, nodes stand in the order they first appear: the search for a better one would take too long. */
const MAX_ARRANGED = 40

/** `wanted` first, in its order; then the others, arranged. */
export const arrange = (events: ReadonlyArray<TraceEvent>, wanted: ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = new Set(wanted)
  for (const { from, to } of events) {
    names.add(from)
    if (to !== undefined) names.add(to)
  }
  const fixed = new Set(wanted).size
  const order = [...names]
  return order.length > MAX_ARRANGED ? order : shorten(order, fixed, trafficOf(events))
}

/** Packets between two nodes, either way. */
type Traffic = ReadonlyArray<readonly [a: string, b: string, packets: number]>

const trafficOf = (events: ReadonlyArray<TraceEvent>): Traffic => {
  const counts = new Map<string, [string, string, number]>()
  for (const { from, to } of events) {
    if (to === undefined || from === to) continue
    const [a, b] = from < to ? [from, to] : [to, from]
    const entry = counts.get(`${a} ${b}`)
    if (entry === undefined) counts.set(`${a} ${b}`, [a, b, 1])
    else entry[2]++
  }
  return [...counts.values()]
}

const lengthOf = (order: ReadonlyArray<string>, traffic: Traffic): number => {
  const place = new Map(order.map((name, index) => [name, index]))
  return traffic.reduce((sum, [a, b, packets]) => sum + packets * Math.abs(place.get(a)! - place.get(b)!), 0)
}

// Moves one node at a time to the place where all arrows together are shortest, until no move helps.
const shorten = (start: ReadonlyArray<string>, fixed: number, traffic: Traffic): ReadonlyArray<string> => {
  let best = start
  let length = lengthOf(best, traffic)
  for (let improved = true; improved;) {
    improved = false
    for (const name of start.slice(fixed)) {
      const others = best.filter((other) => other !== name)
      for (let at = fixed; at <= others.length; at++) {
        const order = others.toSpliced(at, 0, name)
        const shorter = lengthOf(order, traffic)
        if (shorter >= length) continue
        best = order
        length = shorter
        improved = true
      }
    }
  }
  return best
}
