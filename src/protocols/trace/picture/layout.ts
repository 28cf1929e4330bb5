/**
 * Where everything of a sequence picture stands: numbers only.
 *
 * Time runs down. Moments of one instant stand at one height, except that packets which leave or reach a column on the same
 * side stand a row apart, so that their labels have room, and that a packet sent on leaves where it arrived.
 */
import { protocolOf, translations } from "../describe.ts"
import { type Chapter, tell } from "../story.ts"
import type { TraceEvent } from "../TraceEvent.ts"
import { arrange } from "./columns.ts"
import { scaleOf } from "./scale.ts"
import { LETTER } from "./style.ts"

export interface Arrow {
  readonly chapter: Chapter
  /** From the sender's column towards the receiver's: to it, or as far as the packet came. */
  readonly x1: number
  readonly x2: number
  y1: number
  y2: number
  /** Pixels to the next column it could cross: what its label may take. */
  readonly span: number
  readonly toRight: boolean
  /** From a node to itself. */
  readonly loop: boolean
}

/** A new mapping, shown where the NAT made it: the endpoint before and after. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly before: string
  readonly after: string
  readonly title: string
}

export interface Column {
  readonly name: string
  readonly x: number
  /** It sent packets on: a router, NAT or firewall. */
  readonly gateway: boolean
}

export interface Nodes {
  /** From left to right; nodes not named follow. */
  readonly columns: ReadonlyArray<string>
  /** Beside those that are seen to send packets on. */
  readonly gateways: ReadonlyArray<string>
}

export interface Layout {
  readonly columns: ReadonlyArray<Column>
  readonly arrows: ReadonlyArray<Arrow>
  readonly boxes: ReadonlyArray<Box>
  /** Times beside their heights. */
  readonly ticks: ReadonlyArray<{ readonly y: number; readonly time: number }>
  /** Pauses: their middle, and how many milliseconds they stand for. */
  readonly pauses: ReadonlyArray<{ readonly y: number; readonly millis: number }>
  readonly width: number
  /** Where the lifelines begin and end. */
  readonly top: number
  readonly bottom: number
}

export const COLUMN_WIDTH = 260
export const NAME = { width: 160, height: 42 } as const
/** Room for the times. */
const LEFT = 76 + NAME.width / 2
const RIGHT = 24 + NAME.width / 2
export const BOX = { width: 120, height: 32 } as const
/** Between two packets at one side of a column. */
const ROW = 17
/** What a reason under an arrow's end takes. */
const REASON = 12
/** How much of the way a packet is shown to have come, if it never arrived. */
const LOST_AT_ONCE = 0.3
const LOST_ON_THE_WAY = 0.5
const STUB = 90
export const LOOP = 46
/** How far an arrow falls that takes no time to nowhere. */
const SLANT = 8
const BETWEEN_TICKS = 13

interface Moment {
  readonly time: number
  readonly index: number
  readonly isEnd: boolean
}

export const layOut = (events: ReadonlyArray<TraceEvent>, nodes: Nodes, top: number): Layout => {
  const chapters = tell(events)
  const forwards = new Set<string | undefined>(nodes.gateways)
  for (const { fate, to } of events) if (fate._tag === "Translated") forwards.add(to)
  const columns = arrange(events, nodes.columns).map((name, index): Column => ({
    name,
    x: LEFT + index * COLUMN_WIDTH,
    gateway: forwards.has(name)
  }))
  const places = new Map(columns.map(({ name, x }) => [name, x]))
  const width = LEFT + Math.max(0, columns.length - 1) * COLUMN_WIDTH + RIGHT
  const boxes: Array<Box> = []
  const boxed = newMappings(events)
  // The packet a box is left by; a copy of it, made on the way, leaves beside the box.
  const leaving = new Map<number, number>()
  for (const [index, { before }] of chapters.entries()) {
    if (before !== undefined && boxed.has(before) && !leaving.has(before)) leaving.set(before, index)
  }
  const left = ({ before }: Chapter, index: number): Mapping | undefined =>
    before !== undefined && leaving.get(before) === index ? boxed.get(before) : undefined
  const arrows = chapters.map((chapter, index) => arrowOf(chapter, places, left(chapter, index), boxed.get(index)))

  const step = scaleOf(events)

  // The lowest height taken at each side of each column.
  const taken = new Map<string, number>()
  const sideOf = (x: number, right: boolean) => `${x} ${right ? "right" : "left"}`
  const below = (key: string) => (taken.get(key) ?? -Infinity) + ROW
  const departs = new Map<number, number>()

  const begin = (index: number, base: number): number => {
    const arrow = arrows[index]!
    const { before } = arrow.chapter
    const column = places.get(arrow.chapter.event.from)!
    const key = sideOf(column, arrow.toRight)
    const from = before === undefined ? base : (departs.get(before) ?? base)
    // A box has made room for the packet that leaves it.
    arrow.y1 = left(arrow.chapter, index) === undefined ? Math.max(from, below(key)) : from
    const { fate, time, to } = arrow.chapter.event
    if (fate._tag === "Lost") arrow.y2 = arrow.y1 + Math.max(SLANT, step(fate.at - time).height)
    else if (fate._tag === "InFlight") arrow.y2 = arrow.y1 + ROW
    // A cross so near needs room of its own.
    const isShort = fate._tag === "Lost" && (fate.at === time || to === undefined)
    taken.set(key, Math.max(isShort ? arrow.y2 : arrow.y1, taken.get(key) ?? 0))
    return Math.max(arrow.y1, arrow.y2)
  }

  const finish = (index: number, base: number): number => {
    const arrow = arrows[index]!
    const { fate, from, to } = arrow.chapter.event
    const column = places.get(to ?? from)!
    const key = sideOf(column, arrow.loop ? arrow.toRight : !arrow.toRight)
    const box = boxed.get(index)
    if (box === undefined) {
      arrow.y2 = Math.max(base, below(key), arrow.loop ? arrow.y1 + ROW : 0)
      taken.set(key, arrow.y2 + (fate._tag === "Dropped" ? REASON : 0))
      departs.set(index, arrow.y2)
      return arrow.y2
    }
    // The packet goes in at the box's first line and leaves at its second.
    const keys = [sideOf(column, true), sideOf(column, false)]
    arrow.y2 = Math.max(base, ...keys.map((side) => below(side) + BOX.height / 4))
    const bottom = arrow.y2 + (BOX.height * 3) / 4
    for (const side of keys) taken.set(side, bottom)
    boxes.push({ ...box, x: column, y: arrow.y2 - BOX.height / 4 })
    departs.set(index, arrow.y2 + BOX.height / 2)
    return bottom
  }

  const ticks: Array<{ y: number; time: number }> = []
  const pauses: Array<{ y: number; millis: number }> = []
  let low = top
  let last: number | undefined
  let base = top
  for (const { index, isEnd, time } of momentsOf(events)) {
    if (last !== time) {
      const { height, pause } = last === undefined ? { height: ROW + 4, pause: false } : step(time - last)
      if (pause) pauses.push({ y: low + height / 2 + 2, millis: time - last! })
      base = low + height
      last = time
      if (base - (ticks.at(-1)?.y ?? -Infinity) >= BETWEEN_TICKS) ticks.push({ y: base, time })
    }
    low = Math.max(low, isEnd ? finish(index, base) : begin(index, base))
  }
  fallAlike(arrows)
  return { columns, arrows, boxes, ticks, pauses, width, top, bottom: low + ROW }
}

