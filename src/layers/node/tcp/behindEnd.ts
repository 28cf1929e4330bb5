/**
 * What an end of reading hides.
 *
 * libuv before 1.52 (Node 22 and the first of 24) takes a hang-up behind the last bytes for an end without asking the kernel:
 * on Linux a reset that came with data looks like a FIN. The kernel still knows, and says so to who reads once more.
 */
import * as fs from "node:fs"
import type * as stream from "node:stream"
import { codeOf } from "../errno.ts"

/** The stream ended where its sender had not ended it. */
export class CutShort extends Error {
  readonly code = "EOF"
  constructor(message = "the connection ended before its stream did") {
    super(message)
  }
}

const scratch = new Uint8Array(1)

/**
 * Why a socket that has ended broke, or `undefined`: its peer has finished. To be asked before anything else is done with the
 * socket, because an error of the kernel's is told once. Where there is no descriptor (Windows, other streams) an end is one.
 */
export const behindEnd = (socket: stream.Duplex & { readonly _handle?: { readonly fd?: number } | null }) => {
  const fd = socket._handle?.fd ?? -1
  if (fd < 0) return undefined
  try {
    return fs.readSync(fd, scratch, 0, 1, null) === 0 ? undefined : new CutShort()
  } catch (cause) {
    return codeOf(cause) === "EAGAIN" ? undefined : (cause as Error)
  }
}
