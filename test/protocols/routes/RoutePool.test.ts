import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as RoutePool from "../../../src/protocols/routes/RoutePool.ts"
import { ip, outside, route } from "./kit.ts"

const pool = RoutePool.make([route("198.51.100.7"), route("203.0.113.0/30"), route("192.0.2.1", "eth1")])

const listed = (pool: RoutePool.RoutePool) => [...RoutePool.iterate(pool)].map(outside)

const all = [
  "eth0 198.51.100.7",
  "eth0 203.0.113.0",
  "eth0 203.0.113.1",
  "eth0 203.0.113.2",
  "eth0 203.0.113.3",
  "eth1 192.0.2.1"
]

const problem = <A>(result: Result.Result<A, RoutePool.RoutePoolError>) =>
  Result.getOrThrow(Result.flip(result)).message

describe("a route pool", () => {
  it("counts and lists external addresses, a block as all of its own", () => {
    assert.strictEqual(RoutePool.count(pool), BigInt(6))
    assert.deepStrictEqual(listed(pool), all)
    assert.strictEqual(RoutePool.count(RoutePool.empty), BigInt(0))
    assert.deepStrictEqual(listed(RoutePool.empty), [])
  })

  it("is indexed from both ends", () => {
    for (let index = -6; index < 6; index++) {
      assert.strictEqual(outside(Result.getOrThrow(RoutePool.at(pool, index))), all.at(index))
      assert.strictEqual(outside(Result.getOrThrow(RoutePool.at(pool, BigInt(index)))), all.at(index))
    }
    assert.strictEqual(problem(RoutePool.at(pool, 6)), "there are 6 external addresses, so none at index 6")
    assert.strictEqual(problem(RoutePool.at(pool, -7)), "there are 6 external addresses, so none at index -7")
    assert.strictEqual(problem(RoutePool.at(pool, 0.5)), "0.5 is no index: use a whole number")
    assert.strictEqual(problem(RoutePool.at(pool, Number.NaN)), "NaN is no index: use a whole number")
    assert.strictEqual(problem(RoutePool.at(RoutePool.empty, 0)), "there are 0 external addresses, so none at index 0")
  })

  it("is sliced as arrays are, reversed and in every part", () => {
    const ends = [undefined, ...Array.from({ length: 15 }, (_, at) => at - 7), Infinity, -Infinity]
    for (const [subject, expected] of [
      [pool, all],
      [RoutePool.reverse(pool), all.toReversed()]
    ] as const) {
      assert.deepStrictEqual(listed(subject), expected)
      for (const start of ends) {
        for (const end of ends) {
          const part = RoutePool.slice(subject, start, end)
          const wanted = expected.slice(start, end)
          assert.deepStrictEqual(listed(part), wanted, `${start} to ${end}`)
          assert.strictEqual(RoutePool.count(part), BigInt(wanted.length))
          assert.deepStrictEqual(listed(RoutePool.reverse(part)), wanted.toReversed())
        }
      }
      for (let index = 0; index < 6; index++) {
        assert.strictEqual(outside(Result.getOrThrow(RoutePool.at(subject, index))), expected[index])
      }
    }
  })

  it("is joined with others, in whichever direction they run", () => {
    const joined = RoutePool.join([RoutePool.reverse(pool), RoutePool.empty, RoutePool.slice(pool, 0, 2)])
    const expected = [...all.toReversed(), ...all.slice(0, 2)]
    assert.deepStrictEqual(listed(joined), expected)
    assert.deepStrictEqual(listed(RoutePool.reverse(joined)), expected.toReversed())
    assert.deepStrictEqual(listed(RoutePool.filter(joined, (route) => route.interface === "eth1")), ["eth1 192.0.2.1"])
  })

  it("finds an address where it stands", () => {
    for (const subject of [pool, RoutePool.reverse(pool), RoutePool.slice(RoutePool.reverse(pool), 1, 4)]) {
      for (const [index, entry] of listed(subject).entries()) {
        const address = ip(entry.split(" ")[1]!)
        assert.strictEqual(Result.getOrThrow(RoutePool.locate(subject, address)), BigInt(index))
      }
    }
    assert.strictEqual(Result.getOrThrow(RoutePool.locate(pool, ip("::ffff:192.0.2.1"))), BigInt(5))
    assert.strictEqual(problem(RoutePool.locate(pool, ip("203.0.113.4"))), "no route leads to 203.0.113.4")
    assert.strictEqual(problem(RoutePool.locate(pool, ip("2001:db8::1"))), "no route leads to 2001:db8::1")
    // Two interfaces behind one router: the first.
    const twice = RoutePool.make([route("192.0.2.9"), route("192.0.2.1"), route("192.0.2.1", "eth1")])
    assert.strictEqual(Result.getOrThrow(RoutePool.locate(twice, ip("192.0.2.1"))), BigInt(1))
    assert.strictEqual(Result.getOrThrow(RoutePool.locate(RoutePool.reverse(twice), ip("192.0.2.1"))), BigInt(0))
  })

  it("counts and finds without listing, beyond 2^53", () => {
    const huge = RoutePool.make([route("192.0.2.1"), route("2001:db8::/32"), route("2001:db9::/64")])
    const size = BigInt(1) + (BigInt(1) << BigInt(96)) + (BigInt(1) << BigInt(64))
    assert.strictEqual(RoutePool.count(huge), size)
    assert.strictEqual(outside(Result.getOrThrow(RoutePool.at(huge, -1))), "eth0 2001:db9::ffff:ffff:ffff:ffff")
    const far = (BigInt(1) << BigInt(96)) - BigInt(5)
    const address = Result.getOrThrow(RoutePool.at(huge, far)).external.first
    assert.strictEqual(Result.getOrThrow(RoutePool.locate(huge, address)), far)
    assert.strictEqual(Result.getOrThrow(RoutePool.locate(RoutePool.reverse(huge), address)), size - BigInt(1) - far)
    // Only as much is made as is asked for.
    const iterator = RoutePool.iterate(RoutePool.reverse(huge))
    assert.strictEqual(outside(iterator.next().value!), "eth0 2001:db9::ffff:ffff:ffff:ffff")
    assert.strictEqual(outside(iterator.next().value!), "eth0 2001:db9::ffff:ffff:ffff:fffe")
    assert.strictEqual(RoutePool.count(RoutePool.slice(huge, 1, -1)), size - BigInt(2))
  })
})
