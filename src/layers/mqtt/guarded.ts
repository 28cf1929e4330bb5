/**
 * A stream that ends when the other side announces an MQTT packet that is too large. The libraries hold a packet until it is
 * whole, and MQTT lets one have 256 MB.
 */
import { Duplex } from "node:stream"
import { PacketSizes } from "../../protocols/mqtt/PacketSizes.ts"

class Guarded extends Duplex {
  private readonly inner: Duplex

  constructor(inner: Duplex, limit: number) {
    super({ allowHalfOpen: false })
    this.inner = inner
    const sizes = new PacketSizes(limit)
    inner.on("data", (chunk: Buffer) => {
      if (!sizes.accept(chunk)) this.destroy(new Error(`it sent a packet of more than ${limit} bytes`))
      else if (!this.push(chunk)) inner.pause()
    })
    inner.on("end", () => this.push(null))
    inner.on("error", (error) => this.destroy(error))
    inner.on("close", () => this.destroy())
  }

  override _read(): void {
    this.inner.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.inner.write(chunk, done)
  }

  // A packet is written in several pieces; it should leave as one.
  override _writev(chunks: Array<{ readonly chunk: Buffer }>, done: (error?: Error | null) => void): void {
    this.inner.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.inner.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.inner.destroy()
    done(error)
  }
}

export const guarded = (inner: Duplex, limit: number): Duplex => new Guarded(inner, limit)
