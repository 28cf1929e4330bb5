/** One measurement in the internet of these tests, and the truth to compare it with. */
import * as NetAddress from "effect/net/NetAddress"
import { luck } from "../../../lab/support/random.ts"
import type { StunServer } from "../../../../src/protocols/natprofile/Plan.ts"
import { verdict } from "../../../../src/protocols/natprofile/verdict.ts"
import type { NatObservation, Transport } from "../../../../src/schemas/NatObservation.ts"
import type { NatProfile } from "../../../../src/schemas/NatProfile.ts"
import type { Box } from "./Box.ts"
import { Internet, type LinkRules, type ServerRules } from "./Internet.ts"
import { Prober } from "./Prober.ts"
import { Timeline } from "./timeline.ts"

export const INSIDE = "192.168.1.5"
export const EXTERNAL = "11.22.33.10"

/** A server of RFC 5780 that also dials back, and a plain one. */
export const full: ServerRules = {
  id: "full",
  ips: ["45.10.0.1", "45.10.0.2"],
  ports: [3478, 3479],
  udp: true,
  tcp: true,
  other: { ip: "45.10.0.2", port: 3479 },
  change: "obeys",
  responsePort: true,
  probeBack: true
}
export const plain: ServerRules = {
  id: "plain",
  ips: ["46.20.0.1", "46.20.0.1"],
  ports: [3478, 3478],
  udp: true,
  tcp: true,
  other: undefined,
  change: "ignores",
  responsePort: false,
  probeBack: false
}

export const CLEAN: LinkRules = { latency: 25, jitter: 0, loss: 0, lossInside: 0, noise: 0 }
export const ROUGH: LinkRules = { latency: 25, jitter: 20, loss: 0.05, lossInside: 0.5, noise: 3 }

export const serverOf = ({ id, ips, ports, probeBack, tcp, udp }: ServerRules): StunServer => ({
  id,
  endpoint: NetAddress.inetAddressFromIpStringUnsafe(ips[0], ports[0]),
  udp,
  tcp,
  probeBack
})

export interface Scenario {
  readonly box: (random: () => number) => Box
  readonly link: LinkRules
  readonly seed: number
  readonly inside?: string | undefined
  /** Servers there are, and those the prober is told of if they differ. */
  readonly servers?: ReadonlyArray<ServerRules> | undefined
  readonly configured?: ReadonlyArray<StunServer> | undefined
  readonly transports?: ReadonlyArray<Transport> | undefined
}

export interface Measurement {
  readonly profiles: Record<Transport, NatProfile>
  readonly observations: ReadonlyArray<NatObservation>
  /** When the last probe ended, in milliseconds. */
  readonly duration: number
}

export const measure = (scenario: Scenario): Measurement => {
  const { inside = INSIDE, link, seed, servers = [full, plain], transports = ["udp", "tcp"] } = scenario
  const random = luck(seed).next
  const time = new Timeline()
  const net = new Internet(time, scenario.box(random), link, servers, random)
  const address = NetAddress.ipFromStringUnsafe(inside)
  const family = NetAddress.familyOf(address)
  const route = { interface: "eth0", family, address }
  const prober = new Prober(net, route, scenario.configured ?? servers.map(serverOf))
  for (const transport of transports) prober.measure(transport)
  time.run(() => prober.done)
  const observations = prober.observations
  const profile = (transport: Transport): NatProfile =>
    verdict({ subject: { interface: "eth0", family, transport }, observations })
  return { profiles: { udp: profile("udp"), tcp: profile("tcp") }, observations, duration: time.now }
}
