/**
 * Sockets for the shared TCP tests.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import { type DialOptions, type ListenOptions, Tcp, type TcpConnection, type TcpError } from "../../src/services/Tcp.ts"
import { failureOf, type Host } from "./World.ts"

export const dial = (host: Host, remote: NetAddress.InetAddress, options: Omit<DialOptions, "remote"> = {}) =>
  host.on(Tcp.use((tcp) => tcp.dial({ remote, ...options })))

export const listen = (host: Host, family: NetAddress.IpFamily, options: ListenOptions = {}) =>
  host.on(Tcp.use((tcp) => tcp.listen({ address: host.address(family), ...options })))

export const bytes = (text: string) => new TextEncoder().encode(text)

/** Reads as much as was asked for, or to the end. */
export const read = Effect.fnUntraced(function* (connection: TcpConnection, length = Infinity) {
  const parts: Array<Uint8Array> = []
  let have = 0
  while (have < length) {
    const chunks = yield* Effect.catchIf(connection.pull, Cause.isDone, () => Effect.succeed(undefined))
    if (chunks === undefined) break
    for (const chunk of chunks) {
      parts.push(chunk)
      have += chunk.length
    }
  }
  return Buffer.concat(parts).toString()
})

export const kindOf = <A, R>(effect: Effect.Effect<A, TcpError | Cause.Done, R>) =>
  Effect.map(failureOf(effect), (error) => (Cause.isDone(error) ? "Done" : `${error.reason.op} ${error.reason.kind}`))