// A packet that got lost falls as those that left with it and arrived, or the two would cross.
const fallAlike = (arrows: ReadonlyArray<Arrow>): void => {
  const key = ({ chapter: { event } }: Arrow) => `${event.time} ${event.from} ${event.to}`
  const slopes = new Map<string, number>()
  for (const arrow of arrows) {
    const { fate } = arrow.chapter.event
    if (fate._tag !== "Lost" && fate._tag !== "InFlight" && !arrow.loop) {
      slopes.set(key(arrow), (arrow.y2 - arrow.y1) / Math.abs(arrow.x2 - arrow.x1))
    }
  }
  for (const arrow of arrows) {
    const slope = slopes.get(key(arrow))
    if (arrow.chapter.event.fate._tag === "Lost" && slope !== undefined) {
      arrow.y2 = arrow.y1 + slope * Math.abs(arrow.x2 - arrow.x1)
    }
  }
}

const momentsOf = (events: ReadonlyArray<TraceEvent>): ReadonlyArray<Moment> =>
  events
    .flatMap(({ fate, time }, index): ReadonlyArray<Moment> => {
      const sent = { time, index, isEnd: false }
      const arrives = fate._tag !== "InFlight" && fate._tag !== "Lost"
      return arrives ? [sent, { time: fate.at, index, isEnd: true }] : [sent]
    })
    .toSorted((a, b) => a.time - b.time || a.index - b.index)

const arrowOf = (
  chapter: Chapter,
  places: ReadonlyMap<string, number>,
  left: Mapping | undefined,
  entered: Mapping | undefined
): Arrow => {
  const { fate, from, time, to } = chapter.event
  const start = places.get(from)!
  const target = to === undefined ? undefined : places.get(to)!
  const last = Math.max(...places.values())
  const loop = target === start
  const toRight = target === undefined || loop ? start < last || places.size === 1 || loop : target > start
  const sign = toRight ? 1 : -1
  // A box stands in the way at either end.
  const x1 = start + (sign * (left?.width ?? 0)) / 2
  const whole = target === undefined ? start + sign * STUB : target - (sign * (entered?.width ?? 0)) / 2
  const part =
    fate._tag === "InFlight" || (fate._tag === "Lost" && fate.at > time)
      ? LOST_ON_THE_WAY
      : fate._tag === "Lost" && target !== undefined
        ? LOST_AT_ONCE
        : 1
  return {
    chapter,
    x1,
    x2: loop ? start : x1 + (whole - x1) * part,
    y1: 0,
    y2: 0,
    span: loop ? COLUMN_WIDTH : Math.abs(whole - x1),
    toRight,
    loop
  }
}

type Mapping = Omit<Box, "x" | "y">

// Only a mapping's first packet shows it: the rest would only repeat it.
const newMappings = (events: ReadonlyArray<TraceEvent>): ReadonlyMap<number, Mapping> => {
  const known = new Set<string>()
  const boxes = new Map<number, Mapping>()
  for (const [index, { fate, packet, to }] of events.entries()) {
    if (fate._tag !== "Translated" || packet._tag === "IcmpError") continue
    for (const [before, after] of translations(packet, fate.packet)) {
      const key = (a: string, b: string) => `${to} ${packet._tag} ${a} ${b}`
      if (known.has(key(before, after)) || known.has(key(after, before))) continue
      known.add(key(before, after))
      const letters = Math.max(before.length, after.length + 2)
      const width = Math.max(BOX.width, Math.min(COLUMN_WIDTH - 100, (letters + 2) * LETTER))
      boxes.set(index, { before, after, width, title: `${to} maps ${protocolOf(packet)} ${before} to ${after}` })
    }
  }
  return boxes
}
