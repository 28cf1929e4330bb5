/**
 * What kind of failure a network operation had: the operating systems' error numbers folded into words that mean the
 * same on every platform, every transport, and on the simulated network.
 */
import * as Schema from "effect/Schema"

export const NetKind = Schema.Literals([
  /** Another socket holds the local address and port (EADDRINUSE). */
  "AddressInUse",
  /** The local address is not one of this machine's, or the same pair of endpoints is connected already (EADDRNOTAVAIL). */
  "AddressNotAvailable",
  /** The remote machine answered that nothing listens there (ECONNREFUSED). */
  "Refused",
  /** The remote machine dropped an established connection (ECONNRESET, EPIPE). */
  "Reset",
  /** A stream ended without its sender having ended it, so that what came may not be all (TLS without close_notify). */
  "Truncated",
  /** No route, or a router said so (ENETUNREACH, EHOSTUNREACH, ENETDOWN). */
  "Unreachable",
  /** Nobody answered in time (ETIMEDOUT, or the caller's own limit). */
  "TimedOut",
  /** The operating system does not allow it (EACCES, EPERM). */
  "Permission",
  /** The datagram or message is larger than the path, the protocol or a limit allows (EMSGSIZE). */
  "TooLarge",
  /** The socket or pipe is closed. */
  "Closed",
  /** IPv4 was asked of something that is IPv6, or the reverse (EAFNOSUPPORT). */
  "FamilyMismatch",
  /** An argument cannot mean anything: a malformed endpoint, port 70000, a destination without port. */
  "InvalidInput",
  /** No interface has that name. */
  "UnknownInterface",
  /** The name has no address. */
  "UnknownHost",
  /** The peer's certificate, or the TLS handshake, was not acceptable. */
  "TlsFailed",
  /** A limit of this process or a configured bound is reached (EMFILE, ENOBUFS, a full queue). */
  "LimitReached",
  /** This platform or runtime cannot do it. */
  "Unsupported",
  "Unknown"
])
export type NetKind = typeof NetKind.Type
