import { assert, describe, it } from "@effect/vitest"
import * as Equal from "effect/Equal"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as IpRange from "../../../src/protocols/addresses/IpRange.ts"

const ip = NetAddress.ipFromStringUnsafe
const range = IpRange.fromStringUnsafe
const text = NetAddress.formatIp
const value = <A>(result: Result.Result<A, unknown>): A => Result.getOrThrow(result)
const problem = (result: Result.Result<unknown, { readonly message: string }>): string =>
  Result.isFailure(result) ? result.failure.message : "no failure"

const Family = Schema.Literals(["IPv4", "IPv6"])
const Word = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffffffff }))
const Words = Schema.Tuple([Word, Word, Word, Word])
const Small = Schema.Int.check(Schema.isBetween({ minimum: -300, maximum: 300 }))

type Words = typeof Words.Type

/** The oracle: plain arithmetic on 32-bit words, then text. */
const numberOf = (family: NetAddress.IpFamily, words: Words): bigint =>
  family === "IPv4" ? BigInt(words[3]) : words.reduce((total, word) => (total << BigInt(32)) | BigInt(word), BigInt(0))

const addressOf = (family: NetAddress.IpFamily, number: bigint): NetAddress.IpAddress => {
  if (family === "IPv4") return ip([24, 16, 8, 0].map((by) => (number >> BigInt(by)) & BigInt(255)).join("."))
  return ip(
    [7, 6, 5, 4, 3, 2, 1, 0].map((group) => ((number >> BigInt(16 * group)) & BigInt(0xffff)).toString(16)).join(":")
  )
}

const ordered = (a: bigint, b: bigint): readonly [bigint, bigint] => (a <= b ? [a, b] : [b, a])

const rangeOf = (family: NetAddress.IpFamily, a: Words, b: Words) => {
  const [low, high] = ordered(numberOf(family, a), numberOf(family, b))
  return { low, high, range: value(IpRange.make(addressOf(family, low), addressOf(family, high))) }
}

describe("one address", () => {
  it.prop("number and address are the same thing", [Family, Words], ([family, words]) => {
    const number = numberOf(family, words)
    const address = addressOf(family, number)
    assert.strictEqual(IpRange.toBigInt(address), number)
    assert.isTrue(Equal.equals(value(IpRange.fromBigInt(family, number)), address))
  })

  it.prop("steps are added, and undone", [Family, Words, Small], ([family, words, by]) => {
    const number = numberOf(family, words)
    const moved = IpRange.offset(addressOf(family, number), by)
    const target = number + BigInt(by)
    const inside = target >= BigInt(0) && target < BigInt(1) << BigInt(IpRange.widthOf(family))
    assert.strictEqual(Result.isSuccess(moved), inside)
    if (!inside) return
    assert.strictEqual(IpRange.toBigInt(value(moved)), target)
    assert.isTrue(Equal.equals(value(IpRange.offset(value(moved), -by)), addressOf(family, number)))
  })

  it("ends where the family ends", () => {
    const top = BigInt(1) << BigInt(128)
    assert.strictEqual(
      text(value(IpRange.offset(ip("::"), top - BigInt(1)))),
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    )
    assert.include(problem(IpRange.offset(ip("::"), top)), "::: no address")
    assert.include(problem(IpRange.offset(ip("0.0.0.0"), -1)), "0.0.0.0: no address -1 away")
    assert.include(problem(IpRange.offset(ip("0.0.0.0"), 0.5)), "not a whole number")
    assert.include(problem(IpRange.fromBigInt("IPv4", BigInt(2 ** 32))), "no IPv4 address")
    assert.include(problem(IpRange.fromBigInt("IPv6", BigInt(-1))), "no IPv6 address")
  })

  it("counts beyond 2^53", () => {
    const far = value(IpRange.offset(ip("2001:db8::"), BigInt(2) ** BigInt(60) + BigInt(1)))
    assert.strictEqual(text(far), "2001:db8::1000:0:0:1")
  })
})

