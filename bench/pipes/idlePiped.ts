/**
 * One side of many idle pipes, in a fresh process.
 */
import type * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import type { Pipe } from "../../src/services/Pipe.ts"
import { Pipes } from "../../src/services/Pipes.ts"
import { serve } from "../harness/child.ts"
import type { Dial } from "../harness/idle.ts"

const runtime = ManagedRuntime.make(NodeP2P.layer)
const scope = Scope.makeUnsafe()
const held: Array<Pipe> = []

const inScope = <A, E>(use: (pipes: Pipes["Service"]) => Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  runtime.runPromise(Scope.provide(Pipes.use(use), scope))

serve({
  listen: async () => {
    const pipe = await inScope((pipes) =>
      pipes.listen({
        transport: "tcp",
        local: "127.0.0.1:0",
        onMessage: (message, _sender, pipe) => pipe.send(message.data)
      })
    )
    return pipe.local.port
  },
  dial: async ({ count, to: port }: Dial<number>) => {
    const destination = `127.0.0.1:${port}`
    for (let left = count; left > 0; left--) {
      held.push(await inScope((pipes) => pipes.open({ transport: "tcp", destination })))
    }
  }
})
