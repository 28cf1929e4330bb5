/**
 * A trace as a sequence picture: hosts, routers and NATs as columns, time downwards, each packet an arrow that falls as far as
 * it took. A cross marks where a packet was dropped or lost, and why; a box at a NAT shows a mapping when it is made; a
 * dashed arrow is a TCP segment sent again. Pointing at an arrow tells the rest.
 *
 * Text without outside references, readable on light and dark ground, the same for the same trace.
 */
import { draw } from "./picture/arrows.ts"
import { clip, kindOf } from "./picture/labels.ts"
import { type Arrow, BOX, type Box, type Column, layOut, NAME } from "./picture/layout.ts"
import { element, escape, path, text } from "./picture/markup.ts"
import { LETTER, style } from "./picture/style.ts"
import type { TraceEvent } from "./TraceEvent.ts"

export interface Options {
  readonly title?: string | undefined
  /** Nodes from left to right; others follow. Default: an order that keeps arrows short. */
  readonly columns?: ReadonlyArray<string> | undefined
  /** Nodes that are routers, NATs or firewalls, beside those that are seen to send packets on. */
  readonly gateways?: ReadonlyArray<string> | undefined
  /** A few words under a node's name. */
  readonly captions?: { readonly [node: string]: string } | undefined
  /** Packets drawn at most, counting each hop; the first ones. Default 200. */
  readonly maxPackets?: number | undefined
  /** Packets that happened beside those of the trace, to be counted with those left out. Default 0. */
  readonly omitted?: number | undefined
}

const MAX_PACKETS = 200

const MARGIN = 14
const LEGEND = 26
const TALL = 900

export const write = (events: ReadonlyArray<TraceEvent>, options: Options = {}): string => {
  const drawn = events.slice(0, Math.max(0, options.maxPackets ?? MAX_PACKETS))
  const titled = options.title !== undefined && options.title !== ""
  const head = MARGIN + (titled ? 28 : 0)
  const layout = layOut(
    drawn,
    { columns: options.columns ?? [], gateways: options.gateways ?? [] },
    head + NAME.height + 6
  )
  const { arrows, bottom, boxes, columns, pauses, ticks, top } = layout
  const omitted = events.length - drawn.length + (options.omitted ?? 0)
  // Who is who, once more where the top is out of sight.
  const tall = bottom - top > TALL
  const end = tall ? bottom + NAME.height : bottom
  const foot = end + (omitted === 0 ? 0 : 22)
  const height = foot + LEGEND + MARGIN
  const legend = drawLegend(arrows, boxes.length > 0, foot + LEGEND - 6)
  const width = Math.max(layout.width, Math.ceil(legend.right))

  const parts = [
    element("style", {}, style),
    element("rect", { class: "ground", x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 8 }),
    ...(titled ? [text(MARGIN + 4, MARGIN + 15, "title", clip(options.title!, Math.floor(width / 9)))] : []),
    text(TIME_X, top - 8, "time faint", "ms"),
    ...columns.map((column) => path("lifeline", "M", column.x, top - 6, "L", column.x, bottom)),
    ...(tall ? [head, bottom] : [head]).flatMap((y) =>
      columns.map((column) => name(column, y, options.captions?.[column.name]))
    ),
    ...ticks.map(({ time, y }) => text(TIME_X, y + 3.5, "time faint", shortMillis(time))),
    ...pauses.map(({ millis, y }) => pause(width, y, millis)),
    ...arrows.map((arrow, index) => draw(arrow, isCrowded(arrows, index))),
    ...boxes.map(box),
    ...(omitted === 0 ? [] : [remark(width / 2, end + 18, omitted)]),
    legend.drawn
  ]
  const size = { width, height: Math.ceil(height), viewBox: `0 0 ${width} ${Math.ceil(height)}` }
  const root = { xmlns: "http://www.w3.org/2000/svg", ...size, role: "img" }
  const title = element("title", {}, escape(titled ? options.title! : "Packets between hosts"))
  return `${element("svg", root, "\n", [title, ...parts].join("\n"), "\n")}\n`
}

