/**
 * Happy Eyeballs as `Pipes.open` does it (RFC 8305), in virtual time, with sockets and names that do what they are told.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as PipesLayer from "../../../src/layers/Pipes.ts"
import { type OpenOptions, Pipes } from "../../../src/services/Pipes.ts"
import { Tcp, type TcpConnection, TcpError, TcpOpenError } from "../../../src/services/Tcp.ts"
import { Tls } from "../../../src/services/Tls.ts"
import { Udp } from "../../../src/services/Udp.ts"

const V6 = "2001:db8::1"
const V4 = "192.0.2.1"

/** What a dial to an address does: answer or refuse after so many milliseconds, or nothing for ever. */
type Behaviour = { readonly answers: number } | { readonly refuses: number } | "silent"

interface Setting {
  /** Addresses by family, and the milliseconds until the answer comes. Absent: no such records. */
  readonly names?: {
    readonly IPv4?: readonly [addresses: ReadonlyArray<string>, delay: number]
    readonly IPv6?: readonly [addresses: ReadonlyArray<string>, delay: number]
  }
  readonly dials?: Record<string, Behaviour>
  readonly lookupFails?: Dns.DnsError
}

const connectionTo = (remote: NetAddress.InetAddress): TcpConnection => ({
  local: NetAddress.inetAddressFromStringUnsafe("192.0.2.99:50000"),
  remote,
  binding: "none",
  pull: Effect.never,
  write: () => Effect.void,
  writeAll: () => Effect.void,
  end: Effect.void,
  reset: Effect.void,
  close: Effect.void,
  closed: Effect.never
})

/** Starts an open, and tells what was dialled when and what is still open. */
const opening = Effect.fnUntraced(function* (
  { dials = {}, lookupFails, names = {} }: Setting,
  options: Partial<OpenOptions> = {}
) {
  const log: Array<string> = []
  const open = new Set<string>()
  const clock = yield* TestClock.testClockWith(Effect.succeed)
  const now = () => clock.currentTimeMillisUnsafe()

  const tcp = Tcp.of({
    dial: ({ remote }) =>
      Effect.acquireRelease(
        Effect.gen(function* () {
          const address = NetAddress.formatIp(remote.address)
          log.push(`${now()} ${address}`)
          open.add(address)
          const behaviour = dials[address] ?? "silent"
          if (behaviour === "silent") return yield* Effect.never
          if ("answers" in behaviour)
            return yield* Effect.delay(Effect.succeed(connectionTo(remote)), behaviour.answers)
          yield* Effect.sleep(behaviour.refuses)
          return yield* new TcpError({ reason: new TcpOpenError({ op: "dial", kind: "Refused", remote }) })
        }).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => (Exit.isFailure(exit) ? open.delete(NetAddress.formatIp(remote.address)) : undefined))
          )
        ),
        () => Effect.sync(() => open.delete(NetAddress.formatIp(remote.address))),
        { interruptible: true }
      ),
    listen: () => Effect.die("not here"),
    reserve: () => Effect.die("not here")
  })
  let lookups = 0
  // Seen by the fibre that opened, before its own end could stop anything.
  let left: number | undefined
  const none = Result.getOrThrow(Dns.makeStatic({}))
  const lookup = (name: Parameters<typeof none.lookup>[0], options?: { readonly family?: NetAddress.IpFamily }) => {
    if (lookupFails !== undefined) return Effect.fail(lookupFails)
    const answer = names[options?.family ?? "IPv4"]
    if (answer === undefined) return none.lookup(name, options)
    const [addresses, delay] = answer
    const answered = Effect.delay(Effect.succeed(addresses.map(NetAddress.ipFromStringUnsafe)), delay)
    return Effect.suspend(() => {
      lookups++
      return Effect.ensuring(
        answered,
        Effect.sync(() => lookups--)
      )
    })
  }
  const dns = Dns.Dns.of({ ...none, lookup: lookup as typeof none.lookup })
  const layer = PipesLayer.layer.pipe(
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(Tcp, tcp),
        Layer.mock(Udp, {}),
        Layer.mock(Tls, { client: () => Effect.never, server: () => Effect.never }),
        Layer.succeed(Dns.Dns, dns)
      )
    )
  )
  const scope = yield* Scope.make()
  const fiber = yield* Pipes.use((pipes) =>
    pipes.open({ transport: "tcp", destination: "some.test:80", ...options })
  ).pipe(
    Effect.provide(Layer.fresh(layer)),
    Scope.provide(scope),
    Effect.exit,
    Effect.tap(() => Effect.sync(() => (left = lookups))),
    Effect.forkChild({ startImmediately: true })
  )
  const remote = Effect.map(Effect.flatten(Fiber.join(fiber)), (pipe) => NetAddress.formatIp(pipe.remote!.address))
  const error = Effect.map(Effect.flip(Effect.flatten(Fiber.join(fiber))), ({ reason }) => {
    assert(reason._tag === "PipeOpenError")
    return reason
  })
  return { log, open, lookups: () => left, remote, error, fiber, close: Scope.close(scope, Exit.void) }
})

