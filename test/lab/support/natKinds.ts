/**
 * Linux routers of every kind that nftables can express, each with what it does in the words of a NAT profile.
 *
 * Linux translates flows. Where a mapping is to be one for several remotes, dynamic maps learn it as packets leave, and the
 * filter asks dynamic sets of whom was sent to. Not expressible: ports that follow the last mapping only for neighbouring
 * inside ports (dependent deltas).
 */
import type { Dependence } from "../../../src/schemas/NatDevice.ts"
import type { Transport } from "../../../src/schemas/NatObservation.ts"
import type { ClassicName, NatSummary, Unsolicited } from "../../../src/schemas/NatProfile.ts"

/** Stands for the router's address outside. */
export const ROUTER = "ROUTER"

export interface Kind {
  readonly name: string
  readonly rules: string
  /** Inside hosts have public addresses of their own. */
  readonly isRouted?: boolean
  readonly truth: Record<Transport, Truth>
}

type Truth = Partial<Pick<NatSummary, "mapping" | "filtering" | "delta" | "range" | "unsolicited" | "hairpin">> & {
  readonly type: NatSummary["type"]
}

const EIM = "endpoint-independent"
const ADM = "address-dependent"
const APDM = "address-and-port-dependent"

/** How a new mapping gets its port: the rest of `snat to ADDRESS`, and what that is called. */
interface Ports {
  readonly to: string
  readonly delta: NatSummary["delta"]
  readonly range?: NatSummary["range"]
}

const equal: Ports = { to: "", delta: { kind: "equal", step: 0 } }
const random = (low: number, high: number): Ports => ({
  to: `:${low}-${high} fully-random`,
  delta: { kind: "random", step: 0 },
  range: [low, high]
})
const listed = (count: number, from: (at: number) => string | number, to: (at: number) => number): string =>
  `map { ${Array.from({ length: count }, (_, at) => `${from(at)} : ${to(at)}`).join(", ")} }`
const counting = (first: number, step: number, count: number): Ports => ({
  to: ` : numgen inc mod ${count} ${listed(
    count,
    (at) => at,
    (at) => first + at * step
  )}`,
  delta: { kind: "independent", step }
})
const UNPRIVILEGED = 1024
const moved = (offset: number): Ports => {
  const size = 65_536 - UNPRIVILEGED
  const wrapped = (at: number): number => UNPRIVILEGED + ((at + offset + size) % size)
  return {
    to: ` : th sport ${listed(size, (at) => UNPRIVILEGED + at, wrapped)}`,
    delta: { kind: "preserving", step: offset }
  }
}

/** To strangers: before the router's own sockets would answer. `router`: those do. */
const strangers: Record<Unsolicited | "router", string> = {
  drop: "drop",
  rst: `meta l4proto tcp reject with tcp reset; iifname "wan" ct state new drop`,
  icmp: "reject with icmp type admin-prohibited",
  router: "accept"
}
const guard = (policy: Unsolicited | "router"): string =>
  `chain guard { type filter hook input priority 0; iifname "wan" ct state new ${strangers[policy]}; iifname "wan" ct state invalid drop; }`

const sourceNat = (to: string): string =>
  ["udp", "tcp"].map((l4) => `oifname "wan" meta l4proto ${l4} snat to ${ROUTER}${to}`).join("\n    ")

const table = (chains: string): string => `table ip nat {\n  ${chains}\n}\n`

/** What `snat` does by itself: one mapping for all remotes as long as ports do not clash and are kept. */
const byFlow = (ports: Ports, policy: Unsolicited | "router"): string =>
  table(`chain post { type nat hook postrouting priority srcnat;
    ${sourceNat(ports.to)}
  }
  ${guard(policy)}`)

const inside = "meta l4proto . ct original ip saddr . ct original proto-src"
const outside = "meta l4proto . th sport"

