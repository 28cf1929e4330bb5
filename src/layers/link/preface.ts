/**
 * The first bytes of a connection, read exactly, before somebody else reads the rest.
 *
 * The library's own connections take bytes back to the front of their queue, so the fast ways of a pipe stay open. Any other
 * connection is wrapped once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type TcpConnection, TcpError, TcpIoError } from "../../services/Tcp.ts"

/** A connection that can be given back what was pulled from it. */
export interface Unreading {
  /** The next pull gives these first. Only its reader calls it, and not while it pulls. */
  readonly unread: (chunks: ReadonlyArray<Uint8Array>) => void
}

type Prefaced = TcpConnection & Unreading

/** The connection itself, or one around it, to be used from then on: who reads first can give back what is for the next. */
export const prefaced = (connection: TcpConnection): Prefaced => {
  if ("unread" in connection) return connection as Prefaced
  let waiting: Array<Uint8Array> = []
  return {
    local: connection.local,
    remote: connection.remote,
    binding: connection.binding,
    pull: Effect.suspend(() => {
      if (waiting.length === 0) return connection.pull
      const chunks = waiting
      waiting = []
      return Effect.succeed(chunks)
    }),
    write: (bytes) => connection.write(bytes),
    writeAll: (chunks) => connection.writeAll(chunks),
    end: connection.end,
    reset: connection.reset,
    close: connection.close,
    closed: connection.closed,
    unread: (chunks) => {
      waiting = [...chunks, ...waiting]
    }
  }
}

const endedEarly = ({ local, remote }: TcpConnection, have: number, size: number): TcpError =>
  new TcpError({
    reason: new TcpIoError({
      op: "read",
      kind: "Closed",
      local,
      remote,
      detail: `the peer ended its sending after ${have} of ${size} bytes`
    })
  })

// Cuts `size` bytes off the front of chunks that have as many; gives those, and what is left.
const cut = (chunks: ReadonlyArray<Uint8Array>, size: number) => {
  // A copy: a view of a few bytes would keep a whole read buffer alive.
  const bytes = new Uint8Array(size)
  let at = 0
  let index = 0
  for (; at + (chunks[index]?.length ?? Infinity) <= size; index++) {
    bytes.set(chunks[index]!, at)
    at += chunks[index]!.length
  }
  const last = chunks[index]
  if (last === undefined) return { bytes, rest: [] }
  bytes.set(last.subarray(0, size - at), at)
  return { bytes, rest: [last.subarray(size - at), ...chunks.slice(index + 1)] }
}

export interface Read {
  readonly bytes: Uint8Array
  /** To be used from then on. */
  readonly connection: TcpConnection
}

/**
 * Reads exactly `size` bytes and leaves the rest in the connection given back, which is to be used from then on (it is the
 * same one wherever that can be). Nothing is allocated for bytes that have not come.
 *
 * Fails with kind `Closed` where the peer ends before. After a failure or an interruption, a connection of this library's
 * sockets, real or simulated, still has every byte that came; of one that had to be wrapped, what came so far is lost.
 */
export const readExactly = (connection: TcpConnection, size: number): Effect.Effect<Read, TcpError> =>
  reading(connection, size, undefined)

/** The same for a frame whose first byte says by `restOf` how many follow. Where it says `undefined`, that byte is all. */
export const readSized = (
  connection: TcpConnection,
  restOf: (first: number) => number | undefined
): Effect.Effect<Read, TcpError> => reading(connection, 1, restOf)

const reading = (
  connection: TcpConnection,
  least: number,
  restOf: ((first: number) => number | undefined) | undefined
): Effect.Effect<Read, TcpError> =>
  Effect.suspend(() => {
    const source = prefaced(connection)
    const chunks: Array<Uint8Array> = []
    let have = 0
    let size = least
    const more = Effect.whileLoop({
      while: () => have < size,
      body: () => source.pull,
      step: (pulled) => {
        for (const chunk of pulled) {
          if (have === 0 && chunk.length > 0) size += restOf?.(chunk[0]!) ?? 0
          chunks.push(chunk)
          have += chunk.length
        }
      }
    })
    return more.pipe(
      Effect.map((): Read => {
        const { bytes, rest } = cut(chunks.splice(0), size)
        if (rest.length > 0) source.unread(rest)
        return { bytes, connection: source }
      }),
      // Nothing where all went well: those chunks were taken out.
      Effect.onExit(() => {
        source.unread(chunks)
        return Effect.void
      }),
      Effect.catchIf(Cause.isDone, () => Effect.fail(endedEarly(source, have, size)))
    )
  })
