/** The service over a snapshot and ticks that the test holds in its hand: no machine, no clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { make } from "../../src/layers/Interfaces.ts"
import { interfaceAddress } from "../../src/protocols/interfaces/scope.ts"
import type { NetworkInterface } from "../../src/schemas/NetworkInterface.ts"
import { type InterfacesError, InterfacesError as Failure, UnsupportedPlatform } from "../../src/services/Interfaces.ts"

const ip = NetAddress.ipFromStringUnsafe

const entry = (name: string, index: number, addresses: ReadonlyArray<string>, isDefault = false): NetworkInterface => ({
  name,
  index,
  kind: "ethernet",
  flags: { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true },
  addresses: addresses.map((address) => interfaceAddress(ip(address), 64, index)),
  gateways: [],
  isDefault: { IPv4: isDefault, IPv6: false }
})

const eth0 = entry("eth0", 2, ["192.0.2.1", "fe80::1"], true)
const eth1 = entry("eth1", 3, ["198.51.100.1", "fe80::1"])

const broken = new Failure({ reason: new UnsupportedPlatform({ op: "list", platform: "test" }) })

/** A host whose list is a Ref and whose ticks are a queue; `opened` counts how often the ticks were run, `closed` how often ended. */
const host = Effect.gen(function* () {
  const list = yield* Ref.make<ReadonlyArray<NetworkInterface> | undefined>([eth0, eth1])
  const looks = yield* Ref.make(0)
  const ticks = yield* Queue.unbounded<void>()
  const opened = yield* Ref.make(0)
  const closed = yield* Queue.unbounded<void>()
  const snapshot = Ref.update(looks, (n) => n + 1).pipe(
    Effect.andThen(Ref.get(list)),
    Effect.flatMap((now): Effect.Effect<ReadonlyArray<NetworkInterface>, InterfacesError> =>
      now === undefined ? Effect.fail(broken) : Effect.succeed(now)
    )
  )
  const service = yield* make({
    snapshot,
    ticks: Stream.fromEffect(Ref.update(opened, (n) => n + 1)).pipe(
      Stream.concat(Stream.fromQueue(ticks)),
      Stream.ensuring(Queue.offer(closed, undefined))
    )
  })
  const become = (next: ReadonlyArray<NetworkInterface> | undefined) =>
    Ref.set(list, next).pipe(Effect.andThen(Queue.offer(ticks, undefined)))
  return { service, become, looks, opened, closed, tick: Queue.offer(ticks, undefined) }
})

const tags = (changes: ReadonlyArray<{ readonly _tag: string }>) => changes.map((change) => change._tag)

describe("look-ups", () => {
  it.effect("finds by family, name and address", () =>
    Effect.gen(function* () {
      const { service } = yield* host
      assert.strictEqual((yield* service.default("IPv4")).name, "eth0")
      assert.strictEqual((yield* service.byName("eth1")).index, 3)
      assert.strictEqual((yield* service.byAddress(ip("198.51.100.1"))).name, "eth1")
      assert.strictEqual((yield* service.byAddress(ip("::ffff:198.51.100.1"))).name, "eth1")
      assert.strictEqual((yield* service.byAddress(ip("fe80::1"))).name, "eth0")
      assert.strictEqual((yield* service.byAddress(ip("fe80::1"), 3)).name, "eth1")
    })
  )

  it.effect("says what there is instead", () =>
    Effect.gen(function* () {
      const { service, become } = yield* host
      const missing = yield* Effect.flip(service.default("IPv6"))
      assert.strictEqual(missing.reason._tag, "NoDefaultRoute")
      assert.strictEqual(
        missing.message,
        "interfaces default IPv6: this machine has no default route for IPv6; connect it to a network, try IPv4, or name an interface yourself: eth0, eth1"
      )
      const name = yield* Effect.flip(service.byName("eth9"))
      assert.strictEqual(
        name.message,
        'interfaces byName "eth9": no interface has that name; use one of these: eth0, eth1'
      )
      const address = yield* Effect.flip(service.byAddress(ip("192.0.2.9")))
      assert.strictEqual(
        address.message,
        "interfaces byAddress 192.0.2.9: no interface has that address; use one of these: 192.0.2.1, fe80::1, 198.51.100.1, fe80::1"
      )
      const scope = yield* Effect.flip(service.byAddress(ip("fe80::1"), 9))
      assert.strictEqual(scope.reason._tag, "UnknownAddress")
      yield* become([])
      assert.include((yield* Effect.flip(service.byName("eth0"))).message, "there are none")
      yield* become(undefined)
      assert.strictEqual((yield* Effect.flip(service.byName("eth0"))).reason._tag, "UnsupportedPlatform")
    })
  )
})

