/**
 * From a destination as written to the endpoints to try.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { interleave, RESOLUTION_DELAY_MS } from "../../protocols/happyEyeballs/order.ts"
import type { PipeError, PipeOpenError } from "../../services/Pipe.ts"
import type { Destination } from "../../services/Pipes.ts"
import * as Failure from "./failure.ts"

export interface Target {
  /** As written. */
  readonly text: string
  readonly port: number
  /** The name to resolve, or the address. */
  readonly host: Host.DomainName | NetAddress.InetAddress
}

/** Reads a destination. */
export const read = (
  destination: Destination,
  transport: PipeOpenError["transport"]
): Result.Result<Target, PipeError> => {
  const text = typeof destination === "string" ? destination : NetAddress.formatInet(destination)
  const invalid = (detail: string) =>
    Result.fail(Failure.open("open", transport, { kind: "InvalidInput", target: text, detail }))
  const target = (host: Target["host"], port: number): Result.Result<Target, PipeError> =>
    port === 0 ? invalid("0 is not a destination port: use 1 to 65535") : Result.succeed({ text, host, port })

  if (typeof destination !== "string") return target(destination, destination.port)
  const parsed = Host.hostPortFromString(destination)
  if (Result.isFailure(parsed)) {
    return invalid(
      "write host:port, such as example.org:80, 192.0.2.1:80 or [2001:db8::1]:80, with a port of 1 to 65535"
    )
  }
  const { host, port } = parsed.success
  if (NetAddress.isIpAddress(host)) return target(NetAddress.inetAddressUnsafe(host, port), port)
  if (!NetAddress.isScopedIpv6Literal(host)) return target(host, port)
  const scoped = NetAddress.inetAddressFromHostString(host, port)
  return Result.isSuccess(scoped)
    ? target(scoped.success, port)
    : invalid("write the zone of a link-local address as the number of its interface, such as [fe80::1%2]:80")
}

/**
 * The endpoints of a target in the order to try them. Both families are looked up at once; `late` gives what one of them
 * answers when the race has begun, to join it then. Look-ups end with the fibre that asked.
 */
export const endpoints = (
  dns: Dns.Dns["Service"],
  target: Target,
  family: NetAddress.IpFamily | undefined,
  transport: PipeOpenError["transport"]
): Effect.Effect<
  {
    readonly first: ReadonlyArray<NetAddress.InetAddress>
    readonly late: Effect.Effect<ReadonlyArray<NetAddress.InetAddress>>
  },
  PipeError
> => {
  const { host, port, text } = target
  const none = Effect.succeed([])
  if (typeof host !== "string") {
    return family === undefined || NetAddress.familyOf(host) === family
      ? Effect.succeed({ first: [host], late: none })
      : Effect.fail(
          Failure.open("open", transport, {
            kind: "FamilyMismatch",
            target: text,
            remote: host,
            detail: `the destination is ${NetAddress.familyOf(host)}, the local end or the family asked for is ${family}`
          })
        )
  }
  const unknown = (error: Dns.DnsError | undefined) =>
    Failure.open("open", transport, {
      kind: "UnknownHost",
      target: text,
      detail: `"${host}" has no ${family ?? "IPv4 or IPv6"} address: ${advice(error)}`,
      cause: error
    })
  const at = (addresses: ReadonlyArray<NetAddress.IpAddress>) =>
    interleave(addresses).map((address) => NetAddress.inetAddressUnsafe(address, port))
  if (family !== undefined) {
    return Effect.mapBoth(dns.lookup(host, { family }), {
      onFailure: unknown,
      onSuccess: (addresses) => ({ first: at(addresses), late: none })
    })
  }
  return Effect.gen(function* () {
    const lookup = (family: NetAddress.IpFamily) =>
      Effect.forkChild(Effect.result(dns.lookup(host, { family })), { startImmediately: true })
    const v6 = yield* lookup("IPv6")
    const v4 = yield* lookup("IPv4")
    const first = yield* Effect.raceFirst(Fiber.join(v6), Fiber.join(v4))
    const both = Effect.andThen(Fiber.join(v6), Fiber.join(v4))
    // An IPv6 address waits for nobody, an IPv4 one a moment for the better answer (RFC 8305 section 3); where there is
    // none yet, the other answer is all there is to wait for.
    if (!hasAddresses(answerOf(v6))) {
      yield* hasAddresses(first) ? Effect.timeoutOption(both, RESOLUTION_DELAY_MS) : both
    }
    const answered = [v6, v4].flatMap((fiber) => answerOf(fiber) ?? [])
    const found = at(answered.flatMap((answer) => (Result.isSuccess(answer) ? answer.success : [])))
    if (found.length === 0) {
      const errors = answered.flatMap((answer) => (Result.isFailure(answer) ? [answer.failure] : []))
      return yield* unknown(errors.find((error) => error.isTemporary) ?? errors[0])
    }
    const missing = [v6, v4].find((fiber) => answerOf(fiber) === undefined)
    return {
      first: found,
      late:
        missing === undefined
          ? none
          : Effect.map(Fiber.join(missing), (answer) => (Result.isSuccess(answer) ? at(answer.success) : []))
    }
  })
}

// An unknown name and a name service that is out of order need different hands.
const advice = (error: Dns.DnsError | undefined): string => {
  if (error?.isTemporary !== true) return "check the spelling and this machine's DNS"
  const { cause, reason } = error
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : reason
  return `it could not be looked up, the name service did not answer (${code}); check the network and this machine's DNS`
}

const hasAddresses = <E>(answer: Result.Result<ReadonlyArray<unknown>, E> | undefined): boolean =>
  answer !== undefined && Result.isSuccess(answer) && answer.success.length > 0

const answerOf = <A>(fiber: Fiber.Fiber<A>): A | undefined => {
  const exit = fiber.pollUnsafe()
  return exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
}
