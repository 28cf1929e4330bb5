/**
 * Wrong input, and a world that says no: each its own clear error, and nothing left open.
 */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type { NetKind } from "../../src/schemas/NetKind.ts"
import type { Pipe, PipeError } from "../../src/services/Pipe.ts"
import { type ListenOptions, type OpenOptions, Pipes } from "../../src/services/Pipes.ts"
import { deadEnd } from "./freePort.ts"
import { listen, open, pair } from "./pairs.ts"
import { at, casesOf, endpointOf, failureOf, type Hosts, leavingNothing, nameOf, testIn, type World } from "./World.ts"

interface Expected {
  readonly kind: NetKind
  /** Parts the message must have: what was asked for, what happened, what to do. */
  readonly says: ReadonlyArray<string>
}

const expectFailure = Effect.fnUntraced(function* <R>(
  opening: Effect.Effect<Pipe, PipeError, R>,
  { kind, says }: Expected
) {
  const error = yield* failureOf(opening)
  assert.strictEqual(error.reason.kind, kind, error.message)
  for (const part of says) assert.include(error.message, part)
  // What happened, and what to do about it.
  assert.match(error.message, /^(tcp|udp) pipe (open|listen) .*: .+; .+/)
  return error
})

const destinations = (world: World): void => {
  const test = testIn(world)
  const malformed: ReadonlyArray<readonly [string, string]> = [
    ["nothing", ""],
    ["no port", "192.0.2.1"],
    ["an empty port", "192.0.2.1:"],
    ["a port that is no number", "192.0.2.1:http"],
    ["a negative port", "192.0.2.1:-1"],
    ["port 70000", "192.0.2.1:70000"],
    ["port 0x50", "192.0.2.1:0x50"],
    ["a port with spaces", "192.0.2.1: 80"],
    ["no host", ":80"],
    ["an IPv6 address without brackets", "2001:db8::1:80"],
    ["an open bracket", "[2001:db8::1:80"],
    ["a bad IPv6 address", "[2001:db8:::1]:80"],
    ["a URL", "http://192.0.2.1:80/"],
    ["a name with a space", "some host:80"],
    ["a name too long", `${"x".repeat(300)}.test:80`],
    ["a zero byte", "host\0.test:80"]
  ]
  describe(`destinations that cannot be read (${world.name})`, () => {
    for (const transport of ["tcp", "udp"] as const) {
      for (const [name, destination] of malformed) {
        test(`${transport}: ${name}`, (hosts) =>
          expectFailure(hosts.client.on(Pipes.use((pipes) => pipes.open({ transport, destination }))), {
            kind: "InvalidInput",
            says: [`${transport} pipe open`, "write host:port"]
          }).pipe(leavingNothing(hosts)))
      }

      test(`${transport}: port 0, as text and as an endpoint`, (hosts) =>
        Effect.gen(function* () {
          for (const destination of [
            "192.0.2.1:0",
            "name.test:0",
            NetAddress.inetAddressFromStringUnsafe("[2001:db8::1]:0")
          ]) {
            yield* expectFailure(hosts.client.on(Pipes.use((pipes) => pipes.open({ transport, destination }))), {
              kind: "InvalidInput",
              says: ["0 is not a destination port: use 1 to 65535"]
            })
          }
        }).pipe(leavingNothing(hosts)))
    }
  })
}

const localEnds = (world: World): void => {
  const test = testIn(world)
  for (const which of casesOf(world)) {
    const { family, transport } = which
    const other = family === "IPv4" ? "IPv6" : "IPv4"
    const foreign = NetAddress.ipFromStringUnsafe(family === "IPv4" ? "198.51.100.77" : "2001:db8::77")
    // Both ways to a local end: of a client and of a server.
    const each = (
      hosts: Hosts,
      local: NonNullable<OpenOptions["local"]>,
      expected: Expected
    ): Effect.Effect<void, unknown, Scope.Scope> =>
      Effect.gen(function* () {
        const remote = endpointOf(hosts.server, family, 9)
        const client = yield* expectFailure(open(hosts.client, which, remote, { local }), expected)
        assert.strictEqual(client.reason.op, "open")
        const server = yield* expectFailure(listen(hosts.client, which, { local }), expected)
        assert.strictEqual(server.reason.op, "listen")
      })

    describe(`local ends that cannot be had, ${nameOf(which)} (${world.name})`, () => {
      test("a port that is none", (hosts) =>
        Effect.gen(function* () {
          for (const port of [-1, 65_536, 70_000, 1.5, Number.NaN]) {
            yield* each(
              hosts,
              { address: hosts.client.address(family), port },
              {
                kind: "InvalidInput",
                says: [`${port} is not a port: use 0 (any) to 65535`]
              }
            )
          }
        }).pipe(leavingNothing(hosts)))

      test("an unknown interface: the error lists those there are", (hosts) =>
        each(
          hosts,
          { interface: "no-such-if0" },
          {
            kind: "UnknownInterface",
            says: ["on no-such-if0", "no interface has that name", "there are "]
          }
        ).pipe(leavingNothing(hosts)))

      test("an unknown interface, in the short form", (hosts) =>
        Effect.gen(function* () {
          const remote = endpointOf(hosts.server, family, 9)
          const expected: Expected = { kind: "UnknownInterface", says: ["on no-such-if0"] }
          yield* expectFailure(open(hosts.client, which, remote, { interface: "no-such-if0" }), expected)
          const options: Partial<ListenOptions> = { local: undefined, interface: "no-such-if0" }
          yield* expectFailure(listen(hosts.client, which, options), expected)
        }).pipe(leavingNothing(hosts)))

      test("an address of another machine", (hosts) =>
        each(
          hosts,
          { address: foreign },
          {
            kind: "AddressNotAvailable",
            says: [NetAddress.formatIp(foreign), "use an address of this machine"]
          }
        ).pipe(leavingNothing(hosts)))

      test("text that is no endpoint, for a server", (hosts) =>
        Effect.gen(function* () {
          for (const local of ["nowhere", "localhost:80", "127.0.0.1", "127.0.0.1:70000", "::1:80"]) {
            yield* expectFailure(listen(hosts.server, which, { local }), {
              kind: "InvalidInput",
              says: [`listen ${local}`, "write address:port"]
            })
          }
        }).pipe(leavingNothing(hosts)))

      test("a port another one holds", (hosts) =>
        Effect.gen(function* () {
          const first = yield* listen(hosts.server, which)
          const error = yield* expectFailure(listen(hosts.server, which, { local: first.local }), {
            kind: "AddressInUse",
            says: [at(first.local)!, "another socket holds that port"]
          })
          assert.strictEqual(at(error.reason.local), at(first.local))
          assert.isDefined(error.reason.cause)
        }).pipe(leavingNothing(hosts)))

      if (world.families.length === 2) {
        test(`${other} to ${family}`, (hosts) =>
          Effect.gen(function* () {
            const destination = endpointOf(hosts.server, family, 9)
            for (const options of [{ family: other }, { local: { address: hosts.client.address(other) } }] as const) {
              yield* expectFailure(
                hosts.client.on(Pipes.use((pipes) => pipes.open({ transport, destination, ...options }))),
                { kind: "FamilyMismatch", says: [at(destination)!, family, other] }
              )
            }
          }).pipe(leavingNothing(hosts)))
      }
    })
  }
}

