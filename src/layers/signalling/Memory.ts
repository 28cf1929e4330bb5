/**
 * `Signalling` between the peers of one program: everything arrives, at once and in order.
 *
 *     const hub = Memory.hub()
 *     alice.pipe(Effect.provide(Memory.layer(hub)))
 */
import type * as Layer from "effect/Layer"
import type { Identity } from "../../services/Identity.ts"
import type { Signalling } from "../../services/Signalling.ts"
import * as Simulated from "./Simulated.ts"

const URI = "memory:"

/** Where peers meet: those who share one hear each other. */
export type Hub = Simulated.SimulatedBrokers

export const hub = (): Hub => new Simulated.SimulatedBrokers({ [URI]: {} })

export const layer = (hub: Hub): Layer.Layer<Signalling, never, Identity> => Simulated.layer(hub, [URI])
