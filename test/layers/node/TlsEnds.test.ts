/**
 * How TLS connections end: by the peer's goodbye, or because the connection below did.
 *
 * The peers here are of `node:tls`, and have the socket below at hand.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as net from "node:net"
import * as tls from "node:tls"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import * as NodeTcp from "../../../src/layers/node/Tcp.ts"
import { NodeTcpConnection } from "../../../src/layers/node/tcp/connection.ts"
import * as NodeTls from "../../../src/layers/node/Tls.ts"
import { READ_LIMIT, Tcp, type TcpConnection } from "../../../src/services/Tcp.ts"
import { Tls } from "../../../src/services/Tls.ts"
import * as certificates from "../../fixtures/tls/certificates.ts"
import { credentialsOf, ids, peer } from "../../shared/linkKit.ts"
import { bytes, kindOf, read } from "../../shared/tcpHelpers.ts"
import { disguised } from "../../support/disguised.ts"

const layer = Layer.mergeAll(NodeTcp.layer, NodeTls.layer)
const address = NetAddress.ipFromStringUnsafe("127.0.0.1")

/** The other side: a `node:tls` socket and the one below it. */
interface Far {
  readonly below: net.Socket
  readonly secured: tls.TLSSocket
}

type Securing = (connection: TcpConnection) => Effect.Effect<TcpConnection, unknown, Scope.Scope | Tls>

/** A way to secure connections, as a client and as a server, and what its peers need. */
interface Way {
  readonly client: Securing
  readonly server: Securing
  readonly far: tls.SecureContextOptions & Pick<tls.TLSSocketOptions, "ALPNProtocols" | "requestCert">
}

const byTls = (options: { readonly allowTruncation?: boolean; readonly far?: tls.SecureContextOptions } = {}): Way => ({
  client: (connection) =>
    Tls.use((service) =>
      service.client(connection, { ca: certificates.authority, serverName: "server.test", ...options })
    ),
  server: (connection) =>
    Effect.flatMap(
      Tls.use((service) => service.server({ ...certificates.server, ...options })),
      (secure) => secure(connection)
    ),
  far: { ...certificates.server, ...options.far }
})

const security = { protection: "tls1.3", layer: LinkTls.layer } as const

const byLink: Way = {
  client: (connection) =>
    Effect.gen(function* () {
      const alice = yield* peer(security, "alice")
      return (yield* alice.client(connection, { expect: ids.bob })).connection
    }),
  server: (connection) =>
    Effect.gen(function* () {
      const alice = yield* peer(security, "alice")
      return (yield* alice.server(connection)).connection
    }),
  far: { ...credentialsOf("bob"), ALPNProtocols: ["effect-p2p/1"], requestCert: true }
}

type Role = "client" | "server"

const overNode = (connection: TcpConnection) => connection

/** A connection of ours and its other end. */
const connected = Effect.fnUntraced(function* (way: Way, role: Role, over: typeof overNode) {
  const tcp = yield* Tcp
  let near: TcpConnection
  let below: net.Socket
  if (role === "client") {
    const server = net.createServer({ allowHalfOpen: true })
    yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
    const { port } = server.address() as net.AddressInfo
    const accepted = once(server, "connection")
    near = yield* tcp.dial({ remote: NetAddress.inetAddressUnsafe(address, port) })
    below = (yield* Effect.promise(() => accepted))[0] as net.Socket
    server.close()
  } else {
    const listener = yield* tcp.listen({ address })
    below = net.connect({ host: "127.0.0.1", port: listener.local.port, allowHalfOpen: true })
    near = yield* listener.accept
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => below.destroy()))
  const { ALPNProtocols, requestCert, ...credentials } = way.far
  const named = ALPNProtocols === undefined ? {} : { ALPNProtocols }
  const secured =
    role === "server"
      ? tls.connect({ ...credentials, ...named, socket: below, rejectUnauthorized: false })
      : new tls.TLSSocket(below, {
          isServer: true,
          requestCert: requestCert === true,
          rejectUnauthorized: false,
          secureContext: tls.createSecureContext(credentials),
          ...named
        })
  for (const socket of [below, secured]) socket.on("error", () => {})
  const connection = yield* role === "client" ? way.client(over(near)) : way.server(over(near))
  // Once there and back, so that the handshake and what TLS sends after it are through.
  yield* connection.write(bytes("ping"))
  yield* Effect.promise(() => once(secured, "data"))
  secured.write("pong")
  assert.strictEqual(yield* read(connection, 4), "pong")
  return { connection, far: { below, secured } satisfies Far }
})

/** What the other side does in one turn after its last data; what reading says then, and how the connection ended. */
type Ending = readonly [end: (far: Far, data: Buffer) => void, reading: string, reason: string]

