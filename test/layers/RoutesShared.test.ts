/** `Routes` on this machine's sockets and on the simulated internet: the same bodies. */
import * as Effect from "effect/Effect"
import { routesTests } from "../shared/routes.ts"
import { plainWorld, realWorld } from "../support/realWorld.ts"
import { simulatedWorld } from "./simulated/simulatedWorld.ts"

routesTests(simulatedWorld, [Effect.yieldNow, Effect.sleep("50 micros")])
routesTests(realWorld)
routesTests(plainWorld)
