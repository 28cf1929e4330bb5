/**
 * Names as addresses, of which each is judged before anybody connects to it.
 */
import { lookup } from "node:dns"
import type { LookupFunction } from "node:net"

/** Why not to connect to an IP address. */
export type Judge = (address: string) => string | undefined

/** For sockets; they ask nobody about a host that is an address. */
export const judged =
  (judge: Judge): LookupFunction =>
  (name, options, done) =>
    lookup(name, { ...options, all: true }, (error, found) => {
      // Without an answer there is no `found` either, whatever its type says.
      if (error !== null) return done(error, [])
      const problems = found.flatMap(({ address }) => judge(address) ?? [])
      const good = found.filter(({ address }) => judge(address) === undefined)
      const [first] = good
      if (first === undefined) return done(new Error(`${name} leads where it should not: ${problems.join("; ")}`), [])
      return options.all === true ? done(null, good) : done(null, first.address, first.family)
    })
