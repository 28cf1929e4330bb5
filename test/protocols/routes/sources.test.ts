import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as IpRange from "../../../src/protocols/addresses/IpRange.ts"
import { blockOf, MAX_SOURCES, sources, type Wanted } from "../../../src/protocols/routes/sources.ts"
import type { NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"
import { card, ip, own } from "./kit.ts"

const everywhere = ["192.0.2.99", "2001:db8::99", "127.0.0.1", "::1"].map(ip)

const asked = (interfaces: ReadonlyArray<NetworkInterface>, wanted: Partial<Wanted> = {}) => {
  const { ask, failures, problems } = sources(interfaces, { servers: everywhere, ...wanted })
  return {
    ask: ask.map(({ address, assigned, block, interface: name, linkLocal }) =>
      [
        name,
        NetAddress.formatIp(address.address),
        ...(block === undefined ? [] : [IpRange.format(block)]),
        ...(assigned ? [] : ["unassigned"]),
        ...linkLocal.map(({ address }) => NetAddress.formatIp(address))
      ].join(" ")
    ),
    failures: failures.map(
      ({ address, interface: name, problem }) => `${name} ${NetAddress.formatIp(address)}: ${problem}`
    ),
    problems
  }
}

describe("the addresses to ask from", () => {
  it("are those of interfaces that are up and no loopback; IPv6 ones with the link-locals", () => {
    assert.deepStrictEqual(
      asked([
        card("lo", ["127.0.0.1/8", "::1/128"], { loopback: true }),
        card("eth0", ["192.168.1.2/24", "2001:db8::2/64", "fd00::2/64", "fe80::2/64", "fe80::3/64"]),
        card("eth1", ["10.0.0.2/8"], { up: false }),
        card("eth2", []),
        card("eth3", ["10.0.0.3/8"], { running: false })
      ]),
      {
        ask: ["eth0 192.168.1.2", "eth0 2001:db8::2 fe80::2 fe80::3", "eth0 fd00::2 fe80::2 fe80::3"],
        failures: ["eth3 10.0.0.3: the interface has no link"],
        problems: []
      }
    )
  })

  it("are those of the interfaces named, whatever they are, with the reason against each", () => {
    const all = [
      card("lo", ["127.0.0.1/8"], { loopback: true }),
      card("eth0", ["192.0.2.2/24", "2001:db8::2/64"]),
      card("eth1", ["10.0.0.2/8"], { up: false }),
      card("eth2", ["169.254.7.7/16"])
    ]
    assert.deepStrictEqual(asked(all, { interfaces: ["lo", "eth1", "eth2"] }), {
      ask: ["lo 127.0.0.1"],
      failures: [
        "eth1 10.0.0.2: the interface is down",
        "eth2 169.254.7.7: a link-local address reaches no further than its link"
      ],
      problems: []
    })
    assert.deepStrictEqual(asked(all, { interfaces: ["eth0"], servers: [ip("192.0.2.99")] }), {
      ask: ["eth0 192.0.2.2"],
      failures: ["eth0 2001:db8::2: no server has an IPv6 address"],
      problems: []
    })
    assert.deepStrictEqual(asked(all, { interfaces: ["eth0"], families: ["IPv6"] }).ask, ["eth0 2001:db8::2"])
  })

  it("are on this machine's loop for the servers there, and for no others", () => {
    const all = [card("lo", ["127.0.0.1/8"], { loopback: true }), card("eth0", ["192.0.2.2/24"])]
    const interfaces = ["lo", "eth0"]
    assert.deepStrictEqual(asked(all, { interfaces, servers: [ip("127.0.0.1")] }), {
      ask: ["lo 127.0.0.1"],
      failures: ["eth0 192.0.2.2: the servers are on this machine's loop"],
      problems: []
    })
    assert.deepStrictEqual(asked(all, { interfaces, servers: [ip("192.0.2.99")] }), {
      ask: ["eth0 192.0.2.2"],
      failures: ["lo 127.0.0.1: no server is on this machine's loop"],
      problems: []
    })
  })

  it("are none without a network, which is said", () => {
    assert.deepStrictEqual(asked([card("lo", ["127.0.0.1/8"], { loopback: true })]).problems, [
      "no interface is up: connect this machine to a network"
    ])
    assert.deepStrictEqual(asked([card("eth0", ["fe80::1/64"]), card("eth1", [])]), {
      ask: [],
      failures: [],
      problems: ["eth0, eth1: no address that leads out; connect this machine to a network"]
    })
  })

  it("are one for a block: shown by a host part of 0, or told", () => {
    assert.deepStrictEqual(
      asked(
        [card("eth0", ["203.0.113.8/29", "203.0.113.9/29", "198.51.100.1/24", "2001:db8:1::/48", "2001:db8:2::5/64"])],
        {
          blocks: [
            { interface: "eth0", block: IpNetwork.fromStringUnsafe("192.0.2.0/28") },
            { interface: "eth0", block: IpNetwork.fromStringUnsafe("2001:db8:2::/64") },
            { interface: "eth9", block: IpNetwork.fromStringUnsafe("192.0.2.64/28") }
          ]
        }
      ).ask,
      [
        "eth0 203.0.113.8 203.0.113.8/29",
        "eth0 192.0.2.0 192.0.2.0/28 unassigned",
        "eth0 198.51.100.1",
        "eth0 2001:db8:1:: 2001:db8:1::/48",
        "eth0 2001:db8:2::5 2001:db8:2::/64"
      ]
    )
  })

  it("take a host part of 0 for a block only where one can be", () => {
    const block = (text: string) => {
      const found = blockOf(own(text))
      return found === undefined ? undefined : IpRange.format(found)
    }
    assert.strictEqual(block("203.0.113.0/24"), "203.0.113.0/24")
    assert.strictEqual(block("203.0.113.4/30"), "203.0.113.4/30")
    assert.strictEqual(block("2001:db8::/32"), "2001:db8::/32")
    for (const none of [
      "203.0.113.4/29",
      "203.0.113.4/31",
      "203.0.113.4/32",
      "2001:db8::/127",
      "2001:db8::/128",
      "10.0.0.0/8",
      "100.64.0.0/10",
      "fd00::/48",
      "0.0.0.0/0"
    ]) {
      assert.isUndefined(block(none), none)
    }
  })

  it("are not more than can be asked from at once", () => {
    const many = Array.from({ length: MAX_SOURCES + 2 }, (_, at) => `10.0.${at >> 8}.${at & 255}/8`)
    const { ask, failures } = asked([card("eth0", many)])
    assert.strictEqual(ask.length, MAX_SOURCES)
    assert.deepStrictEqual(failures, [
      "eth0 10.0.1.0: only 256 addresses are asked from at once",
      "eth0 10.0.1.1: only 256 addresses are asked from at once"
    ])
  })
})
