/**
 * Names as addresses, of which each is judged before anybody connects to it.
 */
import { lookup, type LookupAddress } from "node:dns"
import type { LookupFunction } from "node:net"

/** Why not to connect to an IP address. */
export type Judge = (address: string) => string | undefined

/** For sockets; they ask nobody about a host that is an address. */
export const judged =
  (judge: Judge): LookupFunction =>
  (name, options, done) => {
    const pick = (error: Error | null, found: ReadonlyArray<LookupAddress>) => {
      const good = found.filter(({ address }) => judge(address) === undefined)
      const [first] = good
      if (error !== null) return done(error, [])
      if (first === undefined)
        return done(new Error(`${name} leads where it should not: ${judge(found[0]!.address)}`), [])
      return options.all === true ? done(null, good) : done(null, first.address, first.family)
    }
    lookup(name, { ...options, all: true }, pick)
  }
