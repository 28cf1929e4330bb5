/** Two TCP endpoints and a wire with its own clock: no Effect, no sockets. Every choice comes from the test's seed. */
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { TcpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import { flagNames } from "../../../src/protocols/packet/IpPacket.ts"
import * as Reply from "../../../src/protocols/packet/reply.ts"
import { receive } from "../../../src/protocols/tcp/input.ts"
import * as Open from "../../../src/protocols/tcp/open.ts"
import { type Options, type Tcb } from "../../../src/protocols/tcp/Tcb.ts"
import { tick } from "../../../src/protocols/tcp/timers.ts"

export const A = {
  local: Ip.fromStringUnsafe("10.0.0.1"),
  localPort: 1000,
  remote: Ip.fromStringUnsafe("10.0.0.2"),
  remotePort: 2000
}
export const B = { local: A.remote, localPort: 2000, remote: A.local, remotePort: 1000 }

export interface Wire {
  readonly latency?: number
  /** What becomes of a packet: how many copies arrive, and how late each. Default: one, in time. */
  readonly fate?: (packet: TcpPacket, index: number) => ReadonlyArray<number>
}

/** A small generator, so that a failing seed can be run again. */
export const lcg = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 0x1_0000_0000
  }
}

export class Pair {
  now = 0
  a: Tcb | undefined = undefined
  b: Tcb | undefined = undefined
  /** Whether a listener stands behind `b`'s port. */
  listening = true
  readonly log: Array<string> = []
  sent = 0
  private flight: Array<{ readonly at: number; readonly order: number; readonly packet: TcpPacket }> = []
  private readonly wire: Wire
  private readonly options: Options

  constructor(wire: Wire = {}, options: Options = {}) {
    this.wire = wire
    this.options = options
  }

  connectA(options: Options = this.options): Tcb {
    this.a = Open.connect(A, options, 0xffff_fff0, this.now)
    this.flush()
    return this.a
  }

  connectB(options: Options = this.options): Tcb {
    this.b = Open.connect(B, options, 500, this.now)
    this.flush()
    return this.b
  }

  /** Takes what the endpoints want sent. Call after touching one. */
  flush(): void {
    for (const side of [this.a, this.b]) {
      if (side === undefined) continue
      for (const packet of side.output.splice(0)) this.send(packet)
    }
  }

  send(packet: TcpPacket): void {
    const from = packet.src === A.local ? "a" : "b"
    this.log.push(`${Math.round(this.now)} ${from} ${flagNames(packet.flags)} ${packet.payload.length}`)
    const fate = this.wire.fate?.(packet, this.sent) ?? [0]
    for (const late of fate)
      this.flight.push({ at: this.now + (this.wire.latency ?? 10) + late, order: this.sent, packet })
    this.sent++
  }

  /** Goes to the next moment something happens, at `until` at the latest. Whether something did. */
  step(until = Infinity): boolean {
    this.flush()
    this.flight.sort((x, y) => x.at - y.at || x.order - y.order)
    const first = this.flight[0]
    const deadline = Math.min(this.a?.deadline ?? Infinity, this.b?.deadline ?? Infinity)
    const at = Math.min(first?.at ?? Infinity, deadline)
    if (at > until || at === Infinity) {
      if (until !== Infinity) this.now = until
      return false
    }
    this.now = Math.max(this.now, at)
    if (first !== undefined && first.at <= deadline) {
      this.flight.shift()
      this.deliver(first.packet)
    } else {
      for (const side of [this.a, this.b]) if (side !== undefined && side.deadline <= this.now) tick(side, this.now)
    }
    this.flush()
    return true
  }

  run(until = Infinity): void {
    while (this.step(until));
  }

  runWhile(condition: () => boolean, limit = 3_600_000): void {
    while (condition() && this.now < limit && this.step(limit));
  }

  private deliver(packet: TcpPacket): void {
    const toA = packet.dst === A.local
    const side = toA ? this.a : this.b
    if (side !== undefined && side.state !== "Closed") return receive(side, packet, this.now)
    if (!toA && this.listening && Open.isOpening(packet)) {
      this.b = Open.accept(packet, this.options, 77, this.now)
      return
    }
    const reset = Reply.reset(packet)
    if (reset !== undefined) this.send(reset)
  }
}

/** Bytes that show where they come from. */
export const pattern = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff
  return bytes
}

export const join = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.length
  }
  return joined
}

/** Writes all of `bytes` from one side and reads them at the other, then both close. Returns what was read. */
export const transfer = (pair: Pair, from: Tcb, to: () => Tcb | undefined, bytes: Uint8Array): Uint8Array => {
  const chunks: Array<Uint8Array> = []
  let written = 0
  pair.runWhile(() => {
    if (from.connected && written < bytes.length) {
      written += Open.write(from, bytes.subarray(written, written + 65_536), pair.now)
      if (written === bytes.length) Open.shutdown(from, pair.now)
    }
    const reader = to()
    if (reader !== undefined) chunks.push(...Open.read(reader))
    pair.flush()
    return reader === undefined || !(reader.ended || reader.state === "Closed")
  })
  return join(chunks)
}
