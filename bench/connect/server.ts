/**
 * The far side of the connect bench: `node:tls` servers and peers that echo, swallow or pour.
 */
import * as Effect from "effect/Effect"
import { serve } from "../harness/child.ts"
import * as Traffic from "../harness/traffic.ts"
import * as Bare from "./bare.ts"
import * as Peers from "./peers.ts"

export interface Listen {
  readonly mode: Traffic.Mode
  readonly brokers?: ReadonlyArray<string> | undefined
}

export interface Listening {
  /** The port of the `node:tls` server. */
  readonly bare: number
  /** The address of the peer, as text. */
  readonly ours: string
}

serve({
  listen: async ({ brokers, mode }: Listen): Promise<Listening> => ({
    bare: await Bare.listen(Traffic.bare(mode)),
    ours: await Peers.start(brokers).run((peer) =>
      Effect.andThen(
        peer.onPipe((pipe) => pipe.closed, { onMessage: Traffic.piped[mode] }),
        peer.addressText
      )
    )
  }),
  ...Traffic.counts
})
