/**
 * Our STUN client and coturn, on this machine's loopback: UDP and TCP, IPv4 and IPv6, and answers from elsewhere.
 */
import { assert, describe, it } from "@effect/vitest"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import * as StunClientLayer from "../../src/layers/StunClient.ts"
import { Method } from "../../src/protocols/stun/Message.ts"
import { type QueryOptions, StunClient, type StunSocket } from "../../src/services/StunClient.ts"
import type { Tcp } from "../../src/services/Tcp.ts"
import { Udp, type UdpSocket } from "../../src/services/Udp.ts"
import { freePort } from "../servers/support.ts"

// In CI it always runs.
const skipped = process.env.CI === undefined && spawnSync("turnserver", ["--version"]).error !== undefined
if (skipped) console.warn("skipped: turnserver is not installed: apt-get install coturn")

const layer = StunClientLayer.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeP2P.layerSockets, NodeCrypto.layerSecureRandom))
)

const ip = NetAddress.ipFromStringUnsafe
const show = NetAddress.formatInet

/** A port whose neighbour, coturn's other one, is free too. */
const twoPorts = Effect.gen(function* () {
  for (;;) {
    const port = yield* freePort
    if ((yield* freePort) === port + 1) return port
  }
})

/** A running server, as its port. */
const coturn = (...addresses: ReadonlyArray<string>): Effect.Effect<number, unknown, Tcp | StunClient | Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* twoPorts
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "p2p-coturn-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          "turnserver",
          `-n --no-cli --no-tls --no-dtls -a -u alice:wonderland -r example.org --log-file=stdout --simple-log
            --pidfile=${folder}/pid --userdb=${folder}/db -p ${port} -L ${addresses.join(" -L ")}`.split(/\s+/),
          { cwd: folder, stdio: "ignore" }
        )
      ),
      (child) =>
        Effect.callback<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    const server = NetAddress.inetAddressUnsafe(ip(addresses[0]!), port)
    yield* query({ server, transport: "tcp", timeout: "1 second" }).pipe(
      Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 100 })
    )
    return port
  })

const query = (options: QueryOptions) => StunClient.use((stun) => stun.query({ timeout: "5 seconds", ...options }))

describe.skipIf(skipped)("our STUN client and coturn", () => {
  it.live("agree on what is seen and from where answers come, over IPv4", () =>
    Effect.gen(function* () {
      const port = yield* coturn("127.0.0.1", "127.0.0.2")
      const server = NetAddress.inetAddressUnsafe(ip("127.0.0.1"), port)
      const local = { address: ip("127.0.0.1") }
      for (const transport of ["udp", "tcp"] as const) {
        const binding = yield* query({ server, transport, local })
        assert.strictEqual(show(binding.mapped), show(binding.local))
        assert.strictEqual(show(binding.from), show(server))
        assert.match(binding.software ?? "", /^Coturn/)
        assert.strictEqual(show(binding.other!), `127.0.0.2:${port + 1}`)
        assert.isAtLeast(binding.roundTrip, 0)
      }
      const froms: Array<string> = []
      for (const [address, otherPort] of [
        [false, true],
        [true, false],
        [true, true]
      ] as const) {
        const change = { address, port: otherPort }
        const free = yield* query({ server, transport: "udp", change })
        // What it says of its other end is where its answers come from.
        const { from } = yield* query({ server, transport: "udp", change, other: free.other })
        assert.strictEqual(show(free.from), show(from))
        froms.push(show(from))
      }
      assert.deepStrictEqual(froms, [`127.0.0.1:${port + 1}`, `127.0.0.2:${port}`, `127.0.0.2:${port + 1}`])
      const lied = yield* Effect.flip(
        query({
          server,
          transport: "udp",
          change: { address: true, port: true },
          other: NetAddress.inetAddressUnsafe(ip("127.0.0.3"), port + 1),
          timeout: 2000
        })
      )
      assert.deepStrictEqual(
        [lied.reason, lied.detail?.startsWith("an answer came from 127.0.0.2")],
        ["BadAnswer", true]
      )
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("agree over IPv6", () =>
    Effect.gen(function* () {
      const server = NetAddress.inetAddressUnsafe(ip("::1"), yield* coturn("::1"))
      for (const transport of ["udp", "tcp"] as const) {
        const binding = yield* query({ server, transport })
        assert.strictEqual(show(binding.mapped), show(binding.local))
        assert.strictEqual(show(binding.from), show(server))
      }
    }).pipe(Effect.scoped, Effect.provide(layer))
  )

  it.live("speak on a socket that others use, with padding and to another port, and on a kept connection", () =>
    Effect.gen(function* () {
      const port = yield* coturn("127.0.0.1", "127.0.0.2")
      const server = NetAddress.inetAddressUnsafe(ip("127.0.0.1"), port)
      const stun = yield* StunClient
      const udp = yield* Udp
      const open = udp.bind({ address: ip("127.0.0.1") })
      const read = (socket: UdpSocket, take: StunSocket["take"]) =>
        Effect.forkScoped(
          Effect.forever(
            Effect.map(socket.pull, (all) => {
              for (const { bytes, from } of all) take(bytes, from)
            })
          )
        )
      const own = yield* open
      const onOwn = yield* stun.onSocket(own)
      yield* read(own, onOwn.take)
      const padded = yield* onOwn.binding(server, { padding: 256, timeout: "5 seconds" })
      assert.strictEqual(padded.mapped.port, own.local.port)

      // The answer goes to another socket, which alone is read.
      const [asking, hearing] = [yield* open, yield* open]
      const { binding, take } = yield* stun.onSocket(asking)
      yield* read(hearing, take)
      const elsewhere = yield* binding(server, { responsePort: hearing.local.port, timeout: "5 seconds" })
      assert.strictEqual(elsewhere.mapped.port, asking.local.port)

      const kept = yield* stun.connect({ server })
      const answers = yield* Effect.all([kept.binding(), kept.binding(), kept.binding()], { concurrency: 3 })
      assert.deepStrictEqual(
        answers.map(({ mapped }) => show(mapped)),
        Array.from({ length: 3 }, () => show(kept.connection.local))
      )
      const refused = yield* Effect.flip(kept.request(Method.Allocate, [{ _tag: "RequestedTransport", value: 17 }]))
      assert.deepStrictEqual([refused.reason, refused.code], ["Rejected", 401])
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