describe("ranges", () => {
  it.prop("nth, indexOf, contains and count agree", [Family, Words, Words, Words], ([family, a, b, c]) => {
    const { high, low, range } = rangeOf(family, a, b)
    const size = high - low + BigInt(1)
    assert.strictEqual(IpRange.count(range), size)
    const index = numberOf(family, c) % size
    const address = value(IpRange.nth(range, index))
    assert.strictEqual(IpRange.toBigInt(address), low + index)
    assert.isTrue(Equal.equals(value(IpRange.nth(range, index - size)), address))
    assert.strictEqual(value(IpRange.indexOf(range, address)), index)
    assert.isTrue(IpRange.contains(range, address))
    assert.isTrue(Result.isFailure(IpRange.nth(range, size)))
    assert.isTrue(Result.isFailure(IpRange.nth(range, -size - BigInt(1))))
    const other = addressOf(family, numberOf(family, c))
    const inside = numberOf(family, c) >= low && numberOf(family, c) <= high
    assert.strictEqual(IpRange.contains(range, other), inside)
    assert.strictEqual(Result.isSuccess(IpRange.indexOf(range, other)), inside)
  })

  it.prop(
    "overlap, intersection and containment agree with the numbers",
    [Family, Words, Words, Words, Words],
    ([family, a, b, c, d]) => {
      const one = rangeOf(family, a, b)
      const two = rangeOf(family, c, d)
      const low = one.low > two.low ? one.low : two.low
      const high = one.high < two.high ? one.high : two.high
      assert.strictEqual(IpRange.overlaps(one.range, two.range), low <= high)
      assert.strictEqual(IpRange.overlaps(two.range, one.range), low <= high)
      const common = IpRange.intersection(one.range, two.range)
      assert.strictEqual(Result.isSuccess(common), low <= high)
      assert.strictEqual(IpRange.containsRange(one.range, two.range), one.low <= two.low && two.high <= one.high)
      if (Result.isFailure(common)) return
      assert.strictEqual(IpRange.toBigInt(common.success.first), low)
      assert.strictEqual(IpRange.toBigInt(common.success.last), high)
    }
  )

  it.prop(
    "networks cover a range exactly, in order, and as few as can be",
    [Family, Words, Words],
    ([family, a, b]) => {
      const { high, low, range } = rangeOf(family, a, b)
      const blocks = IpRange.networks(range)
      let next = low
      for (const block of blocks) {
        assert.strictEqual(IpRange.toBigInt(IpNetwork.firstAddress(block)), next)
        next += IpNetwork.addressCount(block)
      }
      assert.strictEqual(next, high + BigInt(1))
      assert.isAtMost(blocks.length, 2 * IpRange.widthOf(family))
      for (let i = 1; i < blocks.length; i++) {
        const [left, right] = [blocks[i - 1]!, blocks[i]!]
        const twins = left.prefixLength === right.prefixLength
        const aligned =
          (IpRange.toBigInt(left.address) >> BigInt(IpRange.widthOf(family) - left.prefixLength)) % BigInt(2)
        assert.isFalse(twins && aligned === BigInt(0), "two halves of one block")
      }
    }
  )

  it.prop("text reads back", [Family, Words, Words, Small], ([family, a, b, bits]) => {
    const { range: made } = rangeOf(family, a, b)
    const width = IpRange.widthOf(family)
    const block = IpRange.fromNetwork(IpNetwork.fromAddressUnsafe(made.first, Math.abs(bits) % (width + 1)))
    for (const each of [made, block, IpRange.single(made.first)]) {
      assert.isTrue(Equal.equals(range(IpRange.format(each)), each), IpRange.format(each))
    }
  })

  it("lists addresses one at a time", () => {
    const all = [...IpRange.addresses(range("192.0.2.254-192.0.3.1"))].map(text)
    assert.deepStrictEqual(all, ["192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1"])
    const huge = IpRange.addresses(range("::/0"))
    assert.strictEqual(text(huge.next().value!), "::")
    assert.strictEqual([...IpRange.addresses(range("255.255.255.255"))].length, 1)
  })

  it("says what is wrong", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["10.0.0.9-10.0.0.1", "last address is before its first"],
      ["10.0.0.1-::1", "one end is IPv4, the other IPv6"],
      ["10.0.0.1/24", "10.0.0.1/24"],
      ["10.0.0.0/33", "10.0.0.0/33"],
      ["10.0.0.0-", "10.0.0.0-"],
      ["10.0.0.0-10.0.0.1-10.0.0.2", "more than two ends"],
      ["somewhere", "somewhere"]
    ]
    for (const [input, part] of cases) {
      const result = IpRange.fromString(input)
      assert.isTrue(Result.isFailure(result), input)
      assert.include(problem(result), part)
    }
    assert.include(problem(IpRange.nth(range("10.0.0.0/30"), 4)), "10.0.0.0/30: has 4 addresses, so none at index 4")
    assert.include(problem(IpRange.nth(range("10.0.0.0/30"), 1.5)), "not a whole number")
    assert.include(problem(IpRange.indexOf(range("10.0.0.0/30"), ip("10.0.0.4"))), "10.0.0.4: not in 10.0.0.0/30")
    assert.include(problem(IpRange.intersection(range("10.0.0.0/30"), range("10.0.1.0/30"))), "no address in common")
  })

  it("keeps families apart", () => {
    assert.isFalse(IpRange.contains(range("0.0.0.0/0"), ip("::ffff:10.0.0.1")))
    assert.isFalse(IpRange.overlaps(range("0.0.0.0/0"), range("::/0")))
  })

  it("writes the shortest form", () => {
    for (const form of ["10.0.0.1", "10.0.0.0/31", "10.0.0.1-10.0.0.2", "::/0", "2001:db8::/64", "fe80::1-fe80::3"]) {
      assert.strictEqual(IpRange.format(range(form)), form)
    }
    assert.strictEqual(IpRange.format(range("10.0.0.0-10.0.0.255")), "10.0.0.0/24")
  })
})

