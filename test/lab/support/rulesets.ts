/**
 * nftables rule sets that make a Linux namespace behave as a NAT of a given kind. The outside card is `wan`, the outside
 * address {@link OUTSIDE}.
 *
 * Linux translates flows, not endpoints: `snat` alone keeps one port for all remotes only until two flows clash. True
 * endpoint-independent mapping needs maps filled as packets leave (`learned`).
 */
export const OUTSIDE = "203.0.113.10"

/** Unsolicited packets to the router itself, before its own sockets would answer them. */
const dropStrangers = `chain in { type filter hook input priority 0; iifname "wan" ct state new drop; iifname "wan" ct state invalid drop; }`
const refuseStrangers = `chain in { type filter hook input priority 0; iifname "wan" ct state new meta l4proto tcp reject with tcp reset; iifname "wan" ct state new reject; }`

/** `to` completes \`snat to ${OUTSIDE}\` for UDP and TCP. */
const sourceNat = (to: string): string => `
    oifname "wan" meta l4proto udp snat to ${OUTSIDE}${to}
    oifname "wan" meta l4proto tcp snat to ${OUTSIDE}${to}
    oifname "wan" snat to ${OUTSIDE}`

const natTable = (chains: string): string => `table ip nat {${chains}\n}`

/** Symmetric only where ports clash: what \`snat\` does by itself. */
const byFlow = (to: string, input: string = dropStrangers): string =>
  natTable(`
  chain post { type nat hook postrouting priority srcnat;${sourceNat(to)}
  }
  ${input}`)

type Filtering = "anyone" | "address" | "endpoint"

const admitted: { readonly [F in Filtering]: string } = {
  anyone: "",
  address: "meta l4proto . th dport . ip saddr @ok_a ",
  endpoint: "meta l4proto . th dport . ip saddr . th sport @ok_ap "
}

/** One mapping for each inside endpoint, learned from the packets that leave; the filter asks the learned sets. */
const learned = (filtering: Filtering, to: string): string =>
  natTable(`
  map m_fwd { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 65535; }
  map m_rev { type inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; size 65535; }
  set ok_a { type inet_proto . inet_service . ipv4_addr; flags dynamic,timeout; size 65535; }
  set ok_ap { type inet_proto . inet_service . ipv4_addr . inet_service; flags dynamic,timeout; size 65535; }
  chain pre { type nat hook prerouting priority dstnat;
    iifname != "wan" ip daddr ${OUTSIDE} dnat to meta l4proto . th dport map @m_rev
    iifname "wan" ${admitted[filtering]}dnat to meta l4proto . th dport map @m_rev
  }
  chain post { type nat hook postrouting priority srcnat;
    oifname "wan" snat to meta l4proto . ip saddr . th sport map @m_fwd
    oifname != "wan" ct original ip daddr ${OUTSIDE} snat to meta l4proto . ip saddr . th sport map @m_fwd${sourceNat(to)}
  }
  chain learn { type filter hook postrouting priority srcnat + 50;
    oifname "wan" meta l4proto { tcp, udp } ct direction original update @m_fwd { meta l4proto . ct original ip saddr . ct original proto-src timeout 2m : ip saddr . th sport }
    oifname "wan" meta l4proto { tcp, udp } ct direction original update @m_rev { meta l4proto . th sport timeout 2m : ct original ip saddr . ct original proto-src }
    oifname "wan" meta l4proto { tcp, udp } ct direction original update @ok_a { meta l4proto . th sport . ip daddr timeout 2m }
    oifname "wan" meta l4proto { tcp, udp } ct direction original update @ok_ap { meta l4proto . th sport . ip daddr . th dport timeout 2m }
  }
  ${dropStrangers}`)

/** Every new flow of a transport takes the next of `count` ports, `step` apart. */
const counting = (first: number, step: number, count: number): string =>
  ` : numgen inc mod ${count} map { ${Array.from({ length: count }, (_, at) => `${at} : ${first + at * step}`).join(", ")} }`

/** Inside ports `from` to `to` moved by `offset`; a map of all 64 k would take half a second to load. */
const moved = (from: number, to: number, offset: number): string =>
  ` : th sport map { ${Array.from({ length: to - from + 1 }, (_, at) => `${from + at} : ${from + at + offset}`).join(", ")} }`

const block = (what: string): string =>
  `table ip blk { chain f { type filter hook forward priority -5; ${what}drop; }\n}`

export const rulesets = {
  plain: byFlow(""),
  refusing: byFlow("", refuseStrangers),
  masquerade: natTable(`chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }`),
  randomByFlow: byFlow(":35000-65535 fully-random"),
  countingByFlow: byFlow(counting(40_000, 3, 1000)),
  moved: byFlow(moved(5000, 5100, 1000)),
  fullCone: learned("anyone", ""),
  restrictedConeRandom: learned("address", ":1024-65535 fully-random"),
  portRestrictedConeCounting: learned("endpoint", counting(40_000, 1, 1000)),
  firewall: `table inet fw { chain f { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname != "wan" accept; }\n}`,
  udpBlocked: `${byFlow("")}\n${block("meta l4proto udp ")}`,
  allBlocked: `${byFlow("")}\n${block("")}`
} as const
