/**
 * The embedded broker in a process of its own.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Broker from "../../src/layers/mqtt/Broker.ts"
import { Broker as Service } from "../../src/services/Broker.ts"
import { serve } from "../harness/child.ts"

const scope = Scope.makeUnsafe()
const local = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")

serve({
  listen: (): Promise<string> =>
    Effect.runPromise(
      Service.use((broker) => broker.listen({ tcp: [local], limits: { clientsPerSource: 256 } })).pipe(
        Effect.map(({ endpoints }) => endpoints[0]!.uri),
        Scope.provide(scope),
        Effect.provide(Broker.layer)
      )
    )
})
