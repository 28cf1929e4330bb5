import { assert, describe, it } from "@effect/vitest"
import { arrange } from "../../../src/protocols/trace/picture/columns.ts"
import { layOut } from "../../../src/protocols/trace/picture/layout.ts"
import * as Trace from "../../../src/protocols/trace/Trace.ts"
import type { TraceEvent } from "../../../src/protocols/trace/TraceEvent.ts"
import { connection, hop, oddities, question } from "./traces.ts"

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length
const arrowsIn = (svg: string): number => count(svg, /<g class="[a-z ]+"><title>/g)

/** What is wrong with a text as XML, as far as these pictures use XML. */
const xmlProblem = (text: string): string | undefined => {
  const open: Array<string> = []
  let at = 0
  for (const match of text.matchAll(/<[^>]*>/g)) {
    const between = text.slice(at, match.index)
    if (/[<>]|&(?!(?:amp|lt|gt|quot);)/.test(between)) return `stray character in "${between}"`
    at = match.index + match[0].length
    const tag = /^<(\/?)([A-Za-z]+)((?: [A-Za-z-]+="[^"<&]*(?:&[a-z]+;[^"<&]*)*")*)(\/?)>$/.exec(match[0])
    if (tag === null) return `not a tag: ${match[0]}`
    const [, closes, name, , empty] = tag
    if (closes === "/") {
      if (open.pop() !== name) return `${match[0]} closes nothing`
    } else if (empty === "") open.push(name!)
  }
  if (/[^\n]/.test(text.slice(at))) return "text at the end"
  return open.length === 0 ? undefined : `${open.join(", ")} left open`
}

const renamed = (events: ReadonlyArray<TraceEvent>, name: (old: string) => string): ReadonlyArray<TraceEvent> =>
  events.map((event) => ({ ...event, from: name(event.from), to: event.to === undefined ? undefined : name(event.to) }))

/** The events this often, one after the other. */
const repeated = (events: ReadonlyArray<TraceEvent>, times: number): ReadonlyArray<TraceEvent> =>
  Array.from({ length: times }, (_, round) =>
    events.map((event): TraceEvent => {
      const { fate } = event
      const later = round * 100
      return {
        ...event,
        time: event.time + later,
        fate: fate._tag === "InFlight" ? fate : { ...fate, at: fate.at + later }
      }
    })
  )
    .flat()
    .toSorted((a, b) => a.time - b.time)

describe("a trace as SVG", () => {
  it.each([
    ["a question", question],
    ["a connection", connection],
    ["oddities", oddities],
    ["nothing", []],
    ["hostile names", renamed(oddities, (name) => `${name}"><script>&'\u0000\u001b\ud800 \u{1f600}`)]
  ])("is well-formed and the same every time: %s", (_, events) => {
    const options = { title: `<"&'>\ud800`, captions: { nat: "<a>" } }
    const svg = Trace.toSvg(events, options)
    assert.strictEqual(xmlProblem(svg), undefined)
    assert.strictEqual(svg, Trace.toSvg(events, options))
    assert.notMatch(svg, /[\u0000-\u0008\u000b-\u001f]|\p{Cs}/u)
    assert.strictEqual(arrowsIn(svg), events.length)
  })

  it("would find what is not well-formed", () => {
    for (const text of ["<a>", "<a></b>", "<a>&</a>", "<a>x > y</a>", `<a b="<"/>`, "<a b=c/>"]) {
      assert.notStrictEqual(xmlProblem(text), undefined, text)
    }
  })

  it("has a column for each node, and its own light and dark ground", () => {
    const svg = Trace.toSvg(question, { title: "A question", captions: { nat: "openwrt" } })
    for (const name of ["alice", "nat", "server"]) assert.match(svg, new RegExp(`class="name">${name}<`))
    assert.match(svg, /class="caption faint">openwrt</)
    assert.match(svg, /class="title">A question</)
    assert.strictEqual(count(svg, /class="lifeline"/g), 3)
    assert.match(svg, /class="ground"/)
    assert.match(svg, /@media\(prefers-color-scheme:dark\)/)
  })

  it("shows a mapping once, at the NAT that made it", () => {
    const svg = Trace.toSvg(connection)
    assert.deepStrictEqual(
      [...svg.matchAll(/class="mapping">([^<]*)</g)].map(([, text]) => text),
      ["192.168.1.2:40000", "→ 198.51.100.7:62000"]
    )
    assert.match(svg, /<title>nat maps TCP 192\.168\.1\.2:40000 to 198\.51\.100\.7:62000<\/title>/)
    const { boxes, columns } = layOut(connection, { columns: [], gateways: [] }, 0)
    assert.strictEqual(boxes[0]!.x, columns.find(({ name }) => name === "nat")!.x)
  })

  it("marks losses and drops by a cross and the reason", () => {
    const svg = Trace.toSvg(oddities)
    // One for each, and one in the legend.
    assert.strictEqual(count(svg, /class="cross"/g), 5)
    const reasons = [...svg.matchAll(/class="reason[^"]*">([^<]*)</g)].map(([, text]) => text)
    assert.deepStrictEqual(reasons, [
      "no such address",
      "filtered",
      "nothing &lt;listens&gt; there, answered",
      "queue full"
    ])
    assert.match(svg, />in flight</)
  })

  it("marks what is sent again and what is a copy", () => {
    const svg = Trace.toSvg(connection)
    assert.strictEqual(count(svg, /<g class="tcp again"><title>/g), 2)
    assert.strictEqual(count(svg, />↻ SYN 4?/g), 2)
    assert.match(svg, />↻ retransmission</)
    assert.match(Trace.toSvg(oddities), />copy 61000→7777 len 4</)
    assert.notMatch(Trace.toSvg(question), /retransmission|dropped|ICMP|TCP/)
  })

  it("tells the rest to those who point at an arrow", () => {
    assert.include(
      Trace.toSvg(question),
      "<title>0.100 ms nat -&gt; server\nUDP 198.51.100.7:61000 &gt; 203.0.113.9:3478\nlen 5 &quot;hello&quot;\n20.100 ms delivered</title>"
    )
  })

  it("is bounded, and says how much is left out", () => {
    const many = repeated(question, 100)
    assert.strictEqual(many.length, 400)
    const svg = Trace.toSvg(many)
    assert.strictEqual(arrowsIn(svg), 200)
    assert.match(svg, />200 more packets are not drawn</)
    assert.match(Trace.toSvg(many, { maxPackets: 10, omitted: 7 }), />397 more packets are not drawn</)
    assert.match(Trace.toSvg(question, { maxPackets: 3 }), />1 more packet is not drawn</)
    assert.strictEqual(arrowsIn(Trace.toSvg(many, { maxPackets: 0 })), 0)
    assert.notMatch(Trace.toSvg(question), /not drawn/)
    const [, width, height] = /<svg [^>]*width="(\d+)" height="(\d+)"/.exec(svg)!
    assert.isBelow(Number(width), 1000)
    assert.isBelow(Number(height), 200 * 60)
  })
})

describe("the layout of a picture", () => {
  const everything = [
    question,
    connection,
    oddities,
    repeated(
      [...question, ...oddities].toSorted((a, b) => a.time - b.time),
      5
    )
  ]

  it("lets every packet fall, from its sender's column to its receiver's", () => {
    for (const events of everything) {
      const { arrows, boxes, columns, bottom, width } = layOut(events, { columns: [], gateways: [] }, 50)
      const place = (name: string) => columns.find((column) => column.name === name)!.x
      for (const { chapter, x1, x2, y1, y2 } of arrows) {
        const { fate, from, to } = chapter.event
        assert.isTrue(y1 >= 50 && y2 > y1 && y2 < bottom)
        assert.isTrue(x1 >= 0 && x1 <= width && x2 >= 0 && x2 <= width)
        const reach = (at: number, name: string) => {
          const edge = Math.abs(at - place(name))
          return edge < 1e-6 || boxes.some(({ width, x }) => x === place(name) && Math.abs(edge - width / 2) < 1e-6)
        }
        assert.isTrue(reach(x1, from))
        if (fate._tag === "Delivered" || fate._tag === "Dropped" || fate._tag === "Translated")
          assert.isTrue(reach(x2, to!))
      }
    }
  })

  it("keeps the order of time, and packets at one side of a column a row apart", () => {
    for (const events of everything) {
      const { arrows } = layOut(events, { columns: [], gateways: [] }, 0)
      for (const [index, one] of arrows.entries()) {
        for (const other of arrows.slice(index + 1)) {
          const [first, second] = [one.chapter.event, other.chapter.event]
          if (first.time < second.time) assert.isTrue(one.y1 < other.y1)
          if (first.from === second.from && one.toRight === other.toRight) assert.isTrue(other.y1 - one.y1 >= 17)
        }
      }
    }
  })

  it("has a packet sent on leave where it arrived", () => {
    const { arrows } = layOut(repeated(question, 3), { columns: [], gateways: [] }, 0)
    const joined = arrows.filter(({ chapter }) => chapter.before !== undefined)
    // Where no box stands in between, to the pixel.
    const gaps = joined.map(({ chapter, y1 }) => y1 - arrows[chapter.before!]!.y2)
    assert.deepStrictEqual(gaps, [16, 0, 0, 0, 0, 0])
  })

  it("skips over pauses, and says how long they were", () => {
    const { pauses } = layOut(connection, { columns: [], gateways: [] }, 0)
    assert.deepStrictEqual(
      pauses.map(({ millis }) => Math.round(millis)),
      [1000]
    )
  })

  it("sets neighbours on the network side by side", () => {
    const links: ReadonlyArray<readonly [string, string]> = [
      ["server", "nat-b"],
      ["alice", "nat-a"],
      ["nat-b", "bob"],
      ["nat-a", "server"]
    ]
    const { packet } = question[0]!
    const events = links.map(([from, to]) => hop(0, from, to, "lan", packet, { _tag: "InFlight" }))
    const order = arrange(events, [])
    assert.include(["alice nat-a server nat-b bob", "bob nat-b server nat-a alice"], order.join(" "))
    assert.deepStrictEqual(arrange(events, ["bob", "nobody"]).slice(0, 2), ["bob", "nobody"])
    assert.strictEqual(arrange(events, ["bob", "nobody"]).length, 6)
  })

  it("takes many nodes as they come", () => {
    const events = Array.from({ length: 500 }, (_, index): TraceEvent => ({
      ...question[0]!,
      from: `h${index}`,
      to: "server"
    }))
    assert.deepStrictEqual(arrange(events, []).slice(0, 3), ["h0", "server", "h1"])
    assert.strictEqual(xmlProblem(Trace.toSvg(events)), undefined)
  })
})
