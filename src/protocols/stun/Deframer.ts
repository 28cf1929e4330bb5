/**
 * Finds STUN messages and ChannelData in a byte stream (RFC 8489 section 6.2.2, RFC 8656 section 12.5).
 *
 * Both say their own length; ChannelData is padded to 4 bytes. A stream that shows anything else is lost for good:
 * there is no mark to find the next frame by. Bounded: unfinished is at most one frame of at most `limit` bytes, and
 * memory is taken for bytes that came, not for bytes that were announced.
 *
 *     deframer.push(chunk)
 *     for (let next = deframer.next(); next !== undefined; next = deframer.next()) {
 *       if (next._tag === "StunError") return reset(next)
 *       handle(next)
 *     }
 */
import * as ChannelData from "./ChannelData.ts"
import { HEADER, MAGIC_COOKIE, MAX_MESSAGE, padded, read16, read32 } from "./header.ts"
import { StunError, stunError } from "./StunError.ts"

/** The bytes of one message, for `decode`; a view of the chunk where the chunk has all of it. */
export interface MessageFrame {
  readonly _tag: "Message"
  readonly bytes: Uint8Array
}

export type Frame = MessageFrame | ChannelData.ChannelData

export interface Options {
  /** Bytes of the longest frame taken; 65552, the most a header can say. */
  readonly limit?: number | undefined
  /** Takes ChannelData too: between TURN clients and servers. Default: no, STUN alone. */
  readonly channelData?: boolean | undefined
}

// Enough of a frame to know how long it is: of a message the cookie too, so that other protocols show at once.
const KIND = 4
const MESSAGE_START = 8

/** Bytes first kept for a frame in several chunks. */
const SMALL = 64

export class Deframer {
  private readonly limit: number
  private readonly channelData: boolean
  private chunk: Uint8Array = new Uint8Array(0)
  private at = 0
  // The start of a frame that began in an earlier chunk: `have` bytes of it, `want` once its length is known.
  private held: Uint8Array = new Uint8Array(0)
  private have = 0
  private want = 0
  // Where in the stream the next frame starts.
  private offset = 0
  private failed: StunError | undefined = undefined

  constructor(options: Options = {}) {
    this.limit = options.limit ?? MAX_MESSAGE
    this.channelData = options.channelData ?? false
  }

  /** Takes the next bytes of the stream. They are kept, not copied, until `next` has gone over them. */
  push(chunk: Uint8Array): void {
    if (this.at === this.chunk.length) this.chunk = chunk
    else {
      const left = this.chunk.subarray(this.at)
      this.chunk = new Uint8Array(left.length + chunk.length)
      this.chunk.set(left)
      this.chunk.set(chunk, left.length)
    }
    this.at = 0
  }

  /** The next whole frame; `undefined` until more bytes come. After a failure always that failure. */
  next(): Frame | StunError | undefined {
    if (this.failed !== undefined) return this.failed
    if (this.have === 0) {
      const want = this.lengthAt(this.chunk, this.at, this.chunk.length)
      if (want instanceof StunError) return (this.failed = want)
      if (want !== 0 && want <= this.chunk.length - this.at) {
        this.at += want
        return this.frame(this.chunk, this.at - want, want)
      }
    }
    while (this.at < this.chunk.length) {
      this.hold(this.want !== 0 ? this.want : this.have < KIND ? KIND : MESSAGE_START)
      if (this.want === 0) {
        const want = this.lengthAt(this.held, 0, this.have)
        if (want instanceof StunError) return (this.failed = want)
        this.want = want
      }
      if (this.want !== 0 && this.have === this.want) {
        const frame = this.frame(this.held, 0, this.want)
        this.held = new Uint8Array(0)
        this.have = this.want = 0
        return frame
      }
    }
    return undefined
  }

  /**
   * The bytes after the last frame: what a connection carries once it is a peer's (RFC 6062 section 4.3). Takes them
   * away.
   */
  rest(): Uint8Array {
    const held = this.held.subarray(0, this.have)
    const left = this.chunk.subarray(this.at)
    this.at = this.chunk.length
    this.have = this.want = 0
    this.held = new Uint8Array(0)
    if (held.length === 0) return left
    const all = new Uint8Array(held.length + left.length)
    all.set(held)
    all.set(left, held.length)
    return all
  }

  /** The stream has ended: whether in the middle of a frame. Call when `next` has nothing more. */
  end(): StunError | undefined {
    const left = this.have + this.chunk.length - this.at
    return this.failed ?? (left === 0 ? undefined : this.problem(left, "the stream ended within a frame"))
  }

  // Bytes of the frame at `at`; 0 where too few are here to tell.
  private lengthAt(bytes: Uint8Array, at: number, end: number): number | StunError {
    if (end - at < KIND) return 0
    const kind = bytes[at]! >> 6
    const length = read16(bytes, at + 2)
    if (kind === 1 && this.channelData) return this.checked(ChannelData.CHANNEL_HEADER + padded(length))
    if (kind !== 0) return this.problem(0, this.channelData ? "no STUN message, no ChannelData" : "no STUN message")
    if ((length & 3) !== 0) return this.problem(2, `length ${length} is no multiple of 4`)
    if (end - at < MESSAGE_START) return 0
    if (read32(bytes, at + 4) !== MAGIC_COOKIE) return this.problem(4, "no magic cookie")
    return this.checked(HEADER + length)
  }

  private checked(length: number): number | StunError {
    return length > this.limit ? this.problem(2, `a frame of ${length} bytes: at most ${this.limit}`) : length
  }

  private problem(offset: number, problem: string): StunError {
    return stunError("stream", this.offset + offset, problem)
  }

  private frame(bytes: Uint8Array, at: number, length: number): Frame {
    this.offset += length
    if (bytes[at]! >> 6 === 0) return { _tag: "Message", bytes: bytes.subarray(at, at + length) }
    const start = at + ChannelData.CHANNEL_HEADER
    const data = bytes.subarray(start, start + read16(bytes, at + 2))
    return { _tag: "ChannelData", channel: read16(bytes, at), data }
  }

  // Moves bytes of the chunk to the frame held, until that has `target` of them.
  private hold(target: number): void {
    const count = Math.min(target - this.have, this.chunk.length - this.at)
    const needed = this.have + count
    if (needed > this.held.length) {
      const room = Math.max(SMALL, needed, Math.min(2 * this.held.length, this.want))
      const grown = new Uint8Array(room)
      grown.set(this.held.subarray(0, this.have))
      this.held = grown
    }
    this.held.set(this.chunk.subarray(this.at, this.at + count), this.have)
    this.have = needed
    this.at += count
  }
}
