/**
 * The contract between the socket layers and the C library.
 */
import * as Data from "effect/Data"
import type * as NetAddress from "effect/net/NetAddress"
import type * as Result from "effect/Result"

/** A failed system call, with the code Node would use. */
export class NativeError extends Data.TaggedError("NativeError")<{
  readonly syscall: string
  readonly code: string
}> {
  override get message() {
    return `${this.syscall} failed (${this.code})`
  }
}

export interface OpenOptions {
  readonly transport: "tcp" | "udp"
  readonly address: NetAddress.InetAddress
  readonly interface?: string | undefined
  /** Share the port: SO_REUSEADDR, and on TCP SO_REUSEPORT. */
  readonly reuse?: boolean | undefined
  readonly ipv6Only?: boolean | undefined
}

export interface NativeCalls {
  /** A bound, non-blocking socket. The caller owns the file descriptor. */
  readonly open: (options: OpenOptions) => Result.Result<number, NativeError>
  /** Closes a descriptor nobody has adopted. */
  readonly close: (fd: number) => void
}