const failures = (world: World): void => {
  const test = testIn(world)
  for (const family of world.families) {
    const which = { transport: "tcp", family } as const
    describe(`a world that says no, ${family} (${world.name})`, () => {
      test("refused", (hosts) =>
        Effect.gen(function* () {
          const remote = yield* deadEnd(world, hosts.server, family)
          const error = yield* expectFailure(open(hosts.client, which, remote), {
            kind: "Refused",
            says: [at(remote)!, "nothing listens there, or a firewall said no"]
          })
          assert(error.reason._tag === "PipeOpenError")
          assert.strictEqual(at(error.reason.remote), at(remote))
          assert.deepStrictEqual(
            error.reason.attempts.map((attempt) => at(attempt.remote)),
            [at(remote)]
          )
        }).pipe(leavingNothing(hosts)))

      test("refused on UDP: the next receive says so, and the pipe lives on", (hosts) =>
        Effect.gen(function* () {
          const udp = { transport: "udp", family } as const
          const local = yield* deadEnd(world, hosts.server, family)
          const client = yield* open(hosts.client, udp, local)
          yield* client.send("anybody?")
          const error = yield* failureOf(client.receive())
          assert.strictEqual(error.reason.kind, "Refused")
          assert.include(error.message, "a datagram sent earlier did not get there; the pipe is still open")
          const again = yield* listen(hosts.server, udp, { local })
          yield* client.send("now?")
          assert.strictEqual((yield* again.receive()).text, "now?")
          yield* again.send("yes", client.local)
          assert.strictEqual((yield* client.receive()).text, "yes")
        }).pipe(leavingNothing(hosts)))

      test("a datagram too large for UDP, from either end", (hosts) =>
        Effect.gen(function* () {
          const { accepted, client, server } = yield* pair(hosts, { transport: "udp", family })
          const tooMuch = new Uint8Array(65_536)
          const before = client.statistics()
          for (const sending of [client.send(tooMuch), accepted.send(tooMuch), server.send(tooMuch, client.local)]) {
            const error = yield* failureOf(sending)
            assert.strictEqual(error.reason.kind, "TooLarge")
            assert.include(error.message, "send less at once, or use a stream transport")
          }
          assert.deepStrictEqual(client.statistics(), before)
          yield* client.send("small")
          assert.strictEqual((yield* accepted.receive()).text, "small")
        }).pipe(leavingNothing(hosts)))

      test("a server that never answers the TLS handshake runs into the limit", (hosts) =>
        Effect.gen(function* () {
          const server = yield* listen(hosts.server, which, { framing: "raw" })
          yield* expectFailure(open(hosts.client, which, server.local, { tls: true, timeout: "30 millis" }), {
            kind: "TimedOut",
            says: ["the limit is too short"]
          })
        }).pipe(leavingNothing(hosts)))

      test("sending to another than the peer", (hosts) =>
        Effect.gen(function* () {
          for (const transport of ["tcp", "udp"] as const) {
            const { accepted, client, server } = yield* pair(hosts, { transport, family })
            for (const to of [endpointOf(hosts.server, family, 9), "not an endpoint"]) {
              for (const pipe of [client, accepted]) {
                const error = yield* failureOf(pipe.send("x", to))
                assert.strictEqual(error.reason.kind, "InvalidInput")
              }
            }
            yield* client.send("to the peer", server.local)
            assert.strictEqual((yield* accepted.receive()).text, "to the peer")
            assert.strictEqual((yield* failureOf(client.accept)).reason.kind, "Unsupported")
          }
        }).pipe(leavingNothing(hosts)))
    })
  }
}

export const badInputTests = (world: World): void => {
  destinations(world)
  localEnds(world)
  failures(world)
}