/** What a mapping is found by. A flow is found by all of it without a map. */
const sharedBy: Partial<Record<Dependence, { readonly type: string; readonly key: string }>> = {
  [EIM]: { type: "", key: "" },
  [ADM]: { type: " . ipv4_addr", key: " . ip daddr" }
}
/** Whom a filter lets in: what it keeps of those that were sent to, and how it looks for who sends. */
const admitted: Record<Dependence, { readonly type: string; readonly key: string; readonly match: string }> = {
  [EIM]: { type: "", key: "", match: "" },
  [ADM]: { type: " . ipv4_addr", key: " . ip daddr", match: "meta l4proto . th dport . ip saddr @sent " },
  [APDM]: {
    type: " . ipv4_addr . inet_service",
    key: " . ip daddr . th dport",
    match: "meta l4proto . th dport . ip saddr . th sport @sent "
  }
}

const learning = (set: string, element: string): string =>
  `oifname "wan" meta l4proto { tcp, udp } ct direction original update @${set} { ${element} }`

/** With `hairpin`, packets from inside to a mapping are turned round, from the mapping of their sender. */
const learned = (
  mapping: Dependence,
  filtering: Dependence,
  ports: Ports,
  policy: Unsolicited,
  hairpin: boolean
): string => {
  const shared = sharedBy[mapping]
  const { key, match, type } = admitted[filtering]
  const dynamic = "flags dynamic,timeout; size 65535;"
  const there = "snat to meta l4proto . ip saddr . th sport"
  const lines = (...all: ReadonlyArray<string | false>): string => all.filter((line) => line !== false).join("\n    ")
  return table(`map there { type inet_proto . ipv4_addr . inet_service${shared?.type ?? ""} : ipv4_addr . inet_service; ${dynamic} }
  map back { type inet_proto . inet_service : ipv4_addr . inet_service; ${dynamic} }
  set sent { type inet_proto . inet_service${type}; ${dynamic} }
  chain pre { type nat hook prerouting priority dstnat;
    ${lines(
      hairpin && `iifname "lan" ip daddr ${ROUTER} dnat to meta l4proto . th dport map @back`,
      `iifname "wan" ${match}dnat to meta l4proto . th dport map @back`
    )}
  }
  chain post { type nat hook postrouting priority srcnat;
    ${lines(
      shared !== undefined && `oifname "wan" ${there}${shared.key} map @there`,
      hairpin && `oifname "lan" ct original ip daddr ${ROUTER} ${there} map @there`,
      sourceNat(ports.to)
    )}
  }
  chain learn { type filter hook postrouting priority srcnat + 50;
    ${lines(
      shared !== undefined && learning("there", `${inside}${shared.key} timeout 2m : ip saddr . th sport`),
      learning("back", `${outside} timeout 2m : ct original ip saddr . ct original proto-src`),
      learning("sent", `${outside}${key} timeout 2m`)
    )}
  }
  ${guard(policy)}`)
}

/** What passes a router that translates nothing: answers, and what inside hosts begin. */
const firewall = (policy: "drop" | "rst"): string => `table ip fw {
  chain f { type filter hook forward priority 0;
    ct state established,related accept
    iifname "lan" accept
    ${policy === "rst" ? "meta l4proto tcp reject with tcp reset" : ""}
    drop
  }
}
`

const block = (what: string): string => `table ip blk {
  chain f { type filter hook forward priority -5;
    ${what}drop
  }
}
`

const names: Record<Dependence, ClassicName> = {
  [EIM]: "full-cone",
  [ADM]: "restricted-cone",
  [APDM]: "port-restricted-cone"
}

/** The same for both transports, but for what datagrams do not show. */
const both = (truth: Truth, tcp: Partial<Truth>): Record<Transport, Truth> => ({
  udp: truth,
  tcp: { ...truth, ...tcp }
})

