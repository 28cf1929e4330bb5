/**
 * STUN servers as people name them: `stun:` URIs (RFC 7064), such as `stun:stun.example.org`, `stun:192.0.2.1:3479` and
 * `stun:[2001:db8::1]`.
 *
 * Taken beyond the RFC: `?transport=udp` or `?transport=tcp`, as in `turn:` URIs (RFC 7065), for a server that speaks one of
 * them only. Without it both are tried. `stuns:` is refused: the library speaks STUN in clear.
 */
import * as Data from "effect/Data"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/** RFC 8489 section 18.6. */
export const DEFAULT_PORT = 3478

/** Characters a URI may have: a domain name has at most 253. */
const MAX_LENGTH = 320

export interface StunUri {
  readonly host: Host.DomainName | NetAddress.IpAddress
  readonly port: number
  readonly udp: boolean
  readonly tcp: boolean
}

/** What names no STUN server, and why. */
export class StunUriError extends Data.TaggedError("StunUriError")<{
  readonly input: string
  readonly problem: string
}> {
  override get message() {
    return `${JSON.stringify(this.input)} names no STUN server: ${this.problem}`
  }
}

const example = "write it as stun:stun.example.org, stun:192.0.2.1:3478 or stun:[2001:db8::1]"

export const fromString = (input: string): Result.Result<StunUri, StunUriError> => {
  const refuse = (problem: string) => Result.fail(new StunUriError({ input: input.slice(0, MAX_LENGTH), problem }))
  if (input.length > MAX_LENGTH) return refuse(`it is longer than ${MAX_LENGTH} characters`)
  const [, scheme = "", place = "", query] = /^(?:([a-z]+):)?([^?]*)(?:\?(.*))?$/is.exec(input) ?? []
  switch (scheme.toLowerCase()) {
    case "stun":
      break
    case "stuns":
      return refuse("STUN over TLS is not spoken; most servers answer stun: as well")
    default:
      return refuse(`it does not begin with stun:; ${example}`)
  }
  if (place.startsWith("//")) return refuse(`there is no // after stun:; ${example}`)
  const transport = query === undefined ? "" : /^transport=(udp|tcp)$/i.exec(query)?.[1]?.toLowerCase()
  if (transport === undefined) return refuse("after ? comes transport=udp or transport=tcp, or nothing")
  const read = Host.hostPortFromString(/^\[[^\]]*\]$|^[^:]*$/.test(place) ? `${place}:${DEFAULT_PORT}` : place)
  if (Result.isFailure(read)) return refuse(`${read.failure.message}; ${example}`)
  const { host, port } = read.success
  if (port === 0) return refuse("0 is not a destination port: use 1 to 65535")
  if (NetAddress.isScopedIpv6Literal(host)) return refuse("an address with a zone reaches no further than its link")
  return Result.succeed({
    host: NetAddress.isIpAddress(host) ? NetAddress.toCanonical(host) : host,
    port,
    udp: transport !== "tcp",
    tcp: transport !== "udp"
  })
}

/** As `fromString` reads it back; the port only where it is not the default one. */
export const format = ({ host, port, tcp, udp }: StunUri): string =>
  `stun:${placeOf(host, port)}${udp === tcp ? "" : `?transport=${udp ? "udp" : "tcp"}`}`

/** Host and port as they stand in a URI. */
export const placeOf = (host: StunUri["host"], port: number): string => {
  if (port !== DEFAULT_PORT) return Host.formatHostPort(Host.hostPortUnsafe(host, port))
  return NetAddress.isIpv6Address(host) ? `[${NetAddress.formatIp(host)}]` : Host.formatHost(host)
}
