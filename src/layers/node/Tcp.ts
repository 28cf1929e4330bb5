/**
 * `Tcp` on Node's sockets.
 *
 * An interface is bound by the native layer (`NativeSockets`) where there is one, else by its address. A reservation
 * shares a `net.BoundSocket` where the runtime has them (Node 24.19, not on Windows or macOS), else it only remembers
 * the port and dials must come before the listener.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Tcp } from "../../services/Tcp.ts"
import { NativeSockets } from "./NativeSockets.ts"
import * as Dial from "./tcp/dial.ts"
import * as Listen from "./tcp/listen.ts"
import * as Reserve from "./tcp/reserve.ts"

export interface Options {
  /** Use `net.BoundSocket` for reservations where there is one. Default true; false is for tests of the other way. */
  readonly boundSocket?: boolean | undefined
}

export const make = (options?: Options): Effect.Effect<Tcp["Service"]> =>
  Effect.map(NativeSockets, (native) =>
    Tcp.of({
      dial: (dial) => Dial.dial(native, dial),
      listen: (listen) => Listen.listen(native, listen ?? {}),
      reserve: (local) => Reserve.reserve(native, local, options?.boundSocket ?? true)
    })
  )

export const layer: Layer.Layer<Tcp> = Layer.effect(Tcp, make())

export const layerWith = (options: Options): Layer.Layer<Tcp> => Layer.effect(Tcp, make(options))
