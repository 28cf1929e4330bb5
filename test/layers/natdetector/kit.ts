/** A simulated internet to measure in: a host behind a device, our own server with two addresses, and a plain one. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NatDetectorLayer from "../../../src/layers/NatDetector.ts"
import type { StunServer } from "../../../src/protocols/natprofile/Plan.ts"
import type { Behind, Link } from "../../../src/schemas/World.ts"
import * as StunServerDaemon from "../../../src/servers/StunServer.ts"
import { type DetectOptions, NatDetector } from "../../../src/services/NatDetector.ts"

const ip = NetAddress.ipFromStringUnsafe

export const FULL = ["45.10.0.1", "45.10.0.2"] as const
export const PLAIN = "46.20.0.1"
/** Outside address of the device, and of a host without one. */
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

/** No limits: measurements of many programs come from one address here. */
const limits = {
  answers: { each: { perSecond: 1e6, burst: 1e6 }, total: { perSecond: 1e6, burst: 1e6 } },
  probes: {
    each: { perSecond: 1e6, burst: 1e6 },
    total: { perSecond: 1e6, burst: 1e6 },
    atOnce: { each: 1e3, total: 1e3 }
  }
}

export const full = StunServerDaemon.serve({
  address: ip(FULL[0]),
  alternate: { address: ip(FULL[1]) },
  probeBack: true,
  limits
}).pipe(Effect.andThen(Effect.never), Effect.scoped)

export const plain = StunServerDaemon.serve({ address: ip(PLAIN), limits }).pipe(
  Effect.andThen(Effect.never),
  Effect.scoped
)

/** 25 ms one way, so 50 ms a round trip. */
export const CLEAN: Link = { latency: 25 }

export const worldOf = (behind: Behind | undefined, link: Link = CLEAN, seed = 1) => {
  const onTheSpot = { latency: 0 }
  return {
    seed,
    link: onTheSpot,
    hosts: {
      client: { ...(behind === undefined ? { addresses: [EXTERNAL], link } : { network: "home" }) },
      full: { addresses: [...FULL], link: onTheSpot },
      plain: { addresses: [PLAIN], link: onTheSpot }
    },
    networks: { home: { prefixes: ["192.168.1.0/24"], link: { latency: 0.1 } } },
    gateways: {
      box: { device: behind ?? "open-internet", inside: ["home"], outside: "internet", addresses: [EXTERNAL], link }
    }
  }
}

export const detect = (options: Partial<DetectOptions> = {}) =>
  NatDetector.use((detector) => detector.detect({ servers, ...options })).pipe(
    Effect.provide(NatDetectorLayer.layer, { local: true })
  )
