/**
 * Devices people really sit behind. Each is a sketch of a kind, from vendors' documents, default configurations and
 * measurements, not a promise about a model; what two of a kind disagree on is picked from the commoner one.
 */
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import {
  ABSENT,
  addressNat,
  ALL_PORTS,
  blocked,
  both,
  firewall,
  firewallTcp,
  firewallUdp,
  LINUX_TCP_TIMEOUTS,
  LINUX_UDP_TIMEOUTS,
  natTcp,
  natUdp,
  portNat,
  RFC_TCP_TIMEOUTS,
  seconds,
  UNPRIVILEGED
} from "./rules.ts"

// conntrack has flows, not mappings: a port is kept while the flow differs from every other, which looks like one mapping
// for all remotes until two inside hosts use the same port towards the same remote endpoint.
const conntrack = {
  mapping: "address-and-port-dependent",
  filtering: "address-and-port-dependent",
  allocation: { _tag: "Equal" },
  range: ALL_PORTS,
  overloading: true
} as const
const linuxUdp = { ...conntrack, timeouts: LINUX_UDP_TIMEOUTS } as const
const linuxTcp = { ...conntrack, timeouts: LINUX_TCP_TIMEOUTS, onReset: "flow-if-unanswered", pickup: true } as const
const linuxFirewall = firewall({
  udp: firewallUdp({ timeouts: LINUX_UDP_TIMEOUTS }),
  tcp: firewallTcp({ timeouts: LINUX_TCP_TIMEOUTS, onReset: "flow-if-unanswered", pickup: true })
})

const OPENWRT_UDP_TIMEOUTS = { unreplied: seconds(60), replied: seconds(180) }
const OPENWRT_TCP_TIMEOUTS = { ...LINUX_TCP_TIMEOUTS, established: seconds(7440) }

const symmetricRandom = {
  mapping: "address-and-port-dependent",
  filtering: "address-and-port-dependent",
  allocation: { _tag: "Random" },
  range: UNPRIVILEGED
} as const

const portRestricted = both({})

