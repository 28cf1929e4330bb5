/** Choosing the external port of a new mapping. */
import type { Allocation, PortRange } from "../../schemas/NatDevice.ts"

export interface PortRules {
  readonly allocation: Allocation
  readonly range: PortRange
  readonly parity: boolean
}

/** The last mapping made, which `Independent` and `Dependent` count on from; -1 before the first. */
export interface Last {
  insidePort: number
  outsidePort: number
}

/**
 * How many ports are tried in a row before the search goes on elsewhere with half as many, until those are fewer than 16:
 * Linux's numbers. A range of at most this many ports is searched whole; in a larger one the search may give up with a few
 * percent free.
 */
const MAX_ATTEMPTS = 128
const MIN_ATTEMPTS = 16

const sizeOf = (range: PortRange): number => range.last - range.first + 1

const wrap = (port: number, range: PortRange): number => {
  const size = sizeOf(range)
  return range.first + ((((port - range.first) % size) + size) % size)
}

const pick = (range: PortRange, random: () => number): number => range.first + Math.floor(random() * sizeOf(range))

/** The part of the range on the same side of 1024 as the internal port, if there is one (RFC 4787 REQ-3a). */
const sameClass = (range: PortRange, insidePort: number): PortRange => {
  if (insidePort >= 1024) {
    return range.last < 1024 || range.first >= 1024 ? range : { first: 1024, last: range.last }
  }
  return range.first >= 1024 || range.last < 1024 ? range : { first: range.first, last: 1023 }
}

/**
 * The port for `insidePort`, `undefined` when none is free. `again` is a port the same inside endpoint is mapped to already
 * and keeps if it can, as Linux does first of all (-1: none); `taken` says what cannot be used.
 */
export const choosePort = (
  rules: PortRules,
  last: Last,
  insidePort: number,
  again: number,
  random: () => number,
  taken: (port: number) => boolean
): number | undefined => {
  const { allocation, parity, range } = rules
  const fits = (port: number): boolean => (!parity || (port & 1) === (insidePort & 1)) && !taken(port)
  switch (allocation._tag) {
    case "Equal":
    case "Preserving": {
      const wanted = allocation._tag === "Equal" ? insidePort : wrap(insidePort + allocation.offset, range)
      if (again >= 0 && fits(again)) return again
      if (wanted >= range.first && wanted <= range.last && fits(wanted)) return wanted
      const pool = sameClass(range, insidePort)
      return search(pool, pick(pool, random), parity, random, fits)
    }
    case "Random": {
      const pool = sameClass(range, insidePort)
      return search(pool, pick(pool, random), parity, random, fits)
    }
    case "Independent":
    case "Dependent": {
      const follows = last.outsidePort >= 0 && (allocation._tag === "Independent" || insidePort === last.insidePort + 1)
      const start = follows ? wrap(last.outsidePort + allocation.step, range) : pick(range, random)
      return search(range, start, parity, random, fits)
    }
  }
}

const search = (
  range: PortRange,
  start: number,
  parity: boolean,
  random: () => number,
  fits: (port: number) => boolean
): number | undefined => {
  const size = sizeOf(range)
  // With parity every second port is out, so twice as many are looked at.
  const factor = parity ? 2 : 1
  let attempts = Math.min(size, MAX_ATTEMPTS * factor)
  let from = start
  for (;;) {
    for (let i = 0; i < attempts; i++) {
      const port = wrap(from + i, range)
      if (fits(port)) return port
    }
    if (attempts >= size || attempts < MIN_ATTEMPTS * factor) return undefined
    attempts >>= 1
    from = pick(range, random)
  }
}
