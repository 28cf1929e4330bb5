import { assert, describe, it } from "@effect/vitest"
import { flagNames, RST, SYN, tcp } from "../../../src/protocols/packet/IpPacket.ts"
import { receive } from "../../../src/protocols/tcp/input.ts"
import * as Open from "../../../src/protocols/tcp/open.ts"
import { toWire } from "../../../src/protocols/tcp/sequence.ts"
import type { Tcb } from "../../../src/protocols/tcp/Tcb.ts"
import { A, B, lcg, Pair, pattern } from "./Pair.ts"

const open = (pair = new Pair()) => {
  const a = pair.connectA()
  pair.run(100)
  return { pair, a, b: pair.b! }
}

describe("closing a TCP connection", () => {
  it("passes through the states of RFC 9293, and waits a minute at the end", () => {
    const { a, b, pair } = open()
    Open.shutdown(a, pair.now)
    assert.strictEqual(a.state, "FinWait1")
    pair.run(200)
    assert.deepStrictEqual([a.state, b.state, b.ended], ["FinWait2", "CloseWait", true])
    Open.shutdown(b, pair.now)
    assert.strictEqual(b.state, "LastAck")
    pair.run(300)
    assert.deepStrictEqual([a.state, b.state], ["TimeWait", "Closed"])
    pair.run()
    assert.strictEqual(a.state, "Closed")
    assert.approximately(pair.now, 60_210, 10)
  })

  it("may happen on both sides at once", () => {
    const { a, b, pair } = open()
    Open.shutdown(a, pair.now)
    Open.shutdown(b, pair.now)
    pair.run(115)
    assert.deepStrictEqual([a.state, b.state], ["Closing", "Closing"])
    pair.run(200)
    assert.deepStrictEqual([a.state, b.state], ["TimeWait", "TimeWait"])
  })

  it("sends what was written before the FIN, which rides on the last segment", () => {
    const { a, b, pair } = open()
    Open.write(a, pattern(2000), pair.now)
    Open.write(a, pattern(100), pair.now)
    Open.shutdown(a, pair.now)
    pair.run(300)
    assert.strictEqual(b.received.unread, 2100)
    assert.isTrue(b.ended)
  })

  it("answers a repeated FIN in TIME-WAIT and begins the minute anew", () => {
    let lose = false
    const pair = new Pair({ fate: (packet) => (lose && packet.src === A.local ? [] : [0]) })
    const { a, b } = open(pair)
    Open.close(a, pair.now)
    pair.run(150)
    // The acknowledgement of the other FIN gets lost once.
    lose = true
    Open.close(b, pair.now)
    pair.run(200)
    assert.deepStrictEqual([a.state, b.state], ["TimeWait", "LastAck"])
    lose = false
    pair.run(1000)
    assert.strictEqual(b.state, "Closed")
    assert.isAbove(a.forgetAt, 60_300)
  })

  it("forgets a half-closed connection nobody holds after a minute", () => {
    const { a, pair } = open()
    Open.close(a, pair.now)
    pair.run(1000)
    assert.strictEqual(a.state, "FinWait2")
    pair.run()
    assert.strictEqual(a.state, "Closed")
  })

  it("resets when bytes nobody read are left, and when bytes come for nobody", () => {
    const first = open()
    Open.write(first.a, pattern(10), first.pair.now)
    first.pair.run(200)
    Open.close(first.b, first.pair.now)
    first.pair.run(300)
    assert.strictEqual(first.a.failure, "ECONNRESET")

    const second = open()
    Open.close(second.b, second.pair.now)
    second.pair.run(200)
    Open.write(second.a, pattern(10), second.pair.now)
    second.pair.run(300)
    assert.strictEqual(second.a.failure, "EPIPE")
  })

  it("says nothing when a dial is given up, resets when a connection is", () => {
    const a = Open.connect(A, {}, 1, 0)
    a.output = []
    Open.close(a, 5)
    assert.deepStrictEqual([a.state, a.output], ["Closed", []])
    const { a: open1, pair } = open()
    Open.abort(open1)
    assert.deepStrictEqual(
      open1.output.map((packet) => flagNames(packet.flags)),
      ["RST,ACK"]
    )
    pair.run(300)
    assert.strictEqual(pair.b!.failure, "ECONNRESET")
  })

  it("sends the FIN after the handshake when the end comes before it", () => {
    const pair = new Pair()
    const a = pair.connectA()
    Open.write(a, pattern(5), pair.now)
    Open.shutdown(a, pair.now)
    pair.run(1000)
    assert.strictEqual(a.state, "FinWait2")
    assert.strictEqual(pair.b!.received.unread, 5)
  })
})

describe("strangers' segments", () => {
  const at = (b: Tcb, flags: number, position: number) =>
    tcp(A.local, A.localPort, B.local, B.localPort, {
      flags,
      seq: toWire(b.peerInitial, position),
      ack: toWire(b.initial, b.next)
    })

  it("reset a connection only at the very next position; elsewhere in the window they are asked", () => {
    const { b, pair } = open()
    receive(b, at(b, RST, 5), pair.now)
    assert.strictEqual(b.state, "Established")
    assert.deepStrictEqual(
      b.output.splice(0).map((packet) => flagNames(packet.flags)),
      ["ACK"]
    )
    receive(b, at(b, RST, 10_000_000), pair.now)
    assert.deepStrictEqual([b.state, b.output.length], ["Established", 0])
    receive(b, at(b, SYN, 5), pair.now)
    assert.deepStrictEqual(
      b.output.splice(0).map((packet) => flagNames(packet.flags)),
      ["ACK"]
    )
    receive(b, at(b, RST, 1), pair.now)
    assert.deepStrictEqual([b.state, b.failure], ["Closed", "ECONNRESET"])
  })

  it("never break an endpoint or make it hold more than its buffers", () => {
    const random = lcg(42)
    const below = (bound: number) => Math.floor(random() * bound)
    for (let round = 0; round < 300; round++) {
      const pair = new Pair({}, { receiveBuffer: 20_000 })
      const { a, b } = open(pair)
      if (round % 3 === 0) Open.write(a, pattern(3000), pair.now)
      if (round % 4 === 0) Open.shutdown(b, pair.now)
      for (let step = 0; step < 60; step++) {
        const side = random() < 0.5 ? a : b
        const { local, localPort, remote, remotePort } = side.endpoints
        const near = random() < 0.8
        const packet = tcp(remote, remotePort, local, localPort, {
          flags: below(64),
          seq: near ? toWire(side.peerInitial, side.received.next + below(40_000) - 20_000) : below(2 ** 32),
          ack: near ? toWire(side.initial, side.next + below(2000) - 1000) : below(2 ** 32),
          window: below(65_536),
          options: new Uint8Array(4 * below(10)).map(() => below(256)),
          payload: new Uint8Array(below(1460))
        })
        receive(side, packet, pair.now)
        side.output = []
        if (random() < 0.1) Open.read(side)
        if (random() < 0.05) Open.close(side, pair.now)
        pair.run(pair.now + below(50))
        assert.isAtMost(side.received.unread, 20_000 + 2 ** side.shift)
        assert.isAtLeast(side.next, side.una)
        assert.isAtLeast(side.max, side.next)
      }
    }
  })
})
