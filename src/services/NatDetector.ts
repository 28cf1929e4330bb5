/**
 * Measures what stands between this machine and the internet: a NAT profile for each interface, family and transport, in about
 * a second, with the evidence for every value.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StunServer } from "../protocols/natprofile/Plan.ts"
import type { NatObservation, Transport } from "../schemas/NatObservation.ts"
import type { NatProfile } from "../schemas/NatProfile.ts"
import type { Family } from "../schemas/NetworkInterface.ts"
import type { InterfacesError } from "./Interfaces.ts"

export interface DetectOptions {
  /** Under ids of their own. Of those asked, the ones with two addresses tell most. */
  readonly servers: ReadonlyArray<StunServer>
  /** Default: every interface that is up, no loopback, and has an address that leads out. */
  readonly interfaces?: ReadonlyArray<string> | undefined
  readonly families?: ReadonlyArray<Family> | undefined
  readonly transports?: ReadonlyArray<Transport> | undefined
  /** Measure how long idle UDP mappings live as well: takes about five minutes. Default false. */
  readonly lifetime?: boolean | undefined
}

export interface Report {
  /** One for each interface, family and transport. Empty where no interface leads out. */
  readonly profiles: ReadonlyArray<NatProfile>
  readonly observations: ReadonlyArray<NatObservation>
  /**
   * What concerns the measurement as a whole, in sentences for people: no network, no server, no such interface, interfaces that share
   * a NAT.
   */
  readonly problems: ReadonlyArray<string>
}

/** What a measurement says while it runs; `Done` is the last. */
export type Progress =
  | {
      readonly _tag: "Observed"
      readonly observation: NatObservation
      readonly ended: number
      readonly planned: number
    }
  | { readonly _tag: "Profiled"; readonly profile: NatProfile }
  | { readonly _tag: "Done"; readonly report: Report }

export class NatDetector extends Context.Service<
  NatDetector,
  {
    /** Fails only where the system does not list its interfaces: all else is in the report. */
    readonly detect: (options: DetectOptions) => Effect.Effect<Report, InterfacesError>
    readonly watch: (options: DetectOptions) => Stream.Stream<Progress, InterfacesError>
  }
>()("effect-p2p/services/NatDetector") {}
