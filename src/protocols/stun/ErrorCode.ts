/** The codes of error responses and their words (RFC 8489 section 14.8, RFC 8656 section 19, RFC 6062 section 6.3). */

export const TRY_ALTERNATE = 300
export const BAD_REQUEST = 400
export const UNAUTHENTICATED = 401
export const FORBIDDEN = 403
export const UNKNOWN_ATTRIBUTE = 420
export const ALLOCATION_MISMATCH = 437
export const STALE_NONCE = 438
export const ADDRESS_FAMILY_NOT_SUPPORTED = 440
export const WRONG_CREDENTIALS = 441
export const UNSUPPORTED_TRANSPORT = 442
export const PEER_ADDRESS_FAMILY_MISMATCH = 443
export const CONNECTION_ALREADY_EXISTS = 446
export const CONNECTION_TIMEOUT = 447
export const ALLOCATION_QUOTA_REACHED = 486
export const SERVER_ERROR = 500
export const INSUFFICIENT_CAPACITY = 508

const reasons: Readonly<Record<number, string>> = {
  [TRY_ALTERNATE]: "Try Alternate",
  [BAD_REQUEST]: "Bad Request",
  [UNAUTHENTICATED]: "Unauthenticated",
  [FORBIDDEN]: "Forbidden",
  [UNKNOWN_ATTRIBUTE]: "Unknown Attribute",
  [ALLOCATION_MISMATCH]: "Allocation Mismatch",
  [STALE_NONCE]: "Stale Nonce",
  [ADDRESS_FAMILY_NOT_SUPPORTED]: "Address Family not Supported",
  [WRONG_CREDENTIALS]: "Wrong Credentials",
  [UNSUPPORTED_TRANSPORT]: "Unsupported Transport Protocol",
  [PEER_ADDRESS_FAMILY_MISMATCH]: "Peer Address Family Mismatch",
  [CONNECTION_ALREADY_EXISTS]: "Connection Already Exists",
  [CONNECTION_TIMEOUT]: "Connection Timeout or Failure",
  [ALLOCATION_QUOTA_REACHED]: "Allocation Quota Reached",
  [SERVER_ERROR]: "Server Error",
  [INSUFFICIENT_CAPACITY]: "Insufficient Capacity"
}

/** The RFC's words for a code; empty where it has none. */
export const reasonOf = (code: number): string => reasons[code] ?? ""
