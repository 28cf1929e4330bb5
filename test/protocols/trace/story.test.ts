import { assert, describe, it } from "@effect/vitest"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import { ACK, FIN, PSH, RST, SYN, tcp } from "../../../src/protocols/packet/IpPacket.ts"
import { tell } from "../../../src/protocols/trace/story.ts"
import { bytes, connection, hop, question } from "./traces.ts"

const a = Ip.fromStringUnsafe("10.0.0.1")
const b = Ip.fromStringUnsafe("10.0.0.2")

interface Segment {
  readonly by?: "a" | "b"
  readonly flags: number
  readonly seq: number
  readonly ack?: number
  readonly text?: string
  readonly copy?: boolean
}

/** What is told of segments that are sent a millisecond apart, between two hosts on one network. */
const told = (...segments: ReadonlyArray<Segment>) =>
  tell(
    segments.map(({ ack = 0, by = "a", copy = false, flags, seq, text = "" }, time) => {
      const fields = { flags, seq, ack, payload: bytes(text) }
      const packet = by === "a" ? tcp(a, 1000, b, 2000, fields) : tcp(b, 2000, a, 1000, fields)
      return hop(time, by, by === "a" ? "b" : "a", "lan", packet, { _tag: "Delivered", at: time + 1 }, copy)
    })
  )

const again = (...segments: ReadonlyArray<Segment>) => told(...segments).map((chapter) => chapter.again)

describe("the story of a trace", () => {
  it("joins the hops of a packet", () => {
    assert.deepStrictEqual(
      tell(question).map(({ before }) => before),
      [undefined, 0, undefined, 2]
    )
  })

  it("finds what a host sends again, and no other hop of the same packet", () => {
    const marked = tell(connection).flatMap(({ again, event }) => (again ? [`${event.time} ${event.from}`] : []))
    assert.deepStrictEqual(marked, ["1000 alice", "1000.1 nat"])
  })

  it.each([
    [
      "a SYN with the same number",
      [
        { flags: SYN, seq: 5 },
        { flags: SYN, seq: 5 }
      ],
      [false, true]
    ],
    [
      "not a SYN of another connection on the same ports",
      [
        { flags: SYN, seq: 5 },
        { flags: SYN, seq: 4 }
      ],
      [false, false]
    ],
    [
      "not the answer to a SYN that crossed its own",
      [
        { flags: SYN, seq: 5 },
        { flags: SYN | ACK, seq: 5, ack: 1 }
      ],
      [false, false]
    ],
    [
      "data sent before, or a part of it",
      [
        { flags: SYN, seq: 5 },
        { flags: PSH | ACK, seq: 6, text: "hello" },
        { flags: PSH | ACK, seq: 6, text: "hel" },
        { flags: PSH | ACK, seq: 11, text: "more" }
      ],
      [false, false, true, false]
    ],
    [
      "not data that goes on beyond what was sent",
      [
        { flags: PSH | ACK, seq: 6, text: "hello" },
        { flags: PSH | ACK, seq: 9, text: "lo and more" }
      ],
      [false, false]
    ],
    [
      "a FIN",
      [
        { flags: FIN | ACK, seq: 9 },
        { flags: FIN | ACK, seq: 9 }
      ],
      [false, true]
    ],
    [
      "no bare acknowledgement",
      [
        { flags: ACK, seq: 9 },
        { flags: ACK, seq: 9 }
      ],
      [false, false]
    ],
    [
      "no reset",
      [
        { flags: SYN, seq: 9 },
        { flags: RST, seq: 9 }
      ],
      [false, false]
    ],
    [
      "no copy that the network made",
      [
        { flags: SYN, seq: 5 },
        { flags: SYN, seq: 5, copy: true }
      ],
      [false, false]
    ],
    [
      "data before 2^32 after data behind it",
      [
        { flags: PSH | ACK, seq: 0xffff_fffe, text: "abcd" },
        { flags: PSH | ACK, seq: 0xffff_fffe, text: "ab" },
        { flags: PSH | ACK, seq: 2, text: "ef" }
      ],
      [false, true, false]
    ]
  ] as const)("counts as sent again: %s", (_, segments, expected) => {
    assert.deepStrictEqual(again(...segments), expected as ReadonlyArray<boolean>)
  })

  it("counts from the start of each direction, of the latest connection", () => {
    const numbers = told(
      { flags: SYN, seq: 100 },
      { by: "b", flags: SYN | ACK, seq: 900, ack: 101 },
      { flags: ACK, seq: 101, ack: 901 },
      { flags: SYN, seq: 50 },
      { by: "b", flags: RST | ACK, seq: 0, ack: 51 }
    ).map(({ ack, seq }) => [seq, ack])
    assert.deepStrictEqual(numbers, [
      [0, 0],
      [0, 1],
      [1, 1],
      [0, 0],
      [0, 1]
    ])
  })
})
