import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Address4, Address6 } from "ip-address"
import * as IpRange from "../../../src/protocols/addresses/IpRange.ts"
import {
  blocksOf,
  classOf,
  isPublic,
  isSiteOnly,
  type SpecialUse
} from "../../../src/protocols/addresses/specialUse.ts"

const ip = NetAddress.ipFromStringUnsafe

const table: ReadonlyArray<readonly [SpecialUse, ReadonlyArray<string>]> = [
  ["unspecified", ["0.0.0.0", "::"]],
  ["this-network", ["0.0.0.1", "0.255.255.255"]],
  ["loopback", ["127.0.0.1", "127.255.255.255", "::1", "64:ff9b::7f00:1", "2002:7f00:1::1"]],
  ["broadcast", ["255.255.255.255"]],
  [
    "private",
    [
      "10.0.0.0",
      "10.255.255.255",
      "172.16.0.0",
      "172.31.255.255",
      "192.168.0.0",
      "192.168.255.255",
      "64:ff9b::a00:1",
      "2002:c0a8:101::1",
      "2001:0:4136:e378::f5ff:fffe"
    ]
  ],
  ["cgnat", ["100.64.0.0", "100.127.255.255"]],
  ["link-local", ["169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff::"]],
  ["unique-local", ["fc00::", "fdff:ffff::1"]],
  ["site-local", ["fec0::1", "feff::1"]],
  [
    "documentation",
    ["192.0.2.1", "198.51.100.255", "203.0.113.7", "2001:db8::1", "3fff:fff::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"]
  ],
  ["benchmarking", ["198.18.0.0", "198.19.255.255", "2001:2::1"]],
  ["mapped", ["::ffff:8.8.8.8"]],
  ["nat64", ["64:ff9b::808:808"]],
  ["nat64-local", ["64:ff9b:1::", "64:ff9b:1:ffff::1"]],
  ["teredo", ["2001:0:4136:e378::f7f7:f7f7"]],
  ["6to4", ["2002:808:808::1", "192.88.99.1"]],
  ["multicast", ["224.0.0.0", "239.255.255.255", "ff02::c", "2002:e000:1::1"]],
  ["discard", ["100::1"]],
  [
    "reserved",
    ["240.0.0.0", "255.255.255.254", "192.0.0.1", "::2", "4000::1", "5f00::1", "8000::1", "fe00::1", "2001:100::1"]
  ],
  [
    "global",
    [
      "1.0.0.0",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "126.255.255.255",
      "128.0.0.0",
      "172.15.255.255",
      "172.32.0.0",
      "192.0.1.0",
      "192.167.255.255",
      "192.169.0.0",
      "198.17.255.255",
      "198.20.0.0",
      "223.255.255.255",
      "192.0.0.9",
      "2001:200::1",
      "2001:20::1",
      "2000::1",
      "2003::1",
      "2a00:1450::1",
      "3ffe::1"
    ]
  ]
]

describe("special-use classes", () => {
  for (const [use, addresses] of table) {
    it(`${use}`, () => {
      for (const address of addresses) assert.strictEqual(classOf(ip(address)), use, address)
    })
  }

  it("a class ends where its blocks end", () => {
    for (const use of ["private", "cgnat", "link-local", "unique-local", "nat64-local", "multicast"] as const) {
      for (const block of blocksOf(use)) {
        const range = IpRange.fromNetwork(block)
        assert.strictEqual(classOf(range.first), use)
        assert.strictEqual(classOf(range.last), use)
        for (const beyond of [IpRange.offset(range.first, -1), IpRange.offset(range.last, 1)]) {
          if (Result.isSuccess(beyond)) assert.notStrictEqual(classOf(beyond.success), use, IpNetwork.format(block))
        }
      }
    }
  })

  it("public and site-only exclude each other", () => {
    const yes = (predicate: (address: NetAddress.IpAddress) => boolean): ReadonlyArray<SpecialUse> =>
      table.filter(([, addresses]) => addresses.every((address) => predicate(ip(address)))).map(([use]) => use)
    assert.deepStrictEqual(yes(isSiteOnly), [
      "private",
      "cgnat",
      "link-local",
      "unique-local",
      "site-local",
      "nat64-local"
    ])
    assert.deepStrictEqual(yes(isPublic), ["mapped", "teredo", "6to4", "global"])
    assert.isFalse(isPublic(ip("::ffff:10.0.0.1")))
    assert.isTrue(isSiteOnly(ip("::ffff:10.0.0.1")))
    assert.isFalse(isPublic(ip("2002:7f00:1::1")))
    assert.isTrue(isSiteOnly(ip("64:ff9b::10.0.0.1")))
  })

  const Word = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))

  it.prop("agrees with ip-address on IPv4", [Word], ([word]) => {
    const address = ip(Address4.fromBigInt(BigInt(word)).correctForm())
    const theirs = Address4.fromBigInt(BigInt(word))
    const use = classOf(address)
    assert.strictEqual(use === "private", theirs.isPrivate())
    assert.strictEqual(use === "cgnat", theirs.isCGNAT())
    assert.strictEqual(use === "loopback", theirs.isLoopback())
    assert.strictEqual(use === "link-local", theirs.isLinkLocal())
    assert.strictEqual(use === "multicast", theirs.isMulticast())
    assert.strictEqual(use === "documentation", theirs.isDocumentation())
    assert.strictEqual(use === "benchmarking", theirs.isBenchmarking())
  })

  it.prop("agrees with ip-address on IPv6", [Word, Word], ([high, low]) => {
    const number = (BigInt(high) << BigInt(96)) | BigInt(low)
    const theirs = Address6.fromBigInt(number)
    const use = classOf(ip(theirs.correctForm()))
    assert.strictEqual(use === "unique-local", theirs.isULA())
    assert.strictEqual(use === "multicast", theirs.isMulticast())
    if (use === "teredo" || use === "6to4") assert.isTrue(use === "teredo" ? theirs.isTeredo() : theirs.is6to4())
    assert.strictEqual(use === "loopback", theirs.isLoopback())
  })
})
