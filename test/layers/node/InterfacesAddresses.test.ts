import { assert, describe, it } from "@effect/vitest"
import type { NetworkInterfaceInfo } from "node:os"
import * as NetAddress from "effect/net/NetAddress"
import { addressesOf, select } from "../../../src/layers/node/interfaceAddresses.ts"

const v4 = (address: string, prefix: number | null): NetworkInterfaceInfo => ({
  address,
  netmask: "",
  family: "IPv4",
  mac: "02:00:00:00:00:01",
  internal: false,
  cidr: prefix === null ? null : `${address}/${prefix}`
})

const v6 = (address: string, prefix: number, scopeid: number): NetworkInterfaceInfo => ({
  address,
  netmask: "",
  family: "IPv6",
  mac: "02:00:00:00:00:01",
  internal: false,
  cidr: `${address}/${prefix}`,
  scopeid
})

const facts = {
  eth0: [v6("fe80::1", 64, 3), v4("192.168.1.2", 24), v6("2001:db8::2", 64, 0)],
  "eth0:1": [v4("192.168.1.3", 24)],
  tun0: [v4("10.8.0.2", null)]
}
const dev = `Inter-|   Receive |  Transmit
 face |bytes    packets errs
    lo:    3193      29    0
 wlan0:0 0 0
  eth0:       0       0    0
`
const look = (name: string, family?: NetAddress.IpFamily) => select(facts, () => dev, name, family)
const texts = (found: ReturnType<typeof look>) =>
  found._tag === "Addresses" ? found.addresses.map((entry) => NetAddress.formatIp(entry.address)) : found._tag

describe("interfaceAddresses", () => {
  it("lists the widest scope first, labelled addresses included, scope id on link-local only", () => {
    const found = look("eth0")
    assert(found._tag === "Addresses")
    assert.deepStrictEqual(texts(found), ["2001:db8::2", "192.168.1.2", "192.168.1.3", "fe80::1"])
    assert.deepStrictEqual(
      found.addresses.map((entry) => entry.scopeId),
      [undefined, undefined, undefined, 3]
    )
    assert.deepStrictEqual(texts(look("eth0", "IPv6")), ["2001:db8::2", "fe80::1"])
  })

  it("tells an interface without an address of the family from an unknown one", () => {
    const noV6 = look("tun0", "IPv6")
    assert(noV6._tag === "NoAddress")
    assert.strictEqual(noV6.others.length, 1)
    const down = look("wlan0")
    assert(down._tag === "NoAddress")
    assert.deepStrictEqual(down.others, [])
    const unknown = look("eth9")
    assert(unknown._tag === "UnknownInterface")
    assert.deepStrictEqual(new Set(unknown.known), new Set(["eth0", "tun0", "lo", "wlan0"]))
  })

  it("takes an address with a mask that is no prefix as a host address", () => {
    const found = look("tun0")
    assert(found._tag === "Addresses")
    assert.strictEqual(found.addresses[0].prefixLength, 32)
  })

  it.skipIf(process.platform === "win32")("reads this machine", () => {
    const loopback = process.platform === "linux" ? "lo" : "lo0"
    const found = addressesOf(loopback, "IPv4")
    assert(found._tag === "Addresses")
    assert.strictEqual(found.addresses[0].scope, "host")
    const unknown = addressesOf("no such interface")
    assert(unknown._tag === "UnknownInterface")
    assert.include(unknown.known, loopback)
  })
})
