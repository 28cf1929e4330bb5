/**
 * What JavaScript sockets cannot do by themselves, done by calls into the C library: tie a socket to an interface
 * (SO_BINDTODEVICE, IP_BOUND_IF).
 *
 * Optional. By default there is none and the socket layers do without; `layer` needs the `koffi` package, `layerAuto`
 * uses it where it is installed.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as libc from "./native/libc.ts"
import type { NativeCalls } from "./native/NativeCalls.ts"

/** `koffi` is not installed or does not load here. */
export class NativeUnavailable extends Data.TaggedError("NativeUnavailable")<{ readonly cause: unknown }> {
  override get message() {
    return "native socket options need the package `koffi` (npm install koffi) on Linux or macOS"
  }
}

/** The native calls in use, if any. */
export const NativeSockets: Context.Reference<Option.Option<NativeCalls>> = Context.Reference(
  "effect-p2p/layers/node/NativeSockets",
  { defaultValue: (): Option.Option<NativeCalls> => Option.none() }
)

const load: Effect.Effect<NativeCalls, NativeUnavailable> = Effect.tryPromise({
  try: async () => libc.make((await import("koffi")).default, process.platform),
  catch: (cause) => new NativeUnavailable({ cause })
})

/** Native calls by `koffi`; fails where it cannot be loaded. */
export const layer: Layer.Layer<never, NativeUnavailable> = Layer.effect(NativeSockets, Effect.map(load, Option.some))

/** Native calls where `koffi` is installed, none elsewhere. */
export const layerAuto: Layer.Layer<never> = Layer.effect(NativeSockets, Effect.option(load))

/** No native calls, whatever is installed. */
export const layerNone: Layer.Layer<never> = Layer.succeed(NativeSockets, Option.none())
