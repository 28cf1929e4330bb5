/**
 * What the reasons of `TcpError`, `UdpError` and `PipeError` have in common: the fields every reason carries, and the
 * one sentence builder that turns them into a message a person can act on.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { NetKind } from "../schemas/NetKind.ts"

/** Fields of every reason. `detail` replaces the standard advice where the place of failure knows better. */
export const fields = {
  kind: NetKind,
  local: Schema.optional(Schema.InetAddress),
  remote: Schema.optional(Schema.InetAddress),
  interface: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.String),
  cause: Schema.optional(Schema.Defect())
}

/** The common part of a reason, as data. */
export interface NetFailure {
  readonly op: string
  readonly kind: NetKind
  readonly local?: NetAddress.InetAddress | undefined
  readonly remote?: NetAddress.InetAddress | undefined
  readonly interface?: string | undefined
  readonly detail?: string | undefined
  readonly cause?: unknown
}

// What happened, and what to try, for each kind.
const said: { readonly [K in NetKind]: readonly [happened: string, advice: string] } = {
  AddressInUse: [
    "the address is in use",
    "another socket holds that port: stop it, or choose another port (0 picks one)"
  ],
  AddressNotAvailable: [
    "the local address is not available",
    "use an address of this machine, and not the same pair of endpoints twice"
  ],
  Refused: [
    "the connection was refused",
    "nothing listens there, or a firewall said no: check the port and the server"
  ],
  Reset: ["the peer reset the connection", "the other program ended or dropped it; connect again"],
  Truncated: [
    "the stream was cut short",
    "what came may not be all: the other program was killed, or somebody on the path ended the connection; connect again"
  ],
  Unreachable: ["the network is unreachable", "there is no route to it in this address family from this interface"],
  TimedOut: [
    "nobody answered in time",
    "the host is down, the packets are dropped on the way, or the limit is too short"
  ],
  Permission: [
    "the operating system refused it",
    "ports below 1024, devices and broadcast need rights this process lacks"
  ],
  TooLarge: ["the message is too large", "send less at once, or use a stream transport"],
  Closed: ["it is closed", "open it again before using it"],
  FamilyMismatch: ["the address families differ", "use IPv4 with IPv4 and IPv6 with IPv6"],
  InvalidInput: ["the input is not valid", "check the value"],
  UnknownInterface: ["no interface has that name", "list the interfaces there are with `p2p interfaces`"],
  UnknownHost: ["the host name has no address", "check the spelling and this machine's DNS"],
  TlsFailed: ["the TLS handshake failed", "check the server's name and the certificates both sides trust"],
  LimitReached: ["a limit is reached", "close some, or raise the limit"],
  Unsupported: ["this platform cannot do that", "see the documentation of the option"],
  Unknown: ["it failed", "see the cause"]
}

const codeOf = (cause: unknown): string | undefined =>
  Predicate.hasProperty(cause, "code") && typeof cause.code === "string" ? cause.code : undefined

/**
 * `tcp dial 10.0.0.2:50000 -> 192.0.2.1:80 on eth1: the connection was refused (ECONNREFUSED); nothing listens …`
 * `instead` takes the place of what the kind says happened.
 */
export const message = (subject: string, failure: NetFailure, instead?: string): string => {
  const local = failure.local === undefined ? "" : ` ${NetAddress.formatInet(failure.local)}`
  const remote = failure.remote === undefined ? "" : ` -> ${NetAddress.formatInet(failure.remote)}`
  const device = failure.interface === undefined ? "" : ` on ${failure.interface}`
  const code = codeOf(failure.cause)
  const [happened, advice] = said[failure.kind]
  return `${subject} ${failure.op}${local}${remote}${device}: ${instead ?? happened}${code === undefined ? "" : ` (${code})`}; ${
    failure.detail ?? advice
  }`
}