const TIME_X = 58

// 20.1, not 20.100: the axis shows where time is, the pointer tells exactly.
const shortMillis = (time: number): string => String(Math.round(time * 1000) / 1000)

const remark = (x: number, y: number, omitted: number): string =>
  text(x, y, "faint middle", `${omitted} more packet${omitted === 1 ? " is" : "s are"} not drawn`)

const name = ({ gateway, name, x }: Column, y: number, caption: string | undefined): string => {
  const letters = Math.floor(NAME.width / 8.8)
  const box = {
    class: gateway ? "gateway" : "host",
    x: x - NAME.width / 2,
    y,
    width: NAME.width,
    height: NAME.height,
    rx: 6
  }
  const lines =
    caption === undefined
      ? [text(x, y + 26, "name", clip(name, letters))]
      : [text(x, y + 18, "name", clip(name, letters)), text(x, y + 33, "caption faint", clip(caption, letters + 6))]
  return element(
    "g",
    {},
    element("title", {}, escape(caption === undefined ? name : `${name}: ${caption}`)),
    element("rect", box),
    ...lines
  )
}

const pause = (width: number, y: number, millis: number): string =>
  path("pause", "M", TIME_X + 8, y, "L", width - MARGIN, y) +
  text(TIME_X, y + 3.5, "time faint", `+${Math.round(millis)}`)

const box = ({ after, before, title, width, x, y }: Box): string => {
  const letters = Math.floor(width / LETTER)
  const frame = { class: "gateway", x: x - width / 2, y, width, height: BOX.height, rx: 4 }
  return element(
    "g",
    {},
    element("title", {}, escape(title)),
    element("rect", frame),
    text(x, y + 13, "mapping", clip(before, letters)),
    text(x, y + 26, "mapping", clip(`→ ${after}`, letters))
  )
}

// Whether a packet comes the other way where this one goes.
const isCrowded = (arrows: ReadonlyArray<Arrow>, index: number): boolean => {
  const one = arrows[index]!
  const [left, right] = [Math.min(one.x1, one.x2), Math.max(one.x1, one.x2)]
  return arrows.some(
    (other) =>
      other.toRight !== one.toRight &&
      Math.min(other.x1, other.x2) < right - 1 &&
      Math.max(other.x1, other.x2) > left + 1 &&
      other.y1 < one.y2 + 12 &&
      other.y2 > one.y1 - 12
  )
}

const drawLegend = (
  arrows: ReadonlyArray<Arrow>,
  mapped: boolean,
  y: number
): { readonly drawn: string; readonly right: number } => {
  const events = arrows.map(({ chapter }) => chapter.event)
  const entries: Array<readonly [sample: (x: number) => string, words: string]> = []
  const line = (kind: string) => (x: number) => element("g", { class: kind }, path("line", "M", x, y - 4, "l", 24, 0))
  const cross = (x: number) => path("cross", "M", x + 8, y - 8, "l", 8, 8, "m", 0, -8, "l", -8, 8)
  for (const [kind, words] of [
    ["udp", "UDP"],
    ["tcp", "TCP"],
    ["icmp", "ICMP"]
  ] as const) {
    if (events.some(({ packet }) => kindOf(packet) === kind)) entries.push([line(kind), words])
  }
  if (arrows.some(({ chapter }) => chapter.again)) entries.push([line("tcp again"), "↻ retransmission"])
  if (events.some(({ fate }) => fate._tag === "Dropped" || fate._tag === "Lost"))
    entries.push([cross, "dropped or lost, and why"])
  if (mapped) {
    const frame = (x: number) => element("rect", { class: "gateway", x, y: y - 11, width: 24, height: 13, rx: 3 })
    entries.push([frame, "new mapping"])
  }
  let right = TIME_X + 12
  const drawn = entries.map(([sample, words]) => {
    const x = right
    right += 32 + words.length * 6.6 + 28
    return sample(x) + text(x + 32, y, "faint", words)
  })
  return { drawn: drawn.join(""), right }
}
