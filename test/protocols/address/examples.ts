/** Addresses as peers have them. */
import type { NatBrief, PeerAddress } from "../../../src/schemas/PeerAddress.ts"
import * as Kit from "./kit.ts"

const salt = Kit.hex("00 11 22 33 44 55 66 77")
const machine = Kit.hex("a1 a2 a3 a4 a5 a6")
const network = Kit.hex("b1 b2 b3 b4 b5 b6")

/** Sequences are the milliseconds at which an address was signed, so that they grow over a restart. */
const sequence = Kit.NOW

const preserving: Omit<NatBrief, "family" | "transport"> = {
  type: "port-restricted-cone",
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  delta: { kind: "preserving", step: 0 },
  range: [1024, 65_535],
  unsolicited: "drop",
  hairpin: true
}
const firewall: Omit<NatBrief, "family" | "transport"> = {
  type: "symmetric-firewall",
  filtering: "address-and-port-dependent",
  delta: { kind: "equal", step: 0 },
  unsolicited: "rst"
}
const counting: Omit<NatBrief, "family" | "transport"> = {
  type: "symmetric",
  mapping: "address-and-port-dependent",
  filtering: "address-and-port-dependent",
  delta: { kind: "independent", step: -2 },
  range: [32_768, 61_000],
  unsolicited: "icmp",
  hairpin: false
}

/** A laptop behind a home router, IPv6 behind the router's firewall. */
export const realistic: PeerAddress = Kit.address({
  sequence,
  interfaces: [
    {
      network,
      candidates: [
        "host tcp 192.168.1.23:41200",
        "reflexive tcp 203.0.113.7:41200",
        "host tcp [2001:db8:4f:1200:8d1:33ff:fe2a:91c4]:41200",
        "reflexive tcp [2001:db8:4f:1200:8d1:33ff:fe2a:91c4]:41200"
      ].map(Kit.candidate),
      nats: [
        { family: "IPv4", transport: "udp", ...preserving },
        { family: "IPv4", transport: "tcp", ...preserving },
        { family: "IPv6", transport: "udp", ...firewall },
        { family: "IPv6", transport: "tcp", ...firewall }
      ]
    }
  ],
  brokers: ["mqtts://broker.example:8884"],
  locality: { salt, machine }
})

/** NATs that count in both families, and no address or port that is like another. */
export const worstUsual: PeerAddress = Kit.address({
  sequence,
  interfaces: [
    {
      network,
      candidates: [
        "host tcp 192.168.1.23:41200",
        "reflexive tcp 203.0.113.7:52001",
        "host tcp [fd12:3456:789a:1:8d1:33ff:fe2a:91c4]:41300",
        "reflexive tcp [2001:db8:4f:1200:8d1:33ff:fe2a:91c4]:53007"
      ].map(Kit.candidate),
      nats: (["IPv4", "IPv6"] as const).flatMap((family) => [
        { family, transport: "udp", ...counting },
        { family, transport: "tcp", ...counting }
      ])
    }
  ],
  brokers: ["mqtts://broker.example:8884"],
  locality: { salt, machine }
})

/** A server with a public address, and a second network card in a private network; TCP and UDP on the same ports. */
export const twoInterfaces: PeerAddress = Kit.address({
  sequence,
  interfaces: [
    {
      candidates: [
        "host udp 198.51.100.20:4433",
        "host tcp 198.51.100.20:4433",
        "host udp [2001:db8:0:5::20]:4433",
        "host tcp [2001:db8:0:5::20]:4433",
        "host tcp [2001:db8:0:5::21]:4433"
      ].map(Kit.candidate),
      nats: [
        { family: "IPv4", transport: "udp", type: "open-internet" },
        { family: "IPv4", transport: "tcp", type: "open-internet" },
        { family: "IPv6", transport: "tcp", type: "open-internet" }
      ]
    },
    {
      network,
      candidates: [
        "host tcp 10.20.0.5:4433",
        "mapped tcp 203.0.113.99:4433",
        "reflexive udp 203.0.113.99:60012",
        "host udp 10.20.0.5:4433"
      ].map(Kit.candidate),
      nats: [
        { family: "IPv4", transport: "udp", type: "full-cone", delta: { kind: "random", step: 0 }, hairpin: true },
        { family: "IPv4", transport: "tcp", type: "blocked" }
      ]
    }
  ],
  brokers: ["wss://mqtt.example/mqtt", "mqtt://192.0.2.44"],
  locality: { salt }
})
