/** A simulated internet to measure in: a host behind a device, our own server with two addresses, and a plain one. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NatDetectorLayer from "../../../src/layers/NatDetector.ts"
import type { StunServer } from "../../../src/protocols/natprofile/Plan.ts"
import type { NatDevice } from "../../../src/schemas/NatDevice.ts"
import type { Link } from "../../../src/schemas/World.ts"
import * as StunServerDaemon from "../../../src/servers/StunServer.ts"
import { type DetectOptions, NatDetector } from "../../../src/services/NatDetector.ts"

const ip = NetAddress.ipFromStringUnsafe

export const FULL = ["45.10.0.1", "45.10.0.2"] as const
export const PLAIN = "46.20.0.1"
/** Of the box, outside. */
export const EXTERNAL = "11.22.33.10"

export const serverAt = (id: string, address: string, more: Partial<StunServer> = {}): StunServer => ({
  id,
  endpoint: NetAddress.inetAddressUnsafe(ip(address), 3478),
  udp: true,
  tcp: true,
  probeBack: true,
  ...more
})

export const servers = [serverAt("full", FULL[0]), serverAt("plain", PLAIN)]

export const full = StunServerDaemon.serve({
  address: ip(FULL[0]),
  alternate: { address: ip(FULL[1]) },
  probeBack: true
}).pipe(Effect.andThen(Effect.never), Effect.scoped)

export const plain = StunServerDaemon.serve({ address: ip(PLAIN) }).pipe(Effect.andThen(Effect.never), Effect.scoped)

export const background = { full, plain }

/** 50 ms a round trip. */
export const CLEAN: Link = { latency: 25 }

export interface Surroundings {
  readonly device?: string | NatDevice | undefined
  /** From the box to the internet, which is nowhere else delayed. */
  readonly link?: Link | undefined
  /** Before the box. */
  readonly lan?: Link | undefined
  readonly seed?: number | undefined
}

/** `client` and `neighbour` are behind `box`. */
export const worldOf = ({
  device = "open-internet",
  lan = { latency: 0.1 },
  link = CLEAN,
  seed = 1
}: Surroundings = {}) => ({
  seed,
  link: { latency: 0 },
  hosts: {
    client: { network: "home" },
    neighbour: { network: "home" },
    full: { addresses: [...FULL] },
    plain: { addresses: [PLAIN] }
  },
  gateways: { box: { device, inside: ["home"], outside: "internet", addresses: [EXTERNAL], link } },
  networks: { home: { link: lan } }
})

/** On the host it runs on. */
export const detect = (options: Partial<DetectOptions> = {}) =>
  NatDetector.use((detector) => detector.detect({ servers, ...options })).pipe(
    Effect.provide(NatDetectorLayer.layer, { local: true })
  )