const goodbye: Ending = [({ secured }, data) => secured.end(data), "Done", "ClosedByPeer"]

const reset: Ending = [
  ({ below, secured }, data) => secured.write(data, () => below.resetAndDestroy()),
  "read Reset",
  "ResetByPeer"
]

const cut = (reading: string, reason: string, before = Buffer.alloc(0)): Ending => [
  ({ below, secured }, data) => secured.write(data, () => below.end(before)),
  reading,
  reason
]

// Somebody on the path can make this one.
const partOfRecord = Buffer.concat([Buffer.of(23, 3, 3, 0, 64), Buffer.alloc(19, 7)])

const endings = (cutShort: readonly [string, string]): Readonly<Record<string, Ending>> => ({
  "a goodbye": goodbye,
  "no goodbye": cut(...cutShort),
  "a part of a record as long as a goodbye": cut(...cutShort, partOfRecord),
  "a reset": reset
})

const strict = endings(["read Truncated", "Failed"])

const paused = Effect.fnUntraced(function* (connection: TcpConnection) {
  assert.isTrue(connection instanceof NodeTcpConnection)
  const { socket } = connection as NodeTcpConnection
  while (!socket.isPaused() && !socket.destroyed) yield* Effect.sleep("1 millis")
})

/** What this side does meanwhile. */
type Meanwhile = "reads" | "has ended" | "reads late"

const ends = (name: string, way: Way, over: typeof overNode, expected = strict) => {
  describe(`${name}: an end`, () => {
    for (const role of ["client", "server"] as const) {
      for (const [ending, [end, reading, reason]] of Object.entries(expected)) {
        it.live(`as a ${role}, after ${ending}`, () =>
          Effect.gen(function* () {
            for (const meanwhile of ["reads", "has ended", "reads late"] satisfies Array<Meanwhile>) {
              const { connection, far } = yield* connected(way, role, over)
              if (meanwhile === "has ended") yield* connection.end
              // As much as may wait for a reader: the socket pauses with the last of it, right before the end.
              const data = Buffer.alloc(meanwhile === "reads late" ? READ_LIMIT : 5, 104)
              end(far, data)
              if (meanwhile === "reads late") yield* paused(connection)
              if (reading === "read Reset") {
                // What a reset overtakes is lost.
                yield* Effect.ignore(read(connection, data.length))
              } else {
                assert.strictEqual((yield* read(connection, data.length)).length, data.length, meanwhile)
              }
              assert.strictEqual(yield* kindOf(connection.pull), reading, meanwhile)
              yield* connection.end.pipe(Effect.ignore)
              far.secured.end()
              assert.strictEqual((yield* connection.closed)._tag, reason, meanwhile)
            }
          }).pipe(Effect.scoped, Effect.provide(layer))
        )
      }
    }
  })
}

ends("TLS 1.3", byTls(), overNode)
ends("TLS 1.2", byTls({ far: { maxVersion: "TLSv1.2" } }), overNode)
ends("TLS over connections of another kind", byTls(), disguised)
ends("links between peers", byLink, overNode)
ends("links between peers over connections of another kind", byLink, disguised)
ends("TLS that allows truncation", byTls({ allowTruncation: true }), overNode, endings(["Done", "ClosedByPeer"]))

describe("a goodbye of this side that meets a reset", () => {
  for (const [name, way] of [
    ["TLS", byTls()],
    ["a link", byLink]
  ] as const) {
    // The kernel tells its error to the write of the goodbye, of which Node tells nobody, and reading then finds an end.
    it.live(`is no end of the other (${name})`, () =>
      Effect.gen(function* () {
        const { connection, far } = yield* connected(way, "client", overNode)
        yield* Effect.callback<void>((resume) => {
          far.secured.write("half", () => {
            far.below.resetAndDestroy()
            resume(Effect.void)
          })
        })
        yield* connection.end
        assert.match(yield* kindOf(read(connection)), /^read (Reset|Truncated)$/)
        assert.match((yield* connection.closed)._tag, /^(ResetByPeer|Failed)$/)
      }).pipe(Effect.scoped, Effect.provide(layer))
    )
  }
})

describe("what is said of a stream that was cut short", () => {
  it.live("what happened and what to do", () =>
    Effect.gen(function* () {
      const { connection, far } = yield* connected(byLink, "client", overNode)
      far.below.end()
      const reason = yield* connection.closed
      assert.isTrue(reason._tag === "Failed")
      if (reason._tag !== "Failed") return
      assert.match(
        reason.error.message,
        /^tcp read \S+ -> \S+: the stream was cut short \(EOF\); what came may not be all: .* connect again$/
      )
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})
