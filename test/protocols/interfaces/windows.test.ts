/** The Windows reader. The fixtures were put together from published outputs, not captured on a machine of ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { windowsSnapshot } from "../../../src/protocols/interfaces/windows.ts"
import { fixture, lines } from "./fixtures.ts"

const read = (text: string) => {
  const snapshot = Result.getOrThrow(windowsSnapshot(text))
  assert.deepStrictEqual(snapshot.skipped, [])
  return lines(snapshot.value)
}

describe("Windows", () => {
  it("a laptop: unplugged cable, tunnel without next hop, hidden adapters only with IP", () => {
    assert.deepStrictEqual(read(fixture("windows/laptop.json")), [
      "Loopback Pseudo-Interface 1#1 loopback URLM, ::1/128 host, 127.0.0.1/8 host",
      "Local Area Connection* 1#4 wireless UMB, mtu 1500, 00:00:5e:00:53:44",
      "Ethernet#9 ethernet UMB, mtu 1500, 00:00:5e:00:53:41, fe80::8563:9990:b97e:e2f7/64 link%9",
      "Bluetooth Network Connection#12 ethernet UMB, mtu 1500, 00:00:5e:00:53:42",
      "Wi-Fi#17 wireless URMB, mtu 1500, 00:00:5e:00:53:40, fe80::18b1:f3dd:f176:68b6/64 link%17, 2001:db8:d106:3bcd:940d:9157:54de:c3d0/64 global, 2001:db8:d106:3bcd:9916:335:8f5:fe5f/128 global, 192.0.2.65/24 global, via 192.0.2.1 metric 35, via fe80::1 metric 51, default IPv6",
      "Cellular#23 cellular -, mtu 1428, 00:00:5e:00:53:45",
      "vEthernet (WSL)#42 virtual URMB, mtu 1500, 00:00:5e:00:53:43, fe80::ac3:5b9d:16af:b785/64 link%42, 172.28.160.1/20 site",
      "office-vpn#51 tunnel URP, mtu 1420, 10.66.0.2/32 site, default IPv4"
    ])
  })

  it("a server: byte order mark, single objects for lists, words for numbers", () => {
    assert.deepStrictEqual(read(fixture("windows/server.json")), [
      "Loopback Pseudo-Interface 1#1 loopback URLM, 127.0.0.1/8 host",
      "Ethernet 2#6 ethernet URMB, mtu 1500, 00:00:5e:00:53:50, 198.51.100.81/24 global, via 198.51.100.1 metric 271, default IPv4"
    ])
  })

  it("offline: no route, an adapter without a cable", () => {
    assert.deepStrictEqual(read(fixture("windows/offline.json")), [
      "Loopback Pseudo-Interface 1#1 loopback URLM, 127.0.0.1/8 host",
      "Ethernet#3 ethernet UMB, mtu 1500, 00:00:5e:00:53:60"
    ])
  })

  it("skips entries that make no sense and says which", () => {
    const text = JSON.stringify({
      interfaces: [{ InterfaceAlias: "a", InterfaceIndex: 1, AddressFamily: 2 }, { InterfaceIndex: 2 }, 7, null],
      addresses: [{ InterfaceIndex: 1, IPAddress: "1.2.3.4", PrefixLength: 64 }, { InterfaceIndex: 1 }],
      routes: [{ InterfaceIndex: 9, AddressFamily: 2, NextHop: "192.0.2.1", RouteMetric: 0 }]
    })
    const { skipped, value } = Result.getOrThrow(windowsSnapshot(text))
    assert.deepStrictEqual(lines(value), ["a#1 unknown -"])
    assert.deepStrictEqual(
      skipped.map((entry) => [entry.source.split(": ")[1], entry.line]),
      [
        ["interfaces", 2],
        ["interfaces", 3],
        ["interfaces", 4],
        ["addresses", 1],
        ["addresses", 2],
        ["routes", 1]
      ]
    )
  })

  it("two of the same name: the second is skipped, since a name means one interface", () => {
    const entry = { InterfaceAlias: "a", AddressFamily: 2, ConnectionState: 1 }
    const text = JSON.stringify({
      interfaces: [1, 2].map((InterfaceIndex) => Object.assign({ InterfaceIndex }, entry))
    })
    const { skipped, value } = Result.getOrThrow(windowsSnapshot(text))
    assert.deepStrictEqual(
      value.map((found) => found.index),
      [1]
    )
    assert.strictEqual(skipped.length, 1)
  })

  it("what is not our JSON is an error that quotes it", () => {
    for (const [text, detail] of [
      ["Get-NetAdapter : Access denied", "not JSON"],
      ["[1, 2]", "not a JSON object"],
      ["7", "not a JSON object"],
      ["{}", "no interface in it"],
      ["", "not JSON"]
    ] as const) {
      const result = windowsSnapshot(text)
      assert(Result.isFailure(result))
      assert.strictEqual(result.failure.detail, detail)
      assert.strictEqual(result.failure.text, text)
    }
  })
})
