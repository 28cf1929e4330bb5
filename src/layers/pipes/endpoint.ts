/**
 * Endpoints as people write them, and as keys.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

const keys = new WeakMap<NetAddress.InetAddress, string>()

/** One string for each endpoint, remembered for the values that come back with every packet. */
export const keyOf = (endpoint: NetAddress.InetAddress): string => {
  let key = keys.get(endpoint)
  if (key === undefined) {
    key = NetAddress.formatInet(endpoint)
    keys.set(endpoint, key)
  }
  return key
}

export const same = (a: NetAddress.InetAddress, b: NetAddress.InetAddress): boolean =>
  a === b || (a.port === b.port && keyOf(a) === keyOf(b))

/** An endpoint, or what is wrong with the text. */
export const parse = (input: NetAddress.InetAddress | string): Result.Result<NetAddress.InetAddress, string> =>
  typeof input !== "string"
    ? Result.succeed(input)
    : Result.mapError(
        NetAddress.inetAddressFromString(input),
        () => `"${input}" is not an endpoint: write 192.0.2.1:80 or [2001:db8::1]:80`
      )

/** What is wrong with sending to this endpoint on a pipe with one peer. */
export const notThePeer = (
  to: NetAddress.InetAddress | string | undefined,
  remote: NetAddress.InetAddress
): string | undefined => {
  if (to === undefined || to === remote) return undefined
  const endpoint = parse(to)
  if (Result.isFailure(endpoint)) return endpoint.failure
  return same(endpoint.success, remote) ? undefined : `this pipe leads only to ${keyOf(remote)}`
}
