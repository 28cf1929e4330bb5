/** The rules of the pure tests as devices of the simulator. */
import {
  blocked,
  firewall,
  firewallTcp,
  firewallUdp,
  natTcp,
  natUdp,
  portNat,
  ROUTED
} from "../../../src/protocols/nat/devices/rules.ts"
import type { Allocation, NatDevice } from "../../../src/schemas/NatDevice.ts"
import type { Transport } from "../../../src/schemas/NatObservation.ts"
import type { Rules } from "../../protocols/natprofile/lab/Box.ts"

const allocationOf = ({ kind, step }: Rules["delta"]): Allocation => {
  switch (kind) {
    case "equal":
      return { _tag: "Equal" }
    case "preserving":
      return { _tag: "Preserving", offset: step }
    case "independent":
      return { _tag: "Independent", step }
    case "dependent":
      return { _tag: "Dependent", step }
    case "random":
      return { _tag: "Random" }
  }
}

const natRules = ({ delta, filtering, mapping, range: [first, last] }: Rules) => ({
  filtering,
  mapping,
  allocation: allocationOf(delta),
  range: { first, last }
})

// To a datagram nobody asked for no device answers with a reset.
const udpPolicy = ({ unsolicited }: Rules) => (unsolicited === "rst" ? "drop" : unsolicited)

export const deviceOf = ({ tcp, udp }: Record<Transport, Rules>): NatDevice => ({
  name: "box",
  summary: "rules of a test",
  ipv4: !udp.translated
    ? udp.filtering === "endpoint-independent"
      ? ROUTED
      : firewall({
          udp: firewallUdp({ filtering: udp.filtering, unsolicited: udpPolicy(udp) }),
          tcp: firewallTcp({ filtering: tcp.filtering, unsolicited: tcp.unsolicited })
        })
    : portNat({
        hairpinning: hairpins(udp) ? "external-source" : "none",
        udp: udp.blocked ? blocked() : natUdp({ ...natRules(udp), unsolicited: udpPolicy(udp) }),
        tcp: tcp.blocked ? blocked() : natTcp({ ...natRules(tcp), unsolicited: tcp.unsolicited })
      }),
  ipv6: ROUTED
})

const hairpins = ({ hairpin }: Rules): boolean => hairpin

/**
 * What the device does: it hairpins both transports or none, and its ICMP error is port unreachable (RFC 5382 section 4.3),
 * which systems tell a program as they do a reset.
 */
export const truthOf = ({ tcp, udp }: Record<Transport, Rules>): Record<Transport, Rules> => ({
  udp,
  tcp: { ...tcp, hairpin: udp.hairpin, unsolicited: tcp.unsolicited === "drop" ? "drop" : "rst" }
})
