import { assert, describe, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import { diff } from "../../../src/protocols/interfaces/diff.ts"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import { type Family, InterfaceChange, type NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"

const ip = NetAddress.ipFromStringUnsafe
const at = (text: string, prefix: number) => interfaceAddress(ip(text), prefix, undefined)
const up = { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true }

const make = (name: string, index: number, change: Partial<NetworkInterface> = {}): NetworkInterface => ({
  name,
  index,
  kind: "ethernet",
  flags: up,
  mtu: 1500,
  addresses: [],
  gateways: [],
  isDefault: { IPv4: false, IPv6: false },
  ...change
})

const tags = (before: ReadonlyArray<NetworkInterface>, after: ReadonlyArray<NetworkInterface>) =>
  diff(before, after).map((change) => change._tag)

const gateway = (text: string, family: Family = "IPv4") => [{ family, address: ip(text), metric: 100 }]

describe("diff", () => {
  const eth0 = make("eth0", 2, { addresses: [at("192.0.2.1", 24)] })
  const eth1 = make("eth1", 3)

  it("says nothing about lists that say the same, in whatever order, built anew", () => {
    const again = make("eth0", 2, { addresses: [at("192.0.2.1", 24)] })
    assert.deepStrictEqual(diff([eth0, eth1], [eth1, again]), [])
  })

  it("an interface that comes or goes takes its addresses with it", () => {
    assert.deepStrictEqual(diff([eth1], [eth0, eth1]), [{ _tag: "Added", interface: eth0 }])
    assert.deepStrictEqual(diff([eth0, eth1], [eth1]), [{ _tag: "Removed", interface: eth0 }])
  })

  it("another interface of the same name is a removal and an addition", () => {
    assert.deepStrictEqual(tags([eth0], [make("eth0", 9)]), ["Removed", "Added"])
  })

  it("an index that becomes known is an update", () => {
    const { index: _, ...unknown } = eth0
    assert.deepStrictEqual(tags([unknown], [eth0]), ["Updated"])
  })

  it("addresses, with their prefix", () => {
    const other = make("eth0", 2, { addresses: [at("192.0.2.1", 25), at("2001:db8::1", 64)] })
    assert.deepStrictEqual(diff([eth0], [other]), [
      { _tag: "AddressRemoved", interface: "eth0", address: at("192.0.2.1", 24) },
      { _tag: "AddressAdded", interface: "eth0", address: at("192.0.2.1", 25) },
      { _tag: "AddressAdded", interface: "eth0", address: at("2001:db8::1", 64) }
    ])
  })

  it("flags, MTU, kind, MAC and gateways are updates", () => {
    const mac = NetAddress.macAddressFromStringUnsafe("02:00:00:00:00:01")
    for (const change of [
      { flags: { ...up, running: false } },
      { mtu: 1400 },
      { kind: "bridge" },
      { mac },
      { gateways: gateway("192.0.2.254") }
    ] satisfies ReadonlyArray<Partial<NetworkInterface>>) {
      const after = make("eth1", 3, change)
      assert.deepStrictEqual(diff([eth1], [after]), [{ _tag: "Updated", before: eth1, after }])
    }
  })

  it("default routes: appear, move to another interface, get another gateway, go", () => {
    const route = (name: string, index: number, hop: string) =>
      make(name, index, { gateways: gateway(hop), isDefault: { IPv4: true, IPv6: false } })
    const only = (before: NetworkInterface, after: NetworkInterface) =>
      diff([before, eth1], [after, eth1]).filter((change) => change._tag === "DefaultRouteChanged")
    const a = route("eth0", 2, "192.0.2.254")
    const b = route("eth0", 2, "192.0.2.253")
    const was = { interface: "eth0", gateway: ip("192.0.2.254") }
    assert.deepStrictEqual(only(make("eth0", 2), a), [{ _tag: "DefaultRouteChanged", family: "IPv4", after: was }])
    assert.deepStrictEqual(only(a, make("eth0", 2)), [{ _tag: "DefaultRouteChanged", family: "IPv4", before: was }])
    assert.deepStrictEqual(only(a, b), [
      {
        _tag: "DefaultRouteChanged",
        family: "IPv4",
        before: was,
        after: { interface: "eth0", gateway: ip("192.0.2.253") }
      }
    ])
    const moved = diff(
      [make("eth0", 2, { isDefault: { IPv4: false, IPv6: true } }), eth1],
      [make("eth0", 2), make("eth1", 3, { isDefault: { IPv4: false, IPv6: true } })]
    )
    assert.deepStrictEqual(moved, [
      { _tag: "DefaultRouteChanged", family: "IPv6", before: { interface: "eth0" }, after: { interface: "eth1" } }
    ])
  })

  it("changes survive JSON", () => {
    const changes = [
      ...diff([eth1], [eth0]),
      ...diff([eth0], [make("eth0", 2, { isDefault: { IPv4: true, IPv6: true } })])
    ]
    const codec = Schema.fromJsonString(Schema.Array(InterfaceChange))
    const back = Schema.decodeSync(codec)(Schema.encodeSync(codec)(changes))
    assert.isTrue(Equal.equals(back, changes))
  })
})

describe("diff, any two lists", () => {
  const Small = Schema.Array(
    Schema.Struct({
      name: Schema.Literals(["a", "b", "c"]),
      index: Schema.Literals([1, 2]),
      mtu: Schema.Literals([1400, 1500]),
      hosts: Schema.Array(Schema.Literals(["192.0.2.1", "192.0.2.2", "2001:db8::1"])),
      isDefault: Schema.Boolean
    })
  )
  const build = (entries: typeof Small.Type) => {
    const names = new Set<string>()
    let taken = false
    return entries.flatMap(({ name, index, mtu, hosts, isDefault }) => {
      if (names.has(name)) return []
      names.add(name)
      const IPv4 = isDefault && !taken
      taken ||= IPv4
      return [
        make(name, index, {
          mtu,
          addresses: [...new Set(hosts)].map((host) => at(host, 24)),
          isDefault: { IPv4, IPv6: false }
        })
      ]
    })
  }
  const byName = (list: ReadonlyArray<NetworkInterface>) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const sets = (list: ReadonlyArray<NetworkInterface>) =>
    byName(list).map(({ addresses, ...entry }) => [
      entry,
      new Set(addresses.map((own) => NetAddress.formatIp(own.address)))
    ])

  it.prop("applying the changes to the old list gives the new one", [Small, Small], ([left, right]) => {
    const before = build(left)
    const after = build(right)
    const now = new Map(before.map((entry) => [entry.name, entry]))
    for (const change of diff(before, after)) {
      if (change._tag === "Removed") now.delete(change.interface.name)
      else if (change._tag === "Added") now.set(change.interface.name, change.interface)
      else if (change._tag === "Updated") now.set(change.after.name, change.after)
      else if (change._tag === "DefaultRouteChanged") {
        for (const [name, entry] of now) {
          now.set(name, { ...entry, isDefault: { ...entry.isDefault, IPv4: change.after?.interface === name } })
        }
      } else {
        const entry = now.get(change.interface)
        assert(entry !== undefined)
        const others = entry.addresses.filter((own) => !Equal.equals(own, change.address))
        assert.strictEqual(others.length === entry.addresses.length, change._tag === "AddressAdded")
        now.set(entry.name, {
          ...entry,
          addresses: change._tag === "AddressAdded" ? [...others, change.address] : others
        })
      }
    }
    assert.deepStrictEqual(sets([...now.values()]), sets(after))
  })
})
