/**
 * From the servers as people name them to the ones to ask: each `stun:` URI looked up, one server for each address.
 *
 * A name that cannot be looked up, or a URI that makes no sense, is a problem in the result and stops nothing else.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { StunServer } from "../../protocols/natprofile/Plan.ts"
import * as Uri from "../../protocols/stun/uri.ts"

/** How long a name service may take. */
const LOOKUP_TIMEOUT: Duration.Input = "5 seconds"

/** Addresses of one name that are asked; a public pool may have hundreds. */
const MAX_ADDRESSES = 16

/** A URI that gave no server, or not all of its servers, and why. */
export interface ServerProblem {
  readonly uri: string
  readonly problem: string
}

export interface ResolvedServers {
  /** In the order of the URIs, each endpoint once. Ids are readable and unique: see `resolveServers`. */
  readonly servers: ReadonlyArray<StunServer>
  readonly problems: ReadonlyArray<ServerProblem>
}

interface Found {
  readonly uri: Uri.StunUri
  readonly addresses: ReadonlyArray<NetAddress.IpAddress>
  readonly problem: string | undefined
}

/**
 * Looks up all URIs at once, both families of a name. The id of a server is its host, `stun.example.org`, with the port
 * where it is not 3478, and the address where the name has several: `stun.example.org/203.0.113.9`. Of two URIs that lead to
 * one endpoint the first names it, and it speaks what either says.
 */
export const resolveServers = Effect.fn("StunServers.resolve")(function* (
  uris: ReadonlyArray<string>,
  options: { readonly timeout?: Duration.Input | undefined } = {}
): Effect.fn.Return<ResolvedServers, never, Dns.Dns> {
  const dns = yield* Dns.Dns
  const all = yield* Effect.forEach(uris, (uri) => find(dns, uri, options.timeout ?? LOOKUP_TIMEOUT), {
    concurrency: "unbounded"
  })
  const servers = new Map<string, StunServer>()
  const problems: Array<ServerProblem> = []
  for (const [at, found] of all.entries()) {
    const written = uris[at]!
    if (Result.isFailure(found)) {
      problems.push({ uri: written, problem: found.failure.problem })
      continue
    }
    const { addresses, problem, uri } = found.success
    if (problem !== undefined) problems.push({ uri: written, problem })
    for (const address of addresses) {
      const endpoint = NetAddress.inetAddressUnsafe(address, uri.port)
      const key = NetAddress.formatInet(endpoint)
      const there = servers.get(key)
      const name = Uri.placeOf(uri.host, uri.port)
      servers.set(key, {
        id: there?.id ?? (addresses.length === 1 ? name : `${name}/${NetAddress.formatIp(address)}`),
        endpoint,
        udp: uri.udp || there?.udp === true,
        tcp: uri.tcp || there?.tcp === true
      })
    }
  }
  return { servers: [...servers.values()], problems }
})

const find = (dns: Dns.Dns["Service"], written: string, timeout: Duration.Input) =>
  Effect.gen(function* () {
    const uri = yield* Effect.fromResult(Uri.fromString(written))
    if (NetAddress.isIpAddress(uri.host)) return { uri, addresses: [uri.host], problem: undefined }
    const { host } = uri
    const lookup = (family: NetAddress.IpFamily) =>
      dns.lookup(host, { family }).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(new Dns.DnsError({ reason: "Timeout", method: "lookup", hostname: host }))
        }),
        Effect.result
      )
    const answers = yield* Effect.all([lookup("IPv4"), lookup("IPv6")], { concurrency: 2 })
    const addresses = answers.flatMap((answer) => (Result.isSuccess(answer) ? answer.success : []))
    const errors = answers.flatMap((answer) => (Result.isFailure(answer) ? [answer.failure] : []))
    return { uri, addresses: addresses.slice(0, MAX_ADDRESSES), problem: problemOf(host, addresses.length, errors) }
  }).pipe((effect): Effect.Effect<Result.Result<Found, Uri.StunUriError>> => Effect.result(effect))

// That a name has no address of one family is no problem; that nobody can say whether it has is one.
const problemOf = (host: string, count: number, errors: ReadonlyArray<Dns.DnsError>): string | undefined => {
  if (count > MAX_ADDRESSES) return `"${host}" has ${count} addresses, the first ${MAX_ADDRESSES} are used`
  const error = errors.find(({ isTemporary }) => isTemporary) ?? (count === 0 ? errors[0] : undefined)
  if (error === undefined) return undefined
  const what = `"${host}" ${count === 0 ? "has no address" : "may have more addresses"}`
  return error.isTemporary
    ? `${what}: the name service did not answer (${error.reason}); check the network and this machine's DNS`
    : `${what} (${error.reason}): check the spelling and this machine's DNS`
}
