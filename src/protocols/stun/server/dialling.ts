/** Whom the server dials for a probe back: never an address that could stand for somebody else from where the server is. */
import type * as NetAddress from "effect/net/NetAddress"
import { classOf, isPublic, type SpecialUse } from "../../addresses/specialUse.ts"

/** Ranges in which hosts are, though not on the internet. Nobody is at an address of any other special use. */
const inhabited: ReadonlySet<SpecialUse> = new Set([
  "loopback",
  "private",
  "cgnat",
  "link-local",
  "unique-local",
  "site-local",
  "documentation",
  "benchmarking"
])

/** Public addresses, and those of a special range that the dialling address itself is in. */
export const mayDial = (target: NetAddress.IpAddress, from: NetAddress.IpAddress): boolean => {
  if (isPublic(target)) return true
  const use = classOf(target)
  return inhabited.has(use) && classOf(from) === use
}
