/**
 * Messages. Senders and text are worked out when somebody asks: most messages are only passed on.
 */
import type * as NetAddress from "effect/net/NetAddress"
import type { Message } from "../../services/Pipe.ts"
import type { Datagram } from "../../services/Udp.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What is sent for what was given. */
export const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? encoder.encode(data) : data

export class StreamMessage implements Message {
  readonly data: Uint8Array
  readonly from: NetAddress.InetAddress
  constructor(data: Uint8Array, from: NetAddress.InetAddress) {
    this.data = data
    this.from = from
  }
  get text(): string {
    return decoder.decode(this.data)
  }
}

export class DatagramMessage implements Message {
  private readonly datagram: Datagram
  constructor(datagram: Datagram) {
    this.datagram = datagram
  }
  get data(): Uint8Array {
    return this.datagram.bytes
  }
  get from(): NetAddress.InetAddress {
    return this.datagram.from
  }
  get text(): string {
    return decoder.decode(this.datagram.bytes)
  }
}
