/** The Linux reader over the captured fixtures, and over lines written here for what this kernel cannot make. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { deviceNames } from "../../../src/protocols/interfaces/deviceNames.ts"
import { type LinuxSources, linuxSnapshot, sysfsBelongs } from "../../../src/protocols/interfaces/linux.ts"
import { linuxKind } from "../../../src/protocols/interfaces/linuxKind.ts"
import { defaultRoutes4, defaultRoutes6, inet6Addresses } from "../../../src/protocols/interfaces/procNet.ts"
import { lines, linuxFixture } from "./fixtures.ts"

const read = (sources: LinuxSources) => {
  const snapshot = linuxSnapshot(sources)
  assert.deepStrictEqual(snapshot.skipped, [])
  return lines(snapshot.value)
}

describe("Linux, captured", () => {
  it("two uplinks: lowest metric per family, down and addressless interfaces too", () => {
    assert.deepStrictEqual(read(linuxFixture("two-uplinks")), [
      "lo#1 loopback URL, mtu 65536, 127.0.0.1/8 host, ::1/128 host",
      "peer0#2 virtual URMB, mtu 1500, 02:00:5e:10:00:02",
      "wan0#3 virtual URMB, mtu 1400, 02:00:5e:10:00:01, 192.0.2.10/24 global, 192.0.2.11/24 global, 2001:db8:1::10/64 global, via 192.0.2.1 metric 200, via fe80::1 metric 512, default IPv6",
      "peer1#4 virtual URMB, mtu 1500, 02:00:5e:10:00:04",
      "wan1#5 virtual URMB, mtu 1500, 02:00:5e:10:00:03, 198.51.100.10/25 global, 2001:db8:2::10/64 global, via 198.51.100.1 metric 100, via 2001:db8:2::1 metric 1024, default IPv4",
      "peer2#6 virtual MB, mtu 1500, 02:00:5e:10:00:06",
      "off0#7 virtual MB, mtu 1500, 02:00:5e:10:00:05",
      "peer3#8 virtual MB, mtu 1500, 02:00:5e:10:00:08",
      // Without carrier its IPv6 address is still being checked, so nothing could bind to it.
      "dry0#9 virtual UMB, mtu 1500, 02:00:5e:10:00:07",
      "br0#10 bridge URMB, mtu 1500, 02:00:5e:10:00:09",
      "tun0#11 tunnel UPM, mtu 1500",
      "tap0#12 virtual MB, mtu 1500, 02:00:5e:10:00:0a"
    ])
  })

  it("a new namespace: only lo, down, and the kernel's reject routes are no defaults", () => {
    assert.deepStrictEqual(read(linuxFixture("nothing-up")), ["lo#1 loopback L, mtu 65536"])
  })

  it("sysfs of another namespace is not believed; the index comes from elsewhere", () => {
    const sources = linuxFixture("foreign-sysfs")
    assert.isFalse(sysfsBelongs(sources))
    assert.isTrue(sysfsBelongs(linuxFixture("two-uplinks")))
    const found = read(sources)
    assert.include(found, "lo#1 loopback URL, 127.0.0.1/8 host, ::1/128 host")
    assert.include(found, "off0#7 unknown -")
    assert.include(found, "tun0#11 unknown U")
    assert.include(
      found,
      "wan1#5 unknown UR, 02:00:5e:10:00:03, 198.51.100.10/25 global, 2001:db8:2::10/64 global, via 198.51.100.1 metric 100, via 2001:db8:2::1 metric 1024, default IPv4"
    )
  })

  it("sysfs with the same names but other indexes or MACs is another namespace's", () => {
    const sources = linuxFixture("two-uplinks")
    const wan0 = sources.sysfs?.get("wan0")
    assert(sources.sysfs !== undefined && wan0 !== undefined)
    const swap = (change: object) => new Map([...(sources.sysfs ?? []), ["wan0", { ...wan0, ...change }] as const])
    assert.isFalse(sysfsBelongs({ ...sources, sysfs: swap({ ifindex: "4\n" }) }))
    assert.isFalse(sysfsBelongs({ ...sources, sysfs: swap({ address: "02:00:5e:99:99:99\n" }) }))
  })

  it("without /proc and /sys it still gives what os.networkInterfaces() knows", () => {
    const { addresses, littleEndian } = linuxFixture("two-uplinks")
    assert.deepStrictEqual(read({ addresses, littleEndian }), [
      "lo loopback URL, 127.0.0.1/8 host, ::1/128 host",
      "wan0 unknown UR, 02:00:5e:10:00:01, 192.0.2.10/24 global, 2001:db8:1::10/64 global, 192.0.2.11/24 global",
      "wan1 unknown UR, 02:00:5e:10:00:03, 198.51.100.10/25 global, 2001:db8:2::10/64 global"
    ])
  })
})

describe("/proc/net", () => {
  const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

  it("reads the addresses of a big-endian machine the other way round", () => {
    const text = `${head}eth0\t00000000\tC0000201\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`
    const [route] = defaultRoutes4(text, false).value
    assert(route?.gateway !== undefined)
    assert.strictEqual(NetAddress.formatIp(route.gateway), "192.0.2.1")
  })

  it("a route for half of the internet is no default; nor is one that is down or rejects", () => {
    const row = (destination: string, flags: string, mask: string) =>
      `eth0\t${destination}\t010200C0\t${flags}\t0\t0\t0\t${mask}\t0\t0\t0\n`
    const rows = [
      row("00000000", "0003", "00000080"),
      row("00000080", "0003", "00000080"),
      row("00000000", "0002", "00000000"),
      row("00000000", "0203", "00000000")
    ]
    assert.deepStrictEqual(defaultRoutes4(head + rows.join(""), true), { value: [], skipped: [] })
  })

  it("an IPv6 default for one source prefix is no default", () => {
    const zero = "0".repeat(32)
    const row = (source: string) =>
      `${zero} 00 ${zero} ${source} fe80${"0".repeat(27)}1 00000400 1 0 00000003     eth0\n`
    assert.strictEqual(defaultRoutes6(row("00")).value.length, 1)
    assert.deepStrictEqual(defaultRoutes6(row("40")), { value: [], skipped: [] })
  })

  it("skips what makes no sense and says where it was", () => {
    const routes = defaultRoutes4(
      `${head}eth0\tzzz\n\neth0\t00000000\t010200C0\t0003\t0\t0\tx\t00000000\t0\t0\t0\n`,
      true
    )
    assert.deepStrictEqual(routes.value, [])
    assert.deepStrictEqual(
      routes.skipped.map((entry) => [entry.source, entry.line]),
      [
        ["/proc/net/route", 2],
        ["/proc/net/route", 4]
      ]
    )
    const addresses = inet6Addresses("2001db8 03 40 00 82 eth0\n00000000000000000000000000000001 01 81 10 80 lo\n")
    assert.deepStrictEqual(
      addresses.skipped.map((entry) => entry.line),
      [1, 2]
    )
  })

  it("an address being checked, or claimed by another host, is not usable; an optimistic one is", () => {
    const row = (flags: string) => `20010db8000000000000000000000001 03 40 00 ${flags} eth0\n`
    const usable = inet6Addresses(["82", "c0", "88", "44", "20", "01"].map(row).join("")).value.map(
      (entry) => entry.usable
    )
    assert.deepStrictEqual(usable, [true, false, false, true, true, true])
  })

  it("device names: counters glued to the colon, and names that are trouble for objects", () => {
    assert.deepStrictEqual(deviceNames("Inter-| Receive\n face |bytes\n  eth0:123 4\n__proto__: 0 0\nnonsense\n"), [
      "eth0",
      "__proto__"
    ])
  })
})

describe("linuxKind", () => {
  // Written after the kernel's documentation and drivers; veth, bridge, tun and tap are in the captured fixtures as well.
  const cases: ReadonlyArray<readonly [what: string, kind: string, facts: Parameters<typeof linuxKind>[0]]> = [
    ["loopback", "loopback", { entries: [], type: "772\n" }],
    ["a wired card", "ethernet", { entries: ["device"], type: "1\n", uevent: "INTERFACE=x\nIFINDEX=2\n" }],
    ["Wi-Fi, old kernels", "wireless", { entries: ["device", "wireless"], type: "1\n" }],
    ["Wi-Fi", "wireless", { entries: ["device", "phy80211"], type: "1\n", uevent: "DEVTYPE=wlan\n" }],
    ["Wi-Fi monitor", "wireless", { entries: [], type: "803\n" }],
    [
      "a modem that speaks Ethernet",
      "cellular",
      { entries: ["device"], type: "1\n", uevent: "DEVTYPE=wwan\nINTERFACE=x\n" }
    ],
    ["a modem that speaks IP", "cellular", { entries: ["device"], type: "519\n" }],
    ["a bridge", "bridge", { entries: ["bridge"], type: "1\n" }],
    ["a VLAN", "virtual", { entries: [], type: "1\n", uevent: "DEVTYPE=vlan\nINTERFACE=x\nIFINDEX=9\n" }],
    ["a bond", "virtual", { entries: ["bonding"], type: "1\n", uevent: "DEVTYPE=bond\n" }],
    ["veth or dummy", "virtual", { entries: [], type: "1\n" }],
    ["tun", "tunnel", { entries: ["tun_flags"], type: "65534\n", tun_flags: "0x1001\n" }],
    ["tap", "virtual", { entries: ["tun_flags"], type: "1\n", tun_flags: "0x1002\n" }],
    ["WireGuard", "tunnel", { entries: [], type: "65534\n", uevent: "DEVTYPE=wireguard\n" }],
    ["PPP", "tunnel", { entries: [], type: "512\n", uevent: "DEVTYPE=ppp\n" }],
    ["GRE", "tunnel", { entries: [], type: "778\n" }],
    ["6to4", "tunnel", { entries: [], type: "776\n" }],
    ["InfiniBand", "unknown", { entries: ["device"], type: "32\n" }],
    ["CAN bus", "unknown", { entries: ["device"], type: "280\n" }],
    ["nothing readable", "unknown", { entries: [] }],
    ["nonsense", "unknown", { entries: [], type: "one\n", tun_flags: "-1\n" }]
  ]
  for (const [what, kind, facts] of cases) it(`${what}`, () => assert.strictEqual(linuxKind(facts), kind))
})