describe("watch", () => {
  it.effect("gives the list at once, then only what changed; a tick without a change gives nothing", () =>
    Effect.gen(function* () {
      const { service, become, tick } = yield* host
      const seen = yield* Queue.unbounded<ReadonlyArray<string>>()
      yield* service.watch.pipe(
        Stream.runForEach((now) => Queue.offer(seen, [String(now.interfaces.length), ...tags(now.changes)])),
        Effect.forkScoped
      )
      assert.deepStrictEqual(yield* Queue.take(seen), ["2"])
      yield* tick
      yield* become([eth0])
      assert.deepStrictEqual(yield* Queue.take(seen), ["1", "Removed"])
      yield* become([entry("eth0", 2, ["192.0.2.1", "192.0.2.2"])])
      assert.deepStrictEqual(yield* Queue.take(seen), ["1", "AddressRemoved", "AddressAdded", "DefaultRouteChanged"])
    })
  )

  it.effect("changes are those of watch, one by one", () =>
    Effect.gen(function* () {
      const { service, become } = yield* host
      const lists = yield* Queue.unbounded<number>()
      yield* service.watch.pipe(
        Stream.runForEach((now) => Queue.offer(lists, now.interfaces.length)),
        Effect.forkScoped
      )
      yield* Queue.take(lists)
      // The watching has begun, so this one starts from the list it has, before its first suspension.
      const seen = yield* Queue.unbounded<string>()
      yield* service.changes.pipe(
        Stream.runForEach((change) => Queue.offer(seen, change._tag)),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* become([eth1])
      assert.strictEqual(yield* Queue.take(seen), "Removed")
      assert.strictEqual(yield* Queue.take(seen), "DefaultRouteChanged")
      yield* become([eth0, eth1])
      assert.strictEqual(yield* Queue.take(seen), "Added")
    })
  )

  it.effect("watchers share one look, a late one starts with the newest list, and the last one to leave ends it", () =>
    Effect.gen(function* () {
      const { service, become, looks, opened, closed } = yield* host
      const first = yield* Queue.unbounded<number>()
      const second = yield* Queue.unbounded<number>()
      const watch = (seen: Queue.Queue<number>) =>
        service.watch.pipe(
          Stream.runForEach((now) => Queue.offer(seen, now.interfaces.length)),
          Effect.forkScoped
        )
      const one = yield* watch(first)
      assert.strictEqual(yield* Queue.take(first), 2)
      yield* become([eth0])
      assert.strictEqual(yield* Queue.take(first), 1)
      const two = yield* watch(second)
      assert.strictEqual(yield* Queue.take(second), 1)
      yield* become([])
      assert.strictEqual(yield* Queue.take(first), 0)
      assert.strictEqual(yield* Queue.take(second), 0)
      assert.strictEqual(yield* Ref.get(looks), 3)
      yield* Fiber.interrupt(one)
      assert.strictEqual(yield* Queue.size(closed), 0)
      yield* Fiber.interrupt(two)
      yield* Queue.take(closed)
      assert.strictEqual(yield* Ref.get(opened), 1)
    })
  )

  it.effect("a slow watcher gets what it missed as one difference", () =>
    Effect.gen(function* () {
      const { service, become } = yield* host
      const begun = yield* Deferred.make<void>()
      const resume = yield* Deferred.make<void>()
      const slow = yield* Queue.unbounded<ReadonlyArray<string>>()
      yield* service.watch.pipe(
        Stream.runForEach((now) =>
          Queue.offer(slow, tags(now.changes)).pipe(
            Effect.andThen(Deferred.succeed(begun, undefined)),
            Effect.andThen(Deferred.await(resume))
          )
        ),
        Effect.forkScoped
      )
      yield* Deferred.await(begun)
      const fast = yield* Queue.unbounded<ReadonlyArray<string>>()
      yield* service.watch.pipe(
        Stream.runForEach((now) => Queue.offer(fast, tags(now.changes))),
        Effect.forkScoped
      )
      assert.deepStrictEqual(yield* Queue.take(fast), [])
      const eth2 = entry("eth2", 4, [])
      const eth3 = entry("eth3", 5, [])
      for (const list of [
        [eth0, eth1, eth2],
        [eth0, eth1, eth2, eth3],
        [eth0, eth2, eth3],
        [eth0, eth3]
      ]) {
        yield* become(list)
        yield* Queue.take(fast)
      }
      yield* Deferred.succeed(resume, undefined)
      const got: Array<string> = []
      let elements = 0
      // eth2 came and went; what stays is that eth1 is gone and eth3 is new, in at most two differences after the first list.
      while (!(got.includes("Added") && got.includes("Removed"))) {
        got.push(...(yield* Queue.take(slow)))
        elements++
      }
      assert.isAtMost(elements, 3)
    })
  )

  it.effect("a failed look ends the stream with its error, and watching again starts anew", () =>
    Effect.gen(function* () {
      const { service, become, opened } = yield* host
      const lists = yield* Queue.unbounded<number>()
      const fiber = yield* service.watch.pipe(
        Stream.runForEach((now) => Queue.offer(lists, now.interfaces.length)),
        Effect.forkScoped
      )
      yield* Queue.take(lists)
      yield* become(undefined)
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).reason._tag, "UnsupportedPlatform")
      yield* become([eth0])
      const again = yield* service.watch.pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(again[0]?.interfaces.length, 1)
      assert.strictEqual(yield* Ref.get(opened), 2)
    })
  )
})
