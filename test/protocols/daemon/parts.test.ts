import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { type Part, parts, type Place, type Wanted } from "../../../src/protocols/daemon/parts.ts"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import type { NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"

const ip = NetAddress.ipFromStringUnsafe

const entry = (name: string, index: number, ...addresses: ReadonlyArray<string>): NetworkInterface => ({
  name,
  index,
  kind: "unknown",
  flags: { up: true, running: true, loopback: false, pointToPoint: false, multicast: false, broadcast: false },
  addresses: addresses.map((text) => {
    const [address = "", prefix = ""] = text.split("/")
    return interfaceAddress(ip(address), Number(prefix), index)
  }),
  gateways: [],
  isDefault: { IPv4: false, IPv6: false }
})

const lo = entry("lo", 1, "127.0.0.1/8", "::1/128")
const lan = entry("lan0", 2, "192.168.1.5/24", "fd00::5/64", "fe80::5/64")
const wan = entry("wan0", 3, "198.51.100.7/24", "2001:db8::7/64", "fe80::5/64")
const carrier = entry("ppp0", 4, "100.64.0.9/32", "169.254.3.4/16")
const only4 = entry("only4", 5, "10.0.0.1/8")
const bare = entry("bare0", 6)

const home = [lo, lan, wan, carrier, only4, bare]
const v4Only = [entry("lo", 1, "127.0.0.1/8"), only4]

const show = ({ address, interface: device, port, transport }: Part): string =>
  `${transport} ${NetAddress.formatInet(NetAddress.inetAddressUnsafe(address, port))}${device === undefined ? "" : ` on ${device}`}`

const planned = (wanted: Partial<Wanted>, interfaces: ReadonlyArray<NetworkInterface> = home) =>
  Result.match(parts({ on: ["all"], ports: [7], transports: ["tcp"], ...wanted }, interfaces), {
    onSuccess: (all) => all.map(show),
    onFailure: (detail) => detail
  })

interface Row {
  readonly name: string
  readonly wanted: Partial<Wanted>
  readonly interfaces?: ReadonlyArray<NetworkInterface>
  readonly gives: ReadonlyArray<string> | string
}

const table = (rows: ReadonlyArray<Row>) => {
  for (const { gives, interfaces, name, wanted } of rows) {
    it(`${name}`, () => assert.deepStrictEqual(planned(wanted, interfaces), gives))
  }
}

const on = (...places: ReadonlyArray<Place>): Partial<Wanted> => ({ on: places })

describe("places", () => {
  table([
    { name: "all: every address", wanted: on("all"), gives: ["tcp 0.0.0.0:7", "tcp [::]:7"] },
    { name: "loopback: this machine", wanted: on("loopback"), gives: ["tcp 127.0.0.1:7", "tcp [::1]:7"] },
    {
      name: "local: private, carrier-shared, unique local and link-local, the last with their interface",
      wanted: on("local"),
      gives: [
        "tcp 192.168.1.5:7",
        "tcp [fd00::5]:7",
        "tcp [fe80::5]:7 on lan0",
        "tcp [fe80::5]:7 on wan0",
        "tcp 100.64.0.9:7",
        "tcp 169.254.3.4:7 on ppp0",
        "tcp 10.0.0.1:7"
      ]
    },
    {
      name: "an interface: its addresses, global ones too, tied to it",
      wanted: on({ interface: "wan0" }),
      gives: ["tcp 198.51.100.7:7 on wan0", "tcp [2001:db8::7]:7 on wan0", "tcp [fe80::5]:7 on wan0"]
    },
    { name: "an address", wanted: on(ip("198.51.100.7")), gives: ["tcp 198.51.100.7:7"] },
    {
      name: "an address nobody has: the system will say so",
      wanted: on(ip("192.0.2.99")),
      gives: ["tcp 192.0.2.99:7"]
    },
    {
      name: "a link-local address: on every interface that has it",
      wanted: on(ip("fe80::5")),
      gives: ["tcp [fe80::5]:7 on lan0", "tcp [fe80::5]:7 on wan0"]
    },
    {
      name: "several",
      wanted: on("loopback", ip("198.51.100.7"), { interface: "only4" }),
      gives: ["tcp 127.0.0.1:7", "tcp [::1]:7", "tcp 198.51.100.7:7", "tcp 10.0.0.1:7 on only4"]
    }
  ])
})

describe("transports and ports", () => {
  table([
    {
      name: "every combination",
      wanted: { on: [ip("127.0.0.1"), ip("::1")], transports: ["tcp", "udp"], ports: [0, 65_535] },
      gives: [
        "tcp 127.0.0.1:0",
        "tcp 127.0.0.1:65535",
        "udp 127.0.0.1:0",
        "udp 127.0.0.1:65535",
        "tcp [::1]:0",
        "tcp [::1]:65535",
        "udp [::1]:0",
        "udp [::1]:65535"
      ]
    },
    ...[-1, 65_536, 80.5, Number.NaN, Number.POSITIVE_INFINITY].map((port) => ({
      name: `${port} is not a port`,
      wanted: { ports: [7, port] },
      gives: `${port} is not a port: use 0 (any) to 65535`
    }))
  ])
})

describe("families", () => {
  table([
    { name: "absent: those the machine has", wanted: on("all"), interfaces: v4Only, gives: ["tcp 0.0.0.0:7"] },
    { name: "absent, on loopback", wanted: on("loopback"), interfaces: v4Only, gives: ["tcp 127.0.0.1:7"] },
    {
      name: "absent: an interface has what it has",
      wanted: on({ interface: "only4" }),
      gives: ["tcp 10.0.0.1:7 on only4"]
    },
    {
      name: "absent: an address is tried though nothing has its family",
      wanted: on(ip("::1")),
      interfaces: v4Only,
      gives: ["tcp [::1]:7"]
    },
    { name: "one", wanted: { on: ["all"], families: ["IPv6"] }, gives: ["tcp [::]:7"] },
    {
      name: "one, though the machine seems to lack it: the system will say so",
      wanted: { on: ["all"], families: ["IPv6"] },
      interfaces: v4Only,
      gives: ["tcp [::]:7"]
    },
    {
      name: "one, of an interface",
      wanted: { on: [{ interface: "lan0" }], families: ["IPv4"] },
      gives: ["tcp 192.168.1.5:7 on lan0"]
    },
    {
      name: "one the interface lacks",
      wanted: { on: [{ interface: "only4" }], families: ["IPv4", "IPv6"] },
      gives: "only4 has no IPv6 address"
    },
    {
      name: "one the local networks lack",
      wanted: { on: ["local"], families: ["IPv6"] },
      interfaces: v4Only,
      gives: "the local networks of this machine have no IPv6 address"
    },
    {
      name: "one an address is not of",
      wanted: { on: [ip("127.0.0.1")], families: ["IPv6"] },
      gives: "127.0.0.1 is no IPv6 address"
    },
    {
      name: "both, and an address of one of them",
      wanted: { on: [ip("127.0.0.1")], families: ["IPv4", "IPv6"] },
      gives: ["tcp 127.0.0.1:7"]
    }
  ])
})

describe("the same twice", () => {
  table([
    { name: "a place", wanted: on("loopback", "loopback"), gives: ["tcp 127.0.0.1:7", "tcp [::1]:7"] },
    {
      name: "ports, transports and families",
      wanted: { ports: [7, 7], transports: ["tcp", "tcp"], families: ["IPv4", "IPv4"] },
      gives: ["tcp 0.0.0.0:7"]
    },
    {
      name: "an address that a preset has",
      wanted: on("loopback", ip("::1")),
      gives: ["tcp 127.0.0.1:7", "tcp [::1]:7"]
    },
    {
      name: "what all addresses include",
      wanted: on({ interface: "lan0" }, "loopback", "all", ip("198.51.100.7")),
      gives: ["tcp 0.0.0.0:7", "tcp [::]:7"]
    },
    {
      name: "what all addresses of one family include leaves the other",
      wanted: on("loopback", NetAddress.ipv4Unspecified),
      gives: ["tcp [::1]:7", "tcp 0.0.0.0:7"]
    },
    {
      name: "an address with and without its interface",
      wanted: on({ interface: "only4" }, ip("10.0.0.1")),
      gives: ["tcp 10.0.0.1:7"]
    }
  ])
})

describe("nothing to listen on", () => {
  const nothing = "nothing to listen on: name at least one place, port, transport and family the machine has"
  table([
    { name: "no place", wanted: { on: [] }, gives: nothing },
    { name: "no port", wanted: { ports: [] }, gives: nothing },
    { name: "no transport", wanted: { transports: [] }, gives: nothing },
    { name: "no family", wanted: { families: [] }, gives: nothing },
    { name: "a machine without addresses", wanted: on("all"), interfaces: [bare], gives: nothing },
    {
      name: "an interface without addresses",
      wanted: on("loopback", { interface: "bare0" }),
      gives: "bare0 has no IPv4 or IPv6 address"
    },
    {
      name: "no local networks",
      wanted: on("local"),
      interfaces: [lo, entry("wan0", 3, "198.51.100.7/24")],
      gives: "the local networks of this machine have no IPv4 or IPv6 address"
    },
    {
      name: "an interface nobody knows",
      wanted: on({ interface: "eth9" }),
      gives: "no interface is called eth9: there are lo, lan0, wan0, ppp0, only4, bare0"
    },
    {
      name: "an interface nobody knows, where there are none",
      wanted: on({ interface: "eth9" }),
      interfaces: [],
      gives: "no interface is called eth9: there are none"
    }
  ])
})
