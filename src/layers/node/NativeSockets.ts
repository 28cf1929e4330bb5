/**
 * What JavaScript sockets cannot do by themselves, done by calls into the C library: tie a socket to an interface
 * (SO_BINDTODEVICE, IP_BOUND_IF) and learn which destination an ICMP report is about (IP_RECVERR).
 *
 * Optional. By default there is none and the socket layers do without; `layer` needs the `koffi` package, `layerAuto`
 * uses it where it is installed.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as libc from "./native/libc.ts"

/** A failed system call, with the code Node would use. */
export class NativeError extends Data.TaggedError("NativeError")<{
  readonly syscall: string
  readonly code: string
}> {
  override get message() {
    return `${this.syscall} failed (${this.code})`
  }
}

/** `koffi` is not installed or does not load here. */
export class NativeUnavailable extends Data.TaggedError("NativeUnavailable")<{ readonly cause: unknown }> {
  override get message() {
    return "native socket options need the package `koffi` (npm install koffi) on Linux or macOS"
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

/** An ICMP report taken from a socket's error queue: what it says, and where the datagram in question went. */
export interface IcmpReport {
  readonly code: string
  readonly remote: NetAddress.InetAddress | undefined
}

export interface NativeSockets {
  /** A bound, non-blocking socket. The caller owns the file descriptor. */
  readonly open: (options: OpenOptions) => Result.Result<number, NativeError>
  /** Closes a descriptor nobody has adopted. */
  readonly close: (fd: number) => void
  /** Empties the error queue of a UDP socket; at most 64 reports a call. Always empty where the platform has none. */
  readonly icmpReports: (fd: number) => ReadonlyArray<IcmpReport>
}

/** The native calls in use, if any. */
export const NativeSockets: Context.Reference<Option.Option<NativeSockets>> = Context.Reference(
  "effect-p2p/layers/node/NativeSockets",
  { defaultValue: (): Option.Option<NativeSockets> => Option.none() }
)

const load: Effect.Effect<NativeSockets, NativeUnavailable> = Effect.tryPromise({
  try: async () => libc.make((await import("koffi")).default, process.platform),
  catch: (cause) => new NativeUnavailable({ cause })
})

/** Native calls by `koffi`; fails where it cannot be loaded. */
export const layer: Layer.Layer<never, NativeUnavailable> = Layer.effect(NativeSockets, Effect.map(load, Option.some))

/** Native calls where `koffi` is installed, none elsewhere. */
export const layerAuto: Layer.Layer<never> = Layer.effect(NativeSockets, Effect.option(load))

/** No native calls, whatever is installed. */
export const layerNone: Layer.Layer<never> = Layer.succeed(NativeSockets, Option.none())
