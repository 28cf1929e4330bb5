/** `StunClient` on this machine's sockets and on the simulated internet: the same bodies. */
import * as Effect from "effect/Effect"
import { stunClientTests } from "../shared/stunClient.ts"
import { plainWorld, realWorld } from "../support/realWorld.ts"
import { simulatedWorld } from "./simulated/simulatedWorld.ts"

stunClientTests(simulatedWorld, [Effect.yieldNow, Effect.sleep("100 micros")])
stunClientTests(realWorld)
stunClientTests(plainWorld)
