import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Own from "../../../src/protocols/connect/own.ts"
import { known, unknown } from "../../../src/protocols/natprofile/confidence.ts"
import type { NatProfile } from "../../../src/schemas/NatProfile.ts"
import type { NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import { at, ip } from "./kit.ts"

const entry = (
  name: string,
  addresses: ReadonlyArray<string>,
  more: Partial<Pick<NetworkInterface, "isDefault" | "gateways">> & { readonly up?: boolean } = {}
): NetworkInterface => ({
  name,
  kind: name === "lo" ? "loopback" : "ethernet",
  flags: {
    up: more.up ?? true,
    running: more.up ?? true,
    loopback: name === "lo",
    pointToPoint: false,
    multicast: true,
    broadcast: true
  },
  addresses: addresses.map((text) => {
    const [address, length] = text.split("/")
    return interfaceAddress(ip(address!), Number(length), 3)
  }),
  gateways: more.gateways ?? [],
  isDefault: more.isDefault ?? { IPv4: false, IPv6: false }
})

const lo = entry("lo", ["127.0.0.1/8", "::1/128"])
const eth0 = entry("eth0", ["192.168.1.2/24", "fe80::2/64"], {
  isDefault: { IPv4: true, IPv6: false },
  gateways: [{ family: "IPv4", address: ip("192.168.1.1"), metric: 100 }]
})
const eth1 = entry("eth1", ["10.9.0.2/24"])

const missing = unknown("not-asked", "nobody asked")

const profile = (more: Partial<NatProfile>): NatProfile => ({
  interface: "eth0",
  family: "IPv4",
  transport: "tcp",
  blocked: known(false, 1, []),
  external: missing,
  translated: missing,
  mapping: missing,
  filtering: missing,
  delta: missing,
  range: missing,
  unsolicited: missing,
  hairpin: missing,
  lifetime: missing,
  nats: missing,
  noise: missing,
  warnings: [],
  ...more
})

describe("the interfaces a peer uses", () => {
  const names = (all: ReadonlyArray<NetworkInterface>, wanted?: ReadonlyArray<string>, loop = false) =>
    Own.chosen(all, wanted, loop).map(({ name }) => name)

  it("are all that lead anywhere, or those named, or else the loop", () => {
    assert.deepStrictEqual(names([lo, eth0, eth1]), ["eth0", "eth1"])
    assert.deepStrictEqual(names([lo, eth0, eth1], ["eth1", "none"]), ["eth1"])
    assert.deepStrictEqual(names([lo, eth0], ["lo"]), ["lo"])
    assert.deepStrictEqual(names([lo]), ["lo"])
    assert.deepStrictEqual(names([lo, eth0], ["none"]), [])
  })

  it("and the loop last, where peers of this machine are to be met", () => {
    assert.deepStrictEqual(names([lo, eth0], undefined, true), ["eth0", "lo"])
    assert.deepStrictEqual(names([lo, eth0], ["eth0"], true), ["eth0", "lo"])
    assert.deepStrictEqual(names([lo, eth0], ["lo"], true), ["lo"])
  })

  it("are none that are down or have no address", () => {
    assert.deepStrictEqual(names([lo, entry("eth0", ["11.0.0.1/24"], { up: false }), entry("eth1", [])]), ["lo"])
  })

  it("are listened on by what others can use", () => {
    const told = (each: NetworkInterface) => Own.listenable(each).map(({ address }) => NetAddress.formatIp(address))
    assert.deepStrictEqual(told(eth0), ["192.168.1.2"])
    assert.deepStrictEqual(told(lo), ["127.0.0.1"])
    assert.deepStrictEqual(told(entry("eth0", ["fe80::2/64"])), ["fe80::2"])
    assert.strictEqual(
      told(
        entry(
          "eth0",
          Array.from({ length: 99 }, (_, n) => `11.0.0.${n + 1}/24`)
        )
      ).length,
      8
    )
  })
})

describe("what a peer knows of its networks", () => {
  const own: Own.Own = {
    interfaces: [eth1, eth0],
    addresses: [],
    listening: [
      { interface: "eth0", endpoint: at("192.168.1.2:4000"), mapped: at("11.0.0.1:5000") },
      { interface: "eth1", endpoint: at("10.9.0.2:4000"), mapped: at("10.9.0.2:4000") }
    ],
    profiles: [
      profile({
        filtering: known("endpoint-independent", 0.9, []),
        mapping: known("endpoint-independent", 0.9, []),
        translated: known(true, 1, []),
        hairpin: known(false, 0.9, [])
      }),
      profile({ transport: "udp", external: known(ip("11.0.0.2"), 1, []) })
    ]
  }

  it("is what it dials from", () => {
    const { endpoints, interfaces } = Own.mineOf(own)
    assert.deepStrictEqual(endpoints.map(NetAddress.formatInet), ["192.168.1.2:4000", "10.9.0.2:4000"])
    assert.deepStrictEqual(
      interfaces.map(({ external, leadsOut, name }) => [name, leadsOut, external.map(NetAddress.formatIp)]),
      [
        ["eth1", [], ["10.9.0.2"]],
        ["eth0", ["IPv4"], ["11.0.0.1", "11.0.0.2"]]
      ]
    )
  })

  it("is what it tells others: what leads out first, a mapping only where it says more, the rest in brief", () => {
    const told = Own.addressInterfaces(own, ({ prefix }) => Uint8Array.of(prefix.prefixLength))
    assert.deepStrictEqual(
      told.map(({ candidates, nats, network }) => [
        candidates.map(({ endpoint, kind }) => `${kind} ${NetAddress.formatInet(endpoint)}`),
        nats.map(({ filtering, hairpin, transport, type }) => [transport, type, filtering, hairpin]),
        network
      ]),
      [
        [
          ["reflexive 11.0.0.1:5000", "host 192.168.1.2:4000"],
          [
            ["tcp", "full-cone", "endpoint-independent", false],
            ["udp", undefined, undefined, undefined]
          ],
          Uint8Array.of(24)
        ],
        [["host 10.9.0.2:4000"], [], Uint8Array.of(24)]
      ]
    )
  })

  it("says nothing of interfaces there is nothing to say of", () => {
    assert.deepStrictEqual(
      Own.addressInterfaces(
        { interfaces: [eth0], addresses: [], listening: [], profiles: [] },
        () => new Uint8Array(6)
      ),
      []
    )
  })
})
