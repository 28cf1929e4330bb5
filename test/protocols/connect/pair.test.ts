import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { MAX_PAIRS, type Mine, type PairOptions, pairsOf, type Relation } from "../../../src/protocols/connect/pair.ts"
import type { AddressInterface } from "../../../src/schemas/PeerAddress.ts"
import { all, apart, ip, mine, neighbours, strangers, tcp, theirs, together } from "./kit.ts"

/** `eth0 10.0.0.2 > 11.0.0.2:4000 internet open`, and `no 10.1.0.1:4000: why`. */
const told = (own: Mine, there: ReadonlyArray<AddressInterface>, relation: Relation, options?: PairOptions) => {
  const { pairs, skipped } = pairsOf(own, there, relation, options)
  return [
    ...pairs.map(
      ({ chance, interface: name, local, nearness, remote }) =>
        `${name} ${NetAddress.formatIp(local)} > ${NetAddress.formatInet(remote)} ${nearness} ${chance}`
    ),
    ...skipped.map(({ remote, why }) => `no ${NetAddress.formatInet(remote)}: ${why}`)
  ]
}

const home = mine("eth0", ["192.168.1.2/24"], { external: ["11.0.0.1"] })
const bare = mine("eth0", ["192.168.1.2/24"])
const open = mine("eth0", ["11.0.0.1/24"])
const gated = mine("eth0", ["192.168.1.2/24"], { external: ["11.0.0.1"], gateways: ["192.168.1.1"] })
const wired = mine("eth0", ["2a10::2/64"], { nats: [tcp({ family: "IPv6", filtering: "address-dependent" })] })
/** Asks to be dialled, and nobody here knows it. */
const stranger = { stranger: true }

interface Case {
  readonly name: string
  readonly own: Mine
  readonly there: ReadonlyArray<AddressInterface>
  readonly relation?: Relation
  readonly options?: PairOptions
  readonly pairs: ReadonlyArray<string>
}

