/** Which interfaces are measured, and what is said of the others. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { routesOf, type RouteWishes } from "../../../src/protocols/natprofile/routes.ts"
import { scopeOf } from "../../../src/protocols/interfaces/scope.ts"
import type { Family, NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"

/** An interface with these addresses, and gateways for these families. */
const card = (
  name: string,
  addresses: ReadonlyArray<string>,
  leads: ReadonlyArray<Family>,
  flags: Partial<NetworkInterface["flags"]> = {}
): NetworkInterface => ({
  name,
  kind: "ethernet",
  flags: { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true, ...flags },
  addresses: addresses.map((text) => {
    const address = NetAddress.ipFromStringUnsafe(text)
    return { address, prefixLength: 24, scope: scopeOf(address) }
  }),
  gateways: leads.map((family) => ({
    family,
    address: NetAddress.ipFromStringUnsafe(family === "IPv4" ? "192.168.1.1" : "fe80::1"),
    metric: 0
  })),
  isDefault: { IPv4: false, IPv6: false }
})

const loopback = card("lo", ["127.0.0.1", "::1"], [], { loopback: true })
const wired = card("eth0", ["169.254.3.4", "192.168.1.5", "fe80::5", "fd00::5", "2a02:8071::5"], ["IPv4", "IPv6"])
const wireless = card("wlan0", ["10.1.1.7", "11.22.33.44"], ["IPv4"])
const bridge = card("docker0", ["172.17.0.1"], [])
const down = card("eth1", ["192.168.9.9"], ["IPv4"], { up: false, running: false })
const unplugged = card("eth2", [], [], { running: false })
const local = card("usb0", ["169.254.1.1", "fd00::7", "fe80::7"], ["IPv4", "IPv6"])
/** A tunnel has the default route without a next hop. */
const tunnel = { ...card("wg0", ["10.8.0.2"], []), isDefault: { IPv4: true, IPv6: false } }

const all = [loopback, wired, wireless, bridge, down, unplugged, local, tunnel]

const routes = (interfaces: ReadonlyArray<NetworkInterface>, wishes: RouteWishes = {}) => {
  const { problems, routes } = routesOf(interfaces, wishes)
  return {
    problems,
    routes: routes.map(
      ({ address, family, interface: device }) => `${device} ${family} ${NetAddress.formatIp(address)}`
    )
  }
}

describe("routes", () => {
  it("are by every interface that leads out, from its widest address, global ones alone for IPv6", () => {
    assert.deepStrictEqual(routes(all), {
      problems: [],
      routes: ["eth0 IPv4 192.168.1.5", "eth0 IPv6 2a02:8071::5", "wlan0 IPv4 11.22.33.44", "wg0 IPv4 10.8.0.2"]
    })
  })

  it("are of the family asked for", () => {
    assert.deepStrictEqual(routes(all, { families: ["IPv6"] }).routes, ["eth0 IPv6 2a02:8071::5"])
  })

  it("are by an interface that is named wherever it leads, loopback too", () => {
    assert.deepStrictEqual(routes(all, { interfaces: ["docker0", "lo"] }), {
      problems: [],
      routes: ["lo IPv4 127.0.0.1", "lo IPv6 ::1", "docker0 IPv4 172.17.0.1"]
    })
  })

  it("that cannot be are named with the reason", () => {
    const names = "lo, eth0, wlan0, docker0, eth1, eth2, usb0, wg0"
    assert.deepStrictEqual(routes(all, { interfaces: ["eth1", "eth2", "usb0", "eth9"] }), {
      problems: [
        `no interface is called "eth9"; there are ${names}`,
        "eth1 is down",
        "eth2 has no link",
        "usb0 has no IPv4 address and no global IPv6 address"
      ],
      routes: []
    })
  })

  it("without any, the whole list says why", () => {
    assert.deepStrictEqual(routes([loopback, bridge, down, unplugged]), {
      problems: [
        "no network: no interface leads out (lo is a loopback, docker0 has no gateway, eth1 is down, eth2 has no link)"
      ],
      routes: []
    })
  })
})