const flows = (name: string, ports: Ports, policy: Unsolicited | "router"): Kind => {
  const isStill = ports === equal || ports.delta.kind === "preserving"
  const rest = {
    mapping: isStill ? EIM : APDM,
    filtering: APDM,
    delta: ports.delta,
    ...(ports.range === undefined ? {} : { range: ports.range }),
    hairpin: isStill ? false : "unknown"
  } as const
  return {
    name,
    rules: byFlow(ports, policy),
    // A port that nobody listens on is refused by the router itself.
    truth: both(
      { type: isStill ? "port-restricted-cone" : "symmetric", ...rest },
      { unsolicited: policy === "router" ? "rst" : policy }
    )
  }
}

const mappings = (
  mapping: Dependence,
  filtering: Dependence,
  ports: Ports,
  policy: Unsolicited,
  hairpin: boolean
): Kind => ({
  name: `${mapping}, ${filtering}, ${ports.delta.kind} ${ports.delta.step}, ${policy}${hairpin ? ", hairpin" : ""}`,
  rules: learned(mapping, filtering, ports, policy, hairpin),
  truth: both(
    {
      type: mapping === EIM ? names[filtering] : "symmetric",
      mapping,
      filtering,
      delta: ports.delta,
      ...(ports.range === undefined ? {} : { range: ports.range }),
      hairpin: mapping === EIM ? hairpin : "unknown"
    },
    { unsolicited: filtering === EIM ? "unknown" : policy }
  )
})

const nothing: Truth = { type: "blocked" }
const plain = flows("snat", equal, "drop")

export const kinds: ReadonlyArray<Kind> = [
  plain,
  flows("snat, strangers reset", equal, "rst"),
  flows("snat, strangers told by ICMP", equal, "icmp"),
  flows("masquerade as it comes", equal, "router"),
  flows("snat to random ports", random(35_000, 65_535), "drop"),
  flows("snat that counts by 3", counting(40_000, 3, 5000), "drop"),
  flows("snat that counts down by 2", counting(60_000, -2, 5000), "rst"),
  flows("snat that moves by 1000", moved(1000), "drop"),
  mappings(EIM, EIM, equal, "drop", true),
  mappings(EIM, EIM, random(1024, 65_535), "drop", false),
  mappings(EIM, ADM, random(1024, 65_535), "rst", true),
  mappings(EIM, ADM, counting(20_000, 2, 5000), "drop", false),
  mappings(EIM, APDM, counting(40_000, 1, 5000), "drop", true),
  mappings(EIM, APDM, counting(40_000, -5, 5000), "icmp", true),
  mappings(ADM, APDM, random(1024, 65_535), "drop", false),
  mappings(ADM, APDM, counting(30_000, 1, 5000), "rst", false),
  mappings(APDM, EIM, random(1024, 65_535), "drop", false),
  mappings(APDM, ADM, counting(30_000, 5, 5000), "drop", false),
  {
    name: "firewall",
    rules: firewall("drop"),
    isRouted: true,
    truth: both({ type: "symmetric-firewall", filtering: APDM }, { unsolicited: "drop" })
  },
  {
    name: "firewall that resets",
    rules: firewall("rst"),
    isRouted: true,
    truth: both({ type: "symmetric-firewall", filtering: APDM }, { unsolicited: "rst" })
  },
  {
    name: "nothing but a router",
    rules: "",
    isRouted: true,
    truth: both({ type: "open-internet", filtering: EIM }, {})
  },
  {
    name: "no UDP",
    rules: byFlow(equal, "drop") + block("meta l4proto udp "),
    truth: { udp: nothing, tcp: plain.truth.tcp }
  },
  {
    name: "no TCP",
    rules: byFlow(equal, "drop") + block("meta l4proto tcp "),
    truth: { udp: plain.truth.udp, tcp: nothing }
  },
  { name: "nothing passes", rules: byFlow(equal, "drop") + block(""), truth: { udp: nothing, tcp: nothing } }
]
