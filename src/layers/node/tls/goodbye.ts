/**
 * Whether a TLS stream ended by its peer's goodbye (close_notify, RFC 8446 section 6.1) or because the connection below did,
 * which anybody on the path can bring about. `node:tls` tells of both in the same way. It also keeps the kernel's error to itself
 * where that met its own goodbye, so that a reset looks like an end.
 *
 * The moment tells them apart: a goodbye is found while the socket below is being read, but libuv has stopped reading a
 * socket when it reports its end, and reading can only be started where it has stopped. Node has no public name for this.
 * Should its inner ones change, an end is taken for a goodbye again, and TlsEnds.test.ts fails.
 */
import * as stream from "node:stream"
import type * as tls from "node:tls"
import { behindEnd, CutShort } from "../tcp/behindEnd.ts"
import { adopterOf } from "../tcp/connection.ts"

interface Below extends stream.Duplex {
  readonly _handle?: { readonly reading?: boolean; readonly readStart?: () => number } | null
}

const endedBelow = ({ _handle, readableEnded }: Below): boolean =>
  // One that is paused reports nothing: the end was found in bytes read before the pause.
  readableEnded || (_handle?.reading === true && _handle.readStart?.() === 0)

/**
 * To be called before anything is read. Gives what tells, when the socket has ended, why its end is none. `truncation`: an end
 * without a goodbye is one, but for a reset.
 */
export const watchGoodbye = (secured: tls.TLSSocket, below: stream.Duplex, truncation: boolean) => {
  let isOver = false
  let cause: Error | undefined
  secured.push = (chunk, encoding) => {
    if (chunk === null) {
      if (!isOver && endedBelow(below)) cause = behindEnd(below) ?? (truncation ? undefined : new CutShort(noGoodbye))
      isOver = true
    } else {
      // Records are small, and the way through a stream costs one as much as its decryption.
      const more = adopterOf(secured)?.receivedBefore(chunk)
      if (more === true) return true
      // Nothing, and the stream knows that it was read.
      if (more === false) return push.call(secured, new Uint8Array(0))
    }
    return push.call(secured, chunk, encoding)
  }
  return () => cause
}

const { push } = stream.Duplex.prototype

const noGoodbye = "the connection below TLS ended without a close_notify"
