/**
 * Writing what is followed by more: the last word before a program has its say.
 */
import type * as Effect from "effect/Effect"
import type { TcpConnection, TcpError } from "../../services/Tcp.ts"

/** A connection that can send bytes together with those written next. */
export interface Gathering {
  /** They leave with what is written next, at the end of this turn of the event loop at the latest. */
  readonly writeSoon: (bytes: Uint8Array) => Effect.Effect<void, TcpError>
}

const gathers = (connection: TcpConnection): connection is TcpConnection & Gathering => "writeSoon" in connection

/** One system call, one TLS record and one packet fewer, where the connection can do that. */
export const writeSoon = (connection: TcpConnection, bytes: Uint8Array): Effect.Effect<void, TcpError> =>
  gathers(connection) ? connection.writeSoon(bytes) : connection.write(bytes)