const cases: ReadonlyArray<Case> = [
  {
    name: "a public host of which nothing is known",
    own: all([home]),
    there: [theirs(["12.0.0.1:4000"])],
    pairs: ["eth0 192.168.1.2 > 12.0.0.1:4000 internet unknown"]
  },
  {
    name: "a host that lets anyone in, and one that does not",
    own: all([home]),
    there: [
      theirs(["12.0.0.1:4000"], [tcp({ filtering: "address-dependent" })]),
      theirs(["12.0.0.2:4000"], [tcp({ filtering: "endpoint-independent" })])
    ],
    pairs: ["eth0 192.168.1.2 > 12.0.0.2:4000 internet open", "eth0 192.168.1.2 > 12.0.0.1:4000 internet filtered"]
  },
  {
    name: "what is said of UDP says nothing of TCP",
    own: all([home]),
    there: [theirs(["12.0.0.1:4000"], [{ ...tcp({ type: "full-cone" }), transport: "udp" }])],
    pairs: ["eth0 192.168.1.2 > 12.0.0.1:4000 internet unknown"]
  },
  {
    name: "a port that a router was asked to open",
    own: all([home]),
    there: [theirs(["12.0.0.1:4000 mapped"], [tcp({ type: "symmetric" })])],
    pairs: ["eth0 192.168.1.2 > 12.0.0.1:4000 internet open"]
  },
  {
    name: "private addresses of another network are nobody's business",
    own: all([home]),
    there: [theirs(["192.168.1.9:4000", "10.0.0.1:4000", "[fd00::1]:4000", "12.0.0.1:4000 reflexive"])],
    relation: apart,
    pairs: [
      "eth0 192.168.1.2 > 12.0.0.1:4000 internet unknown",
      "no 192.168.1.9:4000: a private address of another network",
      "no 10.0.0.1:4000: a private address of another network",
      "no [fd00::1]:4000: this machine has no interface with IPv6"
    ]
  },
  {
    name: "with nothing said, an address in one's own range may be a neighbour, unless the outside addresses differ",
    own: all([bare]),
    there: [theirs(["192.168.1.9:4000", "10.0.0.1:4000"])],
    pairs: [
      "eth0 192.168.1.2 > 192.168.1.9:4000 same-lan unknown",
      "no 10.0.0.1:4000: a private address of a network this machine is not on"
    ]
  },
  {
    name: "and then it is not",
    own: all([home]),
    there: [theirs(["192.168.1.9:4000", "12.0.0.1:4000 reflexive"], [tcp({ type: "symmetric" })])],
    pairs: [
      "eth0 192.168.1.2 > 12.0.0.1:4000 internet filtered",
      "no 192.168.1.9:4000: a private address of another network"
    ]
  },
  {
    name: "the same network, and the same outside address: the neighbour first, the hairpin last",
    own: all([home]),
    there: [theirs(["192.168.1.9:4000", "11.0.0.1:5000 reflexive"])],
    relation: neighbours,
    pairs: ["eth0 192.168.1.2 > 192.168.1.9:4000 same-lan open", "eth0 192.168.1.2 > 11.0.0.1:5000 internet filtered"]
  },
  {
    name: "no hairpin where either side knows that there is none",
    own: all([mine("eth0", ["192.168.1.2/24"], { external: ["11.0.0.1"], nats: [tcp({ hairpin: false })] })]),
    there: [theirs(["11.0.0.1:5000 reflexive"], [tcp({ hairpin: true })])],
    pairs: ["no 11.0.0.1:5000: behind this machine's own outside address, whose router does not turn packets round"]
  },
  {
    name: "a hairpin that is known to work",
    own: all([home]),
    there: [theirs(["11.0.0.1:5000 reflexive"], [tcp({ hairpin: true })])],
    pairs: ["eth0 192.168.1.2 > 11.0.0.1:5000 internet open"]
  },
  {
    name: "another network behind the same outside address",
    own: all([home]),
    there: [theirs(["10.0.0.9:4000", "11.0.0.1:5000 reflexive"])],
    relation: apart,
    pairs: ["eth0 192.168.1.2 > 10.0.0.9:4000 same-lan unknown", "eth0 192.168.1.2 > 11.0.0.1:5000 internet filtered"]
  },
  {
    name: "this machine, by its loop first",
    own: all([open, mine("lo", ["127.0.0.1/8"], { out: [] })], ["11.0.0.1:1"]),
    there: [theirs(["11.0.0.1:4000"]), theirs(["127.0.0.1:4000"])],
    relation: together,
    pairs: ["lo 127.0.0.1 > 127.0.0.1:4000 same-machine open", "eth0 11.0.0.1 > 11.0.0.1:4000 same-machine unknown"]
  },
  {
    name: "this machine's addresses where the other is not on it",
    own: all([open, mine("lo", ["127.0.0.1/8"], { out: [] })]),
    there: [theirs(["11.0.0.1:4000", "127.0.0.1:4000"])],
    relation: neighbours,
    pairs: [
      "no 11.0.0.1:4000: this machine has that address itself",
      "no 127.0.0.1:4000: a loopback address of another machine"
    ]
  },
  {
    name: "this peer's own endpoint",
    own: all([open], ["11.0.0.1:4000"]),
    there: [theirs(["11.0.0.1:4000"])],
    relation: together,
    pairs: ["no 11.0.0.1:4000: this peer itself listens there"]
  },
  {
    name: "places where nobody is",
    own: all([open]),
    there: [theirs(["0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "240.0.0.1:1", "12.0.0.1:0"])],
    pairs: ["0.0.0.0:1", "255.255.255.255:1", "224.0.0.1:1", "240.0.0.1:1", "12.0.0.1:0"].map(
      (place) => `no ${place}: no peer can be there`
    )
  },
  {
    name: "link-local addresses on each interface of the network they are of, with its scope",
    own: all([mine("eth0", ["fe80::2/64", "2a10::2/64"])]),
    there: [theirs(["[fe80::9]:4000", "[2a10::9]:4000"])],
    relation: neighbours,
    pairs: ["eth0 2a10::2 > [2a10::9]:4000 same-lan open", "eth0 fe80::2 > [fe80::9%3]:4000 same-lan unknown"]
  },
  {
    name: "link-local addresses of who knows where",
    own: all([mine("eth0", ["fe80::2/64", "2a10::2/64"])]),
    there: [theirs(["[fe80::9]:4000"])],
    pairs: ["no [fe80::9]:4000: it means something only on its own network, which is not this one"]
  },
  {
    name: "IPv6 before IPv4, and from the address that reaches",
    own: all([mine("eth0", ["fe80::2/64", "fd00::2/64", "2a10::2/64", "11.0.0.1/24"])]),
    there: [theirs(["12.0.0.1:4000", "[2a20::9]:4000"])],
    pairs: ["eth0 2a10::2 > [2a20::9]:4000 internet unknown", "eth0 11.0.0.1 > 12.0.0.1:4000 internet unknown"]
  },
  {
    name: "an interface that leads nowhere",
    own: all([mine("eth1", ["10.9.0.2/24"], { out: [] })]),
    there: [theirs(["12.0.0.1:4000"])],
    pairs: ["no 12.0.0.1:4000: no interface of this machine leads to the internet by IPv4"]
  },
  {
    name: "only what was asked for",
    own: all([open, mine("eth1", ["13.0.0.1/24", "2a10::2/64"])]),
    there: [theirs(["12.0.0.1:4000", "[2a20::9]:4000"])],
    options: { families: ["IPv4"], interfaces: ["eth1"] },
    pairs: ["eth1 13.0.0.1 > 12.0.0.1:4000 internet unknown", "no [2a20::9]:4000: its address family was not asked for"]
  },
  {
    name: "an address of this machine by another of its interfaces",
    own: all([mine("eth0", ["192.168.1.10/24"]), mine("wlan0", ["192.168.1.11/24"])]),
    there: [theirs(["192.168.1.10:22"])],
    pairs: ["no 192.168.1.10:22: this machine has that address itself"]
  },
  {
    name: "an address of an interface of this machine that is not used",
    own: { ...all([mine("eth0", ["192.168.1.10/24"])]), addresses: ["192.168.1.10", "192.168.1.11"].map(ip) },
    there: [theirs(["192.168.1.11:22"])],
    relation: neighbours,
    pairs: ["no 192.168.1.11:22: this machine has that address itself"]
  },
  {
    name: "a neighbour by global IPv6: no router filters between the two",
    own: all([wired]),
    there: [theirs(["[2a10::9]:4000", "[2a20::9]:4000"], wired.nats)],
    relation: neighbours,
    pairs: ["eth0 2a10::2 > [2a10::9]:4000 same-lan open", "eth0 2a10::2 > [2a20::9]:4000 internet filtered"]
  },
  {
    name: "IPv6 addresses that stand for IPv4 hosts of some network, or of a translator here",
    own: all([wired]),
    there: [
      theirs(["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1"].map((a) => `[${a}]:22`))
    ],
    relation: neighbours,
    pairs: ["64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1"].map(
      (address) => `no [${address}]:22: no peer can be there`
    )
  },
  {
    name: "a stranger elsewhere, who claims to be behind the same router",
    own: all([gated]),
    there: [theirs(["12.0.0.1:80", "192.168.1.9:4000", "172.16.0.1:4000", "11.0.0.1:9 reflexive"])],
    options: stranger,
    pairs: [
      "eth0 192.168.1.2 > 12.0.0.1:80 internet unknown",
      "no 192.168.1.9:4000: a private address, of a peer that does not show that it is on the same network",
      "no 172.16.0.1:4000: a private address, of a peer that does not show that it is on the same network",
      "no 11.0.0.1:9: a port of the system's, at this machine's own router"
    ]
  },
  {
    name: "a stranger who says nothing of where it is",
    own: all([bare]),
    there: [theirs(["192.168.1.9:4000"])],
    options: stranger,
    pairs: ["no 192.168.1.9:4000: a private address, of a peer that does not show that it is on the same network"]
  },
  {
    name: "a stranger on this network: its peers, and not its services or its router",
    own: all([gated]),
    there: [theirs(["192.168.1.9:4000", "192.168.1.9:22", "192.168.1.1:8080", "192.168.2.9:4000"])],
    relation: neighbours,
    options: stranger,
    pairs: [
      "eth0 192.168.1.2 > 192.168.1.9:4000 same-lan unknown",
      "no 192.168.1.9:22: a port of the system's, on this network",
      "no 192.168.1.1:8080: the gateway of this network",
      "no 192.168.2.9:4000: a private address, of a peer that does not show that it is on the same network"
    ]
  },
  {
    name: "a stranger who shows this network, and another address outside",
    own: all([gated]),
    there: [theirs(["192.168.1.9:4000", "12.0.0.1:4000 reflexive"])],
    relation: neighbours,
    options: stranger,
    pairs: [
      "eth0 192.168.1.2 > 12.0.0.1:4000 internet unknown",
      "no 192.168.1.9:4000: a private address, of a peer that does not show that it is on the same network"
    ]
  },
  {
    name: "a stranger who shows that it is on this very machine",
    own: all([open, mine("lo", ["127.0.0.1/8"], { out: [] })]),
    there: [theirs(["127.0.0.1:4000"])],
    relation: together,
    options: stranger,
    pairs: ["lo 127.0.0.1 > 127.0.0.1:4000 same-machine open"]
  },
  {
    name: "an endpoint that two of their interfaces name, once, with the better chance",
    own: all([open]),
    there: [theirs(["12.0.0.1:4000"]), theirs(["12.0.0.1:4000 mapped"])],
    pairs: ["eth0 11.0.0.1 > 12.0.0.1:4000 internet open"]
  }
]

describe("pairs", () => {
  for (const { name, options, own, pairs, relation = strangers, there } of cases) {
    it(`${name}`, () => assert.deepStrictEqual(told(own, there, relation, options), pairs))
  }

  it("are a bounded number, the best of them, and say what was left out", () => {
    const many = Array.from({ length: 8 }, (_, n) =>
      theirs(
        Array.from({ length: 16 }, (_, at) => `12.0.${n}.${at + 1}:4000`),
        [tcp({ filtering: n === 7 ? "endpoint-independent" : "address-dependent" })]
      )
    )
    const own = all(Array.from({ length: 4 }, (_, at) => mine(`eth${at}`, [`11.0.${at}.1/24`])))
    const { pairs, skipped } = pairsOf(own, many, strangers)
    assert.strictEqual(pairs.length, MAX_PAIRS)
    assert.isTrue(pairs.every(({ chance }) => chance === "open"))
    assert.strictEqual(skipped.length, 8 * 16 * 4 - MAX_PAIRS)
  })

  it("do not depend on what is said of the rest", () => {
    for (const { own, relation = strangers, there } of cases) {
      const { pairs, skipped } = pairsOf(own, there, relation)
      assert.isAtLeast(pairs.length + skipped.length, there.flatMap(({ candidates }) => candidates).length - 1)
      assert.strictEqual(
        new Set(pairs.map((pair) => `${pair.interface} ${NetAddress.formatInet(pair.remote)}`)).size,
        pairs.length
      )
    }
  })
})
