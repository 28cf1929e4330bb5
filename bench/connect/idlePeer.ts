/**
 * One side of many idle pipes between two peers, in a fresh process.
 */
import * as Effect from "effect/Effect"
import type { PeerPipe } from "../../src/services/Peer.ts"
import { serve } from "../harness/child.ts"
import type { Dial } from "../harness/idle.ts"
import * as Peers from "./peers.ts"

const { run } = Peers.start()
const held: Array<PeerPipe> = []

serve({
  listen: () =>
    run((peer) =>
      Effect.andThen(
        peer.onPipe((pipe) => pipe.closed, { onMessage: (message, _sender, pipe) => pipe.send(message.data) }),
        peer.addressText
      )
    ),
  dial: async ({ count, to }: Dial<string>) => {
    for (let left = count; left > 0; left--) held.push(await run((peer) => peer.connect(to)))
  }
})