describe("IPv4 inside IPv6", () => {
  const six = (address: string): NetAddress.Ipv6Address => Result.getOrThrow(NetAddress.ipv6FromString(address))
  const found = (address: string, ...nat64: ReadonlyArray<string>): unknown => {
    const result = IpRange.embedded(
      six(address),
      nat64.length === 0 ? undefined : nat64.map((prefix) => IpNetwork.fromStringUnsafe(prefix))
    )
    if (Result.isFailure(result)) return result.failure.message
    const { address: four, ...rest } = result.success
    return { ...rest, address: text(four), ...("server" in rest ? { server: text(rest.server) } : {}) }
  }

  it("NAT64, with the examples of RFC 6052 section 2.4", () => {
    const nat64 = { _tag: "Nat64", address: "192.0.2.33" }
    assert.deepStrictEqual(found("64:ff9b::192.0.2.33"), nat64)
    assert.deepStrictEqual(found("2001:db8:c000:221::", "2001:db8::/32"), nat64)
    assert.deepStrictEqual(found("2001:db8:1c0:2:21::", "2001:db8:100::/40"), nat64)
    assert.deepStrictEqual(found("2001:db8:122:c000:2:2100::", "2001:db8:122::/48"), nat64)
    assert.deepStrictEqual(found("2001:db8:122:3c0:0:221::", "2001:db8:122:300::/56"), nat64)
    assert.deepStrictEqual(found("2001:db8:122:344:c0:2:2100::", "2001:db8:122:344::/64"), nat64)
    assert.deepStrictEqual(found("2001:db8:122:344::192.0.2.33", "2001:db8:122:344::/96"), nat64)
    assert.include(String(found("2001:db8::1", "2001:db8::/33")), "RFC 6052")
  })

  it("6to4, mapped, and Teredo with the example of RFC 4380 section 4", () => {
    assert.deepStrictEqual(found("2002:c000:221::1"), { _tag: "SixToFour", address: "192.0.2.33" })
    assert.deepStrictEqual(found("::ffff:192.0.2.33"), { _tag: "Mapped", address: "192.0.2.33" })
    assert.deepStrictEqual(found("2001:0:4136:e378:8000:63bf:3fff:fdd2"), {
      _tag: "Teredo",
      address: "192.0.2.45",
      port: 40000,
      server: "65.54.227.120"
    })
  })

  it("nothing where there is nothing", () => {
    assert.strictEqual(found("2001:db8::1"), "2001:db8::1: has no IPv4 address in it")
  })
})
