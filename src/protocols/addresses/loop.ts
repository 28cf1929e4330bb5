/** This machine's loop leads nowhere else, and nothing else leads to it. */
import * as NetAddress from "effect/net/NetAddress"

/** Whether packets from one address can get to another at all, as far as the loop goes. */
export const canReach = (from: NetAddress.IpAddress, to: NetAddress.IpAddress): boolean =>
  NetAddress.isLoopback(NetAddress.toCanonical(from)) === NetAddress.isLoopback(NetAddress.toCanonical(to))
