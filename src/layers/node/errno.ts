/**
 * Node's error codes as kinds of failure.
 */
import type { NetKind } from "../../schemas/NetKind.ts"
import { TcpError } from "../../services/Tcp.ts"

const kinds: { readonly [code: string]: NetKind } = {
  EADDRINUSE: "AddressInUse",
  EADDRNOTAVAIL: "AddressNotAvailable",
  ECONNREFUSED: "Refused",
  ECONNRESET: "Reset",
  EPIPE: "Reset",
  ECONNABORTED: "Reset",
  EOF: "Truncated",
  ENETUNREACH: "Unreachable",
  EHOSTUNREACH: "Unreachable",
  ENETDOWN: "Unreachable",
  EHOSTDOWN: "Unreachable",
  ENONET: "Unreachable",
  ETIMEDOUT: "TimedOut",
  EACCES: "Permission",
  EPERM: "Permission",
  EMSGSIZE: "TooLarge",
  EBADF: "Closed",
  ENOTCONN: "Closed",
  ERR_STREAM_DESTROYED: "Closed",
  ERR_STREAM_WRITE_AFTER_END: "Closed",
  ERR_SOCKET_CLOSED: "Closed",
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: "Closed",
  ERR_SOCKET_DGRAM_NOT_RUNNING: "Closed",
  EAFNOSUPPORT: "FamilyMismatch",
  EINVAL: "InvalidInput",
  ERR_SOCKET_BAD_PORT: "InvalidInput",
  ERR_INVALID_ARG_VALUE: "InvalidInput",
  ENODEV: "UnknownInterface",
  EMFILE: "LimitReached",
  ENFILE: "LimitReached",
  ENOBUFS: "LimitReached",
  ENOMEM: "LimitReached",
  ENOTSUP: "Unsupported",
  ENOPROTOOPT: "Unsupported",
  EOPNOTSUPP: "Unsupported"
}

/** The `code` of an error thrown or emitted by Node. */
export const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** The kind of such an error. A stream over a connection of another kind fails with that one's own errors. */
export const kindOf = (cause: unknown): NetKind =>
  cause instanceof TcpError ? cause.reason.kind : (kinds[codeOf(cause)] ?? "Unknown")