export const realisticDevices: ReadonlyArray<NatDevice> = [
  {
    name: "linux-router",
    summary: "A Linux home router: masquerade, new connections from outside dropped, the same policy for IPv6.",
    ipv4: portNat({ udp: natUdp(linuxUdp), tcp: natTcp(linuxTcp), hairpinning: "refused" }),
    ipv6: linuxFirewall
  },
  {
    name: "linux-masquerade-bare",
    summary:
      "A Linux machine with masquerade and no firewall rule: it answers strangers itself, and remembers them, which moves the ports of those who then send to them.",
    ipv4: portNat({
      udp: natUdp({ ...linuxUdp, unsolicited: "icmp", strangersHoldPorts: true }),
      tcp: natTcp({ ...linuxTcp, unsolicited: "rst" }),
      hairpinning: "refused"
    }),
    ipv6: ABSENT
  },
  {
    name: "linux-fully-random",
    summary:
      "A Linux router with `masquerade fully-random`: every flow gets a random port, so nothing can be predicted.",
    ipv4: portNat({
      udp: natUdp({ ...linuxUdp, allocation: { _tag: "Random" }, range: UNPRIVILEGED }),
      tcp: natTcp({ ...linuxTcp, allocation: { _tag: "Random" }, range: UNPRIVILEGED }),
      hairpinning: "refused"
    }),
    ipv6: linuxFirewall
  },
  {
    name: "openwrt",
    summary: "OpenWrt as it comes: masquerade, strangers are refused with a reset or ICMP on IPv4 and ignored on IPv6.",
    ipv4: portNat({
      udp: natUdp({ ...linuxUdp, timeouts: OPENWRT_UDP_TIMEOUTS, unsolicited: "icmp" }),
      tcp: natTcp({ ...linuxTcp, timeouts: OPENWRT_TCP_TIMEOUTS, unsolicited: "rst" }),
      hairpinning: "refused"
    }),
    ipv6: firewall({
      udp: firewallUdp({ timeouts: OPENWRT_UDP_TIMEOUTS }),
      tcp: firewallTcp({ timeouts: OPENWRT_TCP_TIMEOUTS, onReset: "flow-if-unanswered", pickup: true })
    })
  },
  {
    name: "fritzbox-like",
    summary: "A European DSL or cable router: ports kept, port-restricted, hairpinning, a stateful firewall for IPv6.",
    ipv4: portNat({ ...portRestricted, hairpinning: "external-source" }),
    ipv6: firewall()
  },
  {
    name: "rfc-conformant",
    summary: "The NAT the RFCs ask for (4787, 5382, 5508): one open mapping for all remotes, parity, full hairpinning.",
    ipv4: portNat({
      ...both({ filtering: "endpoint-independent", parity: true }),
      hairpinning: "external-source"
    }),
    ipv6: firewall({
      udp: firewallUdp({ filtering: "endpoint-independent" }),
      tcp: firewallTcp({ filtering: "endpoint-independent" })
    })
  },
  {
    name: "friendly-double-nat-home",
    summary: "A second router behind the first that keeps ports and opens them to all: as kind as double NAT can be.",
    ipv4: portNat({ ...both({ filtering: "endpoint-independent" }), hairpinning: "external-source" }),
    ipv6: ABSENT
  },
  {
    name: "home-internal-hairpin",
    summary: "A home router whose hairpinned packets arrive from the sender's inside address, so replies bypass it.",
    ipv4: portNat({ ...portRestricted, hairpinning: "internal-source" }),
    ipv6: ABSENT
  },
  {
    name: "router-answers-rst",
    summary:
      "A port-restricted router that answers unsolicited TCP with a reset: an early SYN kills the peer's attempt.",
    ipv4: portNat({ udp: natUdp(), tcp: natTcp({ unsolicited: "rst", onReset: "flow" }) }),
    ipv6: ABSENT
  },
  {
    name: "router-answers-icmp",
    summary: "A port-restricted router that answers unsolicited packets with ICMP port unreachable.",
    ipv4: portNat({ udp: natUdp({ unsolicited: "icmp" }), tcp: natTcp({ unsolicited: "icmp" }) }),
    ipv6: ABSENT
  },
  {
    name: "mapping-dies-with-connection",
    summary: "A router that drops a whole mapping when any connection over it is reset or closed: keep STUN open.",
    ipv4: portNat({
      udp: natUdp({ allocation: { _tag: "Random" } }),
      tcp: natTcp({ allocation: { _tag: "Random" }, onReset: "mapping", onFinish: "mapping" })
    }),
    ipv6: ABSENT
  },
  {
    name: "legacy-symmetric",
    summary: "An old router or PAT firewall that counts external ports up by one, for each remote endpoint anew.",
    ipv4: portNat(
      both({
        mapping: "address-and-port-dependent",
        allocation: { _tag: "Independent", step: 1 }
      })
    ),
    ipv6: ABSENT
  },
  {
    name: "address-dependent-router",
    summary:
      "A router with one mapping for each remote address, open to that address: easier than symmetric, rarer too.",
    ipv4: portNat(both({ mapping: "address-dependent", filtering: "address-dependent" })),
    ipv6: ABSENT
  },
  {
    name: "small-table-router",
    summary:
      "A cheap router with room for 1024 flows that forgets the oldest, so a burst of probes cuts its owner's own calls.",
    ipv4: portNat({ ...portRestricted, tableSize: 1024, whenFull: "evict-oldest" }),
    ipv6: ABSENT
  },
  {
    name: "openbsd-pf",
    summary: "OpenBSD or pfSense: pf picks a random high port for each remote endpoint and forgets UDP after a minute.",
    ipv4: portNat({
      udp: natUdp({
        ...symmetricRandom,
        range: { first: 50001, last: 65535 },
        overloading: true,
        timeouts: { unreplied: seconds(60), replied: seconds(60) }
      }),
      tcp: natTcp({
        ...symmetricRandom,
        range: { first: 50001, last: 65535 },
        overloading: true,
        timeouts: { opening: seconds(120), established: seconds(86_400), closing: seconds(90) }
      })
    }),
    ipv6: firewall({ udp: firewallUdp({ timeouts: { unreplied: seconds(60), replied: seconds(60) } }) })
  },
  {
    name: "carrier-nat",
    summary:
      "A carrier NAT by RFC 6888: one open mapping for all remotes, random ports, 1000 a subscriber, hairpinning.",
    ipv4: portNat({
      ...both({ filtering: "endpoint-independent", allocation: { _tag: "Random" } }),
      hairpinning: "external-source",
      portQuota: 1000
    }),
    ipv6: ABSENT
  },
  {
    name: "carrier-nat-small-quota",
    summary:
      "A crowded carrier NAT: symmetric, random, 64 ports a subscriber, so a burst of probes starves everything else.",
    ipv4: portNat({
      udp: natUdp({ ...symmetricRandom, timeouts: { unreplied: seconds(30), replied: seconds(120) } }),
      tcp: natTcp(symmetricRandom),
      portQuota: 64
    }),
    ipv6: ABSENT
  },
  {
    name: "ds-lite",
    summary: "DS-Lite: IPv4 through the carrier's AFTR with 1024 ports a line, IPv6 native behind a home firewall.",
    ipv4: portNat({
      ...both({ allocation: { _tag: "Random" } }),
      hairpinning: "external-source",
      portQuota: 1024
    }),
    ipv6: firewall()
  },
  {
    name: "mobile-464xlat",
    summary:
      "A mobile carrier with 464XLAT: IPv4 leaves through a symmetric NAT64 pool, IPv6 is native but firewalled and short-lived.",
    ipv4: portNat({
      udp: natUdp({ ...symmetricRandom, timeouts: { unreplied: seconds(30), replied: seconds(60) } }),
      tcp: natTcp({ ...symmetricRandom, timeouts: { ...RFC_TCP_TIMEOUTS, established: seconds(1800) } }),
      portQuota: 512
    }),
    ipv6: firewall({
      udp: firewallUdp({ timeouts: { unreplied: seconds(30), replied: seconds(60) } }),
      tcp: firewallTcp({ timeouts: { ...RFC_TCP_TIMEOUTS, established: seconds(1800) } })
    })
  },
  {
    name: "satellite-carrier",
    summary:
      "A satellite line: carrier NAT with random ports open to addresses that were sent to, an open-handed IPv6 firewall.",
    ipv4: portNat({ ...both({ filtering: "address-dependent", allocation: { _tag: "Random" } }), portQuota: 2000 }),
    ipv6: firewall({ udp: firewallUdp({ filtering: "endpoint-independent" }) })
  },
  {
    name: "corporate-no-udp",
    summary:
      "An office network: UDP is refused, TCP goes out to web ports only through a symmetric NAT, ICMP is swallowed.",
    ipv4: portNat({
      udp: blocked("icmp"),
      tcp: natTcp({ ...symmetricRandom, remotePorts: [80, 443, 8080, 8443] }),
      icmp: "blocked"
    }),
    ipv6: ABSENT
  },
  {
    name: "udp-blocked",
    summary: "A port-restricted router in a network where UDP vanishes in silence and TCP works.",
    ipv4: portNat({ udp: blocked(), tcp: natTcp() }),
    ipv6: ABSENT
  },
  {
    name: "hotel",
    summary:
      "Hotel wireless: symmetric with ports counting up by one, half a minute of patience for UDP, a small shared table.",
    ipv4: portNat({
      udp: natUdp({
        mapping: "address-and-port-dependent",
        allocation: { _tag: "Independent", step: 1 },
        timeouts: { unreplied: seconds(30), replied: seconds(30) },
        refreshInbound: false
      }),
      tcp: natTcp({
        mapping: "address-and-port-dependent",
        allocation: { _tag: "Independent", step: 1 },
        timeouts: { opening: seconds(30), established: seconds(1800), closing: seconds(30) }
      }),
      tableSize: 4096,
      whenFull: "evict-oldest"
    }),
    ipv6: ABSENT
  },
  {
    name: "hotel-web-only",
    summary: "A guest network that lets out web and DNS and nothing else.",
    ipv4: portNat({
      udp: natUdp({
        ...symmetricRandom,
        remotePorts: [53],
        timeouts: { unreplied: seconds(30), replied: seconds(30) }
      }),
      tcp: natTcp({ ...symmetricRandom, remotePorts: [80, 443] })
    }),
    ipv6: ABSENT
  },
  {
    name: "university-firewall",
    summary: "Public addresses of both families behind a stateful firewall that says so when it refuses.",
    ipv4: firewall({ udp: firewallUdp({ unsolicited: "icmp" }), tcp: firewallTcp({ unsolicited: "icmp" }) }),
    ipv6: firewall({ udp: firewallUdp({ unsolicited: "icmp" }), tcp: firewallTcp({ unsolicited: "icmp" }) })
  },
  {
    name: "aws-nat-gateway-like",
    summary:
      "A cloud NAT gateway: a random port for each remote endpoint, everything forgotten after 350 idle seconds.",
    ipv4: portNat({
      udp: natUdp({
        ...symmetricRandom,
        overloading: true,
        timeouts: { unreplied: seconds(350), replied: seconds(350) }
      }),
      tcp: natTcp({
        ...symmetricRandom,
        overloading: true,
        timeouts: { opening: seconds(350), established: seconds(350), closing: seconds(350) }
      })
    }),
    ipv6: firewall()
  },
  {
    name: "cloud-elastic-ip",
    summary: "A cloud machine with its own external address (1:1 NAT) behind a security group with no inbound rule.",
    ipv4: addressNat({
      udp: firewallUdp({ timeouts: { unreplied: seconds(30), replied: seconds(180) } }),
      tcp: firewallTcp({ timeouts: { ...LINUX_TCP_TIMEOUTS } })
    }),
    ipv6: firewall()
  },
  {
    name: "cloud-elastic-ip-open",
    summary:
      "The same cloud machine with a security group open to all: a server that only does not know its own address.",
    ipv4: addressNat({ udp: firewallUdp({ filtering: "open" }), tcp: firewallTcp({ filtering: "open" }) }),
    ipv6: firewall({ udp: firewallUdp({ filtering: "open" }), tcp: firewallTcp({ filtering: "open" }) })
  }
]