const bothNames = { IPv6: [[V6], 0], IPv4: [[V4], 0] } as const

describe("opening by name", () => {
  it.effect("IPv6 first; IPv4 joins after 250 ms of silence and may win; the loser is given up", () =>
    Effect.gen(function* () {
      const { close, log, open, remote } = yield* opening({ names: bothNames, dials: { [V4]: { answers: 30 } } })
      yield* TestClock.adjust(280)
      assert.strictEqual(yield* remote, V4)
      assert.deepStrictEqual(log, [`0 ${V6}`, `250 ${V4}`])
      assert.deepStrictEqual([...open], [V4])
      yield* close
      assert.strictEqual(open.size, 0)
    })
  )

  it.effect("IPv4 joins at once when IPv6 is refused", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({
        names: bothNames,
        dials: { [V6]: { refuses: 7 }, [V4]: { answers: 5 } }
      })
      yield* TestClock.adjust(12)
      assert.strictEqual(yield* remote, V4)
      assert.deepStrictEqual(log, [`0 ${V6}`, `7 ${V4}`])
    })
  )

  it.effect("a quick IPv6 wins before IPv4 is tried at all", () =>
    Effect.gen(function* () {
      const { log, open, remote } = yield* opening({ names: bothNames, dials: { [V6]: { answers: 249 } } })
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* remote, V6)
      assert.deepStrictEqual(log, [`0 ${V6}`])
      assert.deepStrictEqual([...open], [V6])
    })
  )

  it.effect("IPv4 waits 50 ms for the IPv6 answer, and keeps the order when it comes in time", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({
        names: { IPv6: [[V6], 40], IPv4: [[V4], 5] },
        dials: { [V6]: { answers: 1 } }
      })
      yield* TestClock.adjust(41)
      assert.strictEqual(yield* remote, V6)
      assert.deepStrictEqual(log, [`40 ${V6}`])
    })
  )

  it.effect("IPv4 goes alone when the IPv6 answer is late, and that one still joins", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({
        names: { IPv6: [[V6], 300], IPv4: [[V4], 5] },
        dials: { [V6]: { answers: 10 } }
      })
      yield* TestClock.adjust(320)
      assert.strictEqual(yield* remote, V6)
      // 250 ms after the attempt before it.
      assert.deepStrictEqual(log, [`55 ${V4}`, `305 ${V6}`])
    })
  )

  it.effect("an IPv6 answer needs nobody to wait for", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({
        names: { IPv6: [[V6], 5], IPv4: [[V4], 300] },
        dials: { [V6]: { answers: 1 } }
      })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* remote, V6)
      // RFC 8305 section 3: only an A answer that comes first has to wait.
      assert.deepStrictEqual(log, [`5 ${V6}`])
    })
  )

  it.effect("and IPv4, when its answer comes, is tried 250 ms after IPv6 all the same", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({
        names: { IPv6: [[V6], 5], IPv4: [[V4], 100] },
        dials: { [V4]: { answers: 1 } }
      })
      yield* TestClock.adjust(1000)
      assert.strictEqual(yield* remote, V4)
      assert.deepStrictEqual(log, [`5 ${V6}`, `255 ${V4}`])
    })
  )

  it.effect("one family without records does not end the wait for the other", () =>
    Effect.gen(function* () {
      const { log, remote } = yield* opening({ names: { IPv4: [[V4], 700] }, dials: { [V4]: { answers: 1 } } })
      yield* TestClock.adjust(701)
      assert.strictEqual(yield* remote, V4)
      assert.deepStrictEqual(log, [`700 ${V4}`])
    })
  )

  it.effect("tries sixteen addresses and no more, each 250 ms after the one before", () =>
    Effect.gen(function* () {
      const addresses = Array.from({ length: 40 }, (_, at) => `192.0.2.${at + 1}`)
      const { close, fiber, log, open } = yield* opening(
        { names: { IPv4: [addresses, 0] } },
        { family: "IPv4", timeout: "1 minute" }
      )
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(
        log,
        addresses.slice(0, 16).map((address, at) => `${at * 250} ${address}`)
      )
      yield* Fiber.interrupt(fiber)
      yield* close
      assert.strictEqual(open.size, 0)
    })
  )

  it.effect("a look-up nobody waits for any more ends with the open, won or lost", () =>
    Effect.gen(function* () {
      const won = yield* opening({ names: { IPv6: [[V6], 5], IPv4: [[V4], 1e6] }, dials: { [V6]: { answers: 1 } } })
      yield* TestClock.adjust(100)
      assert.strictEqual(yield* won.remote, V6)
      assert.strictEqual(won.lookups(), 0)
      const lost = yield* opening({ names: { IPv6: [[V6], 5], IPv4: [[V4], 1e6] } }, { timeout: "1 second" })
      yield* TestClock.adjust(1000)
      assert.strictEqual((yield* lost.error).kind, "TimedOut")
      assert.strictEqual(lost.lookups(), 0)
    })
  )

  it.effect("a name service that is out of order is not called an unknown name", () =>
    Effect.gen(function* () {
      const cause = Object.assign(new Error("try again"), { code: "EAI_AGAIN" })
      const { error } = yield* opening({
        lookupFails: new Dns.DnsError({ reason: "Temporary", method: "lookup", hostname: "x", cause })
      })
      const { message } = yield* error
      assert.include(message, "the name service did not answer (EAI_AGAIN)")
      assert.notInclude(message, "spelling")
    })
  )

  it.effect("the limit covers everything, and the error has what was tried", () =>
    Effect.gen(function* () {
      const { error, open } = yield* opening(
        { names: { IPv6: [[V6], 0], IPv4: [[V4], 0] }, dials: { [V6]: { refuses: 5 } } },
        { timeout: "2 seconds" }
      )
      yield* TestClock.adjust(2000)
      const reason = yield* error
      assert.strictEqual(reason.kind, "TimedOut")
      assert.strictEqual(reason.target, "some.test:80")
      assert.deepStrictEqual(
        reason.attempts.map(({ remote }) => NetAddress.formatIp(remote.address)),
        [V6]
      )
      assert.include(reason.message, `of its addresses [${V6}]:80 Refused, ${V4}:80 did not answer`)
      assert.strictEqual(open.size, 0)
    })
  )

  it.effect("a name service that never answers runs into the limit as well: 15 seconds unless told otherwise", () =>
    Effect.gen(function* () {
      const { error, fiber } = yield* opening({ names: { IPv6: [[V6], 1e9], IPv4: [[V4], 1e9] } })
      yield* TestClock.adjust(14_999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const reason = yield* error
      assert.strictEqual(reason.kind, "TimedOut")
      assert.include(reason.message, "the name service has not answered")
    })
  )

  it.effect("so does a TLS handshake that hangs, and the connection below is closed", () =>
    Effect.gen(function* () {
      const { close, error, open } = yield* opening(
        { names: { IPv4: [[V4], 0] }, dials: { [V4]: { answers: 10 } } },
        { tls: true, timeout: "1 second" }
      )
      yield* TestClock.adjust(1000)
      const reason = yield* error
      assert.strictEqual(reason.kind, "TimedOut")
      assert.include(reason.message, `${V4}:80 answered, but the TLS handshake took too long`)
      // "Nothing is left open", although the scope it was opened in lives on.
      assert.strictEqual(open.size, 0)
      yield* close
    })
  )

  it.effect("where all fail there is one error with every attempt, in the order they ended", () =>
    Effect.gen(function* () {
      const { error, fiber, open } = yield* opening({
        names: bothNames,
        dials: { [V6]: { refuses: 400 }, [V4]: { refuses: 10 } }
      })
      yield* TestClock.adjust(400)
      const reason = yield* error
      assert.deepStrictEqual(
        reason.attempts.map(({ remote }) => NetAddress.formatIp(remote.address)),
        [V4, V6]
      )
      assert.include(reason.message, "all 2 addresses failed")
      const exit = yield* Fiber.join(fiber)
      assert(Exit.isFailure(exit))
      assert.strictEqual(exit.cause.reasons.length, 1)
      assert.strictEqual(open.size, 0)
    })
  )
})
