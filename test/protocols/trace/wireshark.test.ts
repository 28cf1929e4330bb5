/** What Wireshark makes of the files: that it can read them, that every checksum is right, that it sees what TCP did. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Trace from "../../../src/protocols/trace/Trace.ts"
import { connection, oddities, question } from "./traces.ts"
import * as Tshark from "./tshark.ts"

const opened: Array<Tshark.Capture> = []
const open = (file: Uint8Array): Tshark.Capture => {
  const capture = Tshark.open(file)
  opened.push(capture)
  return capture
}
afterAll(() => {
  for (const capture of opened) capture[Symbol.dispose]()
})

describe.skipIf(Tshark.reasonToSkip !== undefined)("Wireshark", { timeout: 60_000 }, () => {
  it("reads the file, its networks and its times", () => {
    const capture = open(Trace.toPcapng(question, { start: Date.UTC(2026, 0, 1) }))
    const info = capture.info()
    assert.match(info, /File type: +Wireshark\/\.\.\. - pcapng/)
    assert.match(info, /Number of packets: +4\n/)
    assert.match(info, /Strict time order: +True/)
    assert.match(info, /Number of interfaces in file: 2\n/)
    assert.match(info, /Name = lan\n/)
    assert.deepStrictEqual(capture.fields(["frame.interface_name", "frame.time_epoch", "udp.srcport", "data"]), [
      ["lan", "1767225600.000000000", "5000", "68656c6c6f"],
      ["internet", "1767225600.000100000", "61000", "68656c6c6f"],
      ["internet", "1767225600.020100000", "3478", "796573"],
      ["lan", "1767225600.040100000", "3478", "796573"]
    ])
  })

  it("finds every checksum right, of every kind of packet", () => {
    const capture = open(Trace.toPcapng([...question, ...connection, ...oddities]))
    const packets = question.length + connection.length + oddities.length
    assert.deepStrictEqual(capture.checked(), { packets, wrong: [] })
  })

  it("would find a checksum wrong", () => {
    const file = Trace.toPcapng(question)
    file[file.lastIndexOf("y".charCodeAt(0), file.lastIndexOf("s".charCodeAt(0)))]! ^= 1
    assert.deepStrictEqual(open(file).checked(), { packets: 4, wrong: ["packet 4: 1 0 "] })
  })

  it("follows the connection: handshake, round trip, retransmission, end", () => {
    const inside = connection.filter(({ network }) => network === "lan")
    const packets = open(Trace.toPcapng(inside)).fields([
      "tcp.flags.str",
      "tcp.seq",
      "tcp.ack",
      "tcp.analysis.retransmission",
      "tcp.completeness",
      "tcp.analysis.initial_rtt"
    ])
    const column = (index: number) => packets.map((packet) => packet[index])
    const flags = column(0).map((text) => text!.replaceAll("·", ""))
    assert.deepStrictEqual(flags, ["S", "S", "AS", "A", "AP", "AP", "AF", "AF", "A"])
    assert.deepStrictEqual(column(1), ["0", "0", "0", "1", "1", "1", "6", "6", "7"])
    assert.deepStrictEqual(column(2), ["0", "0", "1", "1", "1", "6", "6", "7", "7"])
    assert.deepStrictEqual(column(3), ["", "1", "", "", "", "", "", "", ""])
    // SYN, SYN-ACK, ACK, data and FIN were all seen.
    assert.strictEqual(packets.at(-1)![4], "31")
    assert.approximately(Number(packets.at(-1)![5]), 0.0402, 1e-9)
  })

  it("shows what became of packets, and finds the dropped ones", () => {
    const capture = open(Trace.toPcapng(oddities))
    assert.deepStrictEqual(capture.fields(["frame.comment"], `frame.comment contains "dropped"`), [
      ["nat -> server (copy): dropped: filtered at 22.000 ms"],
      ["nat -> server: dropped and answered: nothing <listens> there at 23.100 ms"]
    ])
    assert.deepStrictEqual(capture.fields(["icmp.type", "icmp.code", "icmp.mtu"], "icmp.type == 3"), [
      ["3,8", "4,0", "1280"],
      ["3,8", "4,0", "1280"]
    ])
  })
})
