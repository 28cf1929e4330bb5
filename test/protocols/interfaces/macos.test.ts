/** The macOS reader. The fixtures were written after published outputs, not captured on a machine of ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { maskLength, parseIfconfig } from "../../../src/protocols/interfaces/ifconfig.ts"
import { macosSnapshot } from "../../../src/protocols/interfaces/macos.ts"
import { parseNetstat } from "../../../src/protocols/interfaces/netstat.ts"
import { fixture, lines } from "./fixtures.ts"

const read = (name: string) => {
  const snapshot = Result.getOrThrow(
    macosSnapshot({ ifconfig: fixture(`macos/${name}.ifconfig.txt`), netstat: fixture(`macos/${name}.netstat.txt`) })
  )
  assert.deepStrictEqual(snapshot.skipped, [])
  return lines(snapshot.value)
}

describe("macOS", () => {
  it("a laptop: Wi-Fi, VPN, the bridge of a virtual machine; scoped routes make no default", () => {
    assert.deepStrictEqual(read("laptop"), [
      "lo0#1 loopback URLM, mtu 16384, 127.0.0.1/8 host, ::1/128 host, fe80::1/64 link%1",
      "gif0#2 tunnel PM, mtu 1280",
      "stf0#3 unknown -, mtu 1280",
      "anpi1#4 ethernet UMB, mtu 1500, 02:00:5e:00:53:20, fe80::5eff:fe00:5320/64 link%4",
      "anpi0#5 ethernet UMB, mtu 1500, 02:00:5e:00:53:21, fe80::5eff:fe00:5321/64 link%5",
      "en3#6 ethernet UMB, mtu 1500, 02:00:5e:00:53:22",
      "en1#8 ethernet UMB, mtu 1500, 02:00:5e:00:53:24",
      "ap1#10 wireless MB, mtu 1500, 02:00:5e:00:53:26",
      "en0#11 wireless URMB, mtu 1500, 00:00:5e:00:53:27, fe80::10d9:bcb0:601f:16fa/64 link%11, 192.0.2.106/24 global, 2001:db8:15a4:8001:424:837a:870:6095/64 global, 2001:db8:15a4:8001:edf7:1b86:b5fc:9085/64 global, 2001:db8:15a4:8001:c01:2345:6789:abcd/64 global, via 192.0.2.1 metric 0, via fe80::200:5eff:fe00:5301 metric 0, default IPv4 IPv6",
      "awdl0#12 wireless URMB, mtu 1500, 02:00:5e:00:53:28, fe80::5eff:fe00:5328/64 link%12",
      "llw0#13 wireless UMB, mtu 1500, 02:00:5e:00:53:28, fe80::5eff:fe00:5328/64 link%13",
      "utun0#14 tunnel URPM, mtu 1500, fe80::8a11:9ff1:8f20:4b2c/64 link%14",
      "bridge0#16 bridge UMB, mtu 1500, 02:00:5e:00:53:24",
      "utun4#25 tunnel URPM, mtu 1280, fe80::2e0:4cff:fe3c:b817/64 link%25, 100.87.112.117/32 site, fd7a:115c:a1e0::1901:7075/48 site",
      "vmenet0#27 ethernet URMB, mtu 1500, 02:00:5e:00:53:29",
      "bridge100#28 bridge URMB, mtu 1500, 02:00:5e:00:53:2a, 192.168.64.1/24 site, fe80::5eff:fe00:532a/64 link%28, fdb2:2c26:f4e4::1/64 site"
    ])
  })

  it("old releases: no -v, Refs and Use columns, interface names cut to eight characters", () => {
    assert.deepStrictEqual(read("old"), [
      "lo0#1 loopback URLM, mtu 16384, ::1/128 host, 127.0.0.1/8 host, fe80::1/64 link%1",
      "en0#4 unknown URMB, mtu 1500, 00:00:5e:00:53:10, fe80::200:5eff:fe00:5310/64 link%4, 192.168.7.47/24 site, via 192.168.7.1 metric 1",
      "en3#6 ethernet URMB, mtu 1500, 00:00:5e:00:53:13, fe80::200:5eff:fe00:5313/64 link%6, 10.0.0.79/17 site, via 10.0.0.1 metric 0, default IPv4",
      "awdl0#9 unknown URMB, mtu 1452, 02:00:5e:00:53:14, fe80::5eff:fe00:5314/64 link%9",
      "utun0#11 tunnel URPM, mtu 2000, fe80::b32:282a:9d29:e146/64 link%11",
      "bridge100 bridge UMB, mtu 1500, 02:00:5e:00:53:15, 192.168.2.1/24 site",
      "en1 unknown UMB, mtu 1500, 00:00:5e:00:53:11",
      "fw0 unknown UMB, mtu 4078",
      "gif0 tunnel PM, mtu 1280",
      "p2p0 unknown UMB, mtu 2304, 02:00:5e:00:53:10",
      "stf0 unknown -, mtu 1280"
    ])
  })

  it("a wired Mac: VLAN, bond, modem, PPP; reject routes are no defaults", () => {
    assert.deepStrictEqual(read("server"), [
      "lo0#1 loopback URLM, mtu 16384, 127.0.0.1/8 host, ::1/128 host, fe80::1/64 link%1",
      "en0#4 ethernet URMB, mtu 1500, 00:00:5e:00:53:30, fe80::200:5eff:fe00:5330/64 link%4, 198.51.100.23/25 global, 198.51.100.24/32 global, via 198.51.100.1 metric 0, default IPv4",
      "vlan0#9 virtual URMB, mtu 1500, 00:00:5e:00:53:30, fe80::200:5eff:fe00:5330/64 link%9, 10.16.0.33/24 site, via 10.16.0.1 metric 1",
      "bond0#10 virtual URMB, mtu 1500, 00:00:5e:00:53:31",
      "pdp_ip0#12 cellular URPM, mtu 1450, 100.70.1.2/32 site, via 100.70.1.1 metric 1",
      "ppp0#13 tunnel URPM, mtu 1444, 10.99.0.6/8 site"
    ])
  })

  it("line ends of another system make no difference", () => {
    const text = fixture("macos/laptop.ifconfig.txt")
    assert.deepStrictEqual(parseIfconfig(text.replaceAll("\n", "\r\n"), "x"), parseIfconfig(text, "x"))
  })

  it("skips broken addresses, keeps the rest of the interface, and says where", () => {
    const text = [
      "\tinet 192.0.2.1 netmask 0xffffff00",
      "en0: flags=8863<UP,RUNNING> mtu 1500",
      "\tinet 192.0.2.999 netmask 0xffffff00",
      "\tinet 192.0.2.1 netmask 0xff00ff00",
      "\tinet6 fe80::1%en0 prefixlen 129 scopeid 0x4",
      "\tinet6 192.0.2.1 prefixlen 24",
      "\tinet 192.0.2.2 netmask 0xffffff00",
      "what is this",
      "\tinet 192.0.2.3 netmask 0xffffff00",
      "en1: flags=8863<UP> mtu 1500"
    ].join("\n")
    const { value, skipped } = parseIfconfig(text, "ifconfig")
    assert.deepStrictEqual(
      skipped.map((entry) => entry.line),
      [1, 3, 4, 5, 6, 8, 9]
    )
    assert.deepStrictEqual(
      value.map((entry) => [entry.name, entry.addresses.length]),
      [
        ["en0", 1],
        ["en1", 0]
      ]
    )
  })

  it("an ambiguous cut name is skipped, not guessed", () => {
    const text = "Internet:\nDestination Gateway Flags Refs Use Netif Expire\ndefault link#9 UCS 0 0 bridge10\n"
    assert.strictEqual(parseNetstat(text, ["bridge100"], "netstat").value[0]?.interface, "bridge100")
    const { value, skipped } = parseNetstat(text, ["bridge100", "bridge101"], "netstat")
    assert.deepStrictEqual(value, [])
    assert.deepStrictEqual(skipped, [{ source: "netstat", line: 3, text: "default link#9 UCS 0 0 bridge10" }])
  })

  it("netmasks", () => {
    const cases = [
      "0xffffff00",
      "0xff000000",
      "0x0",
      "0xffffffff",
      "255.255.128.0",
      "0xff00ff00",
      "ffffff00",
      "",
      "0x1ffffffff"
    ]
    assert.deepStrictEqual(cases.map(maskLength), [24, 8, 0, 32, 17, undefined, undefined, undefined, undefined])
  })

  it("an output without a single interface is an error that quotes it", () => {
    const result = macosSnapshot({ ifconfig: "ifconfig: -v: bad value\n", netstat: "" })
    assert(Result.isFailure(result))
    assert.strictEqual(result.failure.line, 1)
    assert.include(result.failure.text, "bad value")
  })
})
