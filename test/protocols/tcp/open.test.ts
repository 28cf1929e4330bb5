import { assert, describe, it } from "@effect/vitest"
import { ACK, flagNames, RST, SYN, tcp } from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import { receive } from "../../../src/protocols/tcp/input.ts"
import * as Open from "../../../src/protocols/tcp/open.ts"
import { report, tick } from "../../../src/protocols/tcp/timers.ts"
import { A, B, Pair } from "./Pair.ts"

describe("opening a TCP connection", () => {
  it("takes three segments", () => {
    const pair = new Pair()
    const a = pair.connectA()
    pair.run(1000)
    assert.deepStrictEqual(pair.log, ["0 a SYN 0", "10 b SYN,ACK 0", "20 a ACK 0"])
    assert.deepStrictEqual([a.state, pair.b!.state, a.connected], ["Established", "Established", true])
  })

  it("takes two SYNs that cross", () => {
    const pair = new Pair()
    const a = pair.connectA()
    const b = pair.connectB()
    pair.run(1000)
    assert.deepStrictEqual(pair.log.slice(0, 4), ["0 a SYN 0", "0 b SYN 0", "10 b SYN,ACK 0", "10 a SYN,ACK 0"])
    assert.deepStrictEqual([a.state, b.state], ["Established", "Established"])
  })

  for (const lost of [2, 3]) {
    it(`survives the loss of answer ${lost - 1} when two SYNs cross`, () => {
      const pair = new Pair({ fate: (_packet, index) => (index === lost ? [] : [0]) })
      const a = pair.connectA()
      const b = pair.connectB()
      pair.run(10_000)
      assert.deepStrictEqual([a.state, b.state], ["Established", "Established"])
    })
  }

  it("is refused where nobody listens", () => {
    const pair = new Pair()
    pair.listening = false
    const a = pair.connectA()
    pair.run()
    assert.deepStrictEqual([a.state, a.failure, pair.now], ["Closed", "ECONNREFUSED", 20])
  })

  it("repeats its SYN at 1, 3, 7, 15, 31 and 63 seconds, and gives up at 127", () => {
    const pair = new Pair({ fate: () => [] })
    const a = pair.connectA()
    pair.run()
    assert.deepStrictEqual(
      pair.log.map((line) => Number(line.split(" ")[0])),
      [0, 1000, 3000, 7000, 15_000, 31_000, 63_000]
    )
    assert.deepStrictEqual([a.state, a.failure, pair.now], ["Closed", "ETIMEDOUT", 127_000])
  })

  it("repeats its answer five times, and forgets the caller after 63 seconds", () => {
    const pair = new Pair({ fate: (packet) => (packet.src === B.local ? [] : [0]) })
    pair.connectA()
    pair.step()
    pair.a = undefined
    pair.run()
    const answers = pair.log.filter((line) => line.includes(" b "))
    assert.deepStrictEqual(
      answers.map((line) => Number(line.split(" ")[0])),
      [10, 1010, 3010, 7010, 15_010, 31_010]
    )
    assert.deepStrictEqual([pair.b!.state, pair.now], ["Closed", 63_010])
  })

  it("answers an acknowledgement of what it never sent with a reset, and stays", () => {
    const a = Open.connect(A, {}, 1000, 0)
    a.output = []
    const bad = tcp(B.local, B.localPort, A.local, A.localPort, { flags: SYN | ACK, seq: 5, ack: 9999 })
    receive(a, bad, 10)
    assert.strictEqual(a.state, "SynSent")
    assert.deepStrictEqual(
      a.output.map((packet) => [flagNames(packet.flags), packet.seq]),
      [["RST", 9999]]
    )
  })

  it("ignores a reset that does not acknowledge its SYN", () => {
    const a = Open.connect(A, {}, 1000, 0)
    receive(a, tcp(B.local, B.localPort, A.local, A.localPort, { flags: RST, seq: 0 }), 10)
    receive(a, tcp(B.local, B.localPort, A.local, A.localPort, { flags: RST | ACK, seq: 0, ack: 1000 }), 10)
    assert.strictEqual(a.state, "SynSent")
    receive(a, tcp(B.local, B.localPort, A.local, A.localPort, { flags: RST | ACK, seq: 0, ack: 1001 }), 10)
    assert.strictEqual(a.failure, "ECONNREFUSED")
  })

  const kinds = [
    ["portUnreachable", "ECONNREFUSED"],
    ["hostUnreachable", "EHOSTUNREACH"],
    ["adminProhibited", "EHOSTUNREACH"],
    ["ttlExceeded", "EHOSTUNREACH"]
  ] as const
  for (const [kind, failure] of kinds) {
    it(`fails at once on ICMP ${kind} while it opens; keeps it as a reason once open`, () => {
      const opening = Open.connect(A, {}, 1000, 0)
      report(opening, icmpError(opening.output[0]!, kind, B.local)!, 10)
      assert.strictEqual(opening.failure, failure)

      const pair = new Pair()
      const a = pair.connectA()
      pair.run(1000)
      Open.write(a, new Uint8Array(10), pair.now)
      report(a, icmpError(a.output[0]!, kind, B.local)!, pair.now)
      assert.deepStrictEqual([a.state, a.softFailure], ["Established", failure])
      a.output = []
      while (a.state !== "Closed") {
        const { deadline } = a
        tick(a, deadline)
      }
      assert.strictEqual(a.failure, failure)
    })
  }

  it("does not believe an ICMP error about a segment it has not sent", () => {
    const a = Open.connect(A, {}, 1000, 0)
    const other = { ...a.output[0]!, seq: 77_777 }
    report(a, icmpError(other, "portUnreachable", B.local)!, 10)
    assert.strictEqual(a.state, "SynSent")
  })

  it("uses the smaller segment size, and scales windows only if both do", () => {
    const pair = new Pair({}, { mtu: 1500 })
    const a = pair.connectA({ mtu: 576, receiveBuffer: 30_000 })
    pair.run(1000)
    assert.deepStrictEqual([a.mss, pair.b!.mss], [536, 536])
    assert.deepStrictEqual([a.shift, pair.b!.peerShift], [0, 0])
    assert.isAbove(pair.b!.shift, 0)
    const plain = Open.connect(A, {}, 1, 0)
    receive(plain, tcp(B.local, B.localPort, A.local, A.localPort, { flags: SYN | ACK, seq: 5, ack: 2 }), 10)
    assert.deepStrictEqual([plain.state, plain.shift, plain.peerShift, plain.mss], ["Established", 0, 0, 536])
  })
})
