/**
 * One packet of the picture: a line in the colour of its protocol, its label along it, and how it ended.
 */
import { detail, destination, fateText, fateTime, millis, protocolOf, source } from "../describe.ts"
import { clip, kindOf, label } from "./labels.ts"
import { type Arrow, COLUMN_WIDTH, LOOP } from "./layout.ts"
import { element, escape, path, text } from "./markup.ts"
import { LETTER } from "./style.ts"

/** From the column to the label, and from the line up to it. */
const INDENT = 10
const LIFT = 4
const HEAD = 8
const CROSS = 4

/** `crowded`: another packet comes the other way at the same time, so the label keeps to its half. */
export const draw = (arrow: Arrow, crowded: boolean): string => {
  const { chapter, loop } = arrow
  const { event } = chapter
  const kinds: Array<string> = [kindOf(event.packet)]
  if (chapter.again) kinds.push("again")
  if (event.fate._tag === "Lost" || event.fate._tag === "InFlight") kinds.push("lost")
  const parts = [element("title", {}, escape(story(arrow)))]
  parts.push(loop ? curve(arrow) : path("line", "M", arrow.x1, arrow.y1, "L", arrow.x2, arrow.y2))
  parts.push(...ending(arrow), caption(arrow, crowded))
  return element("g", { class: kinds.join(" ") }, ...parts)
}

// All there is to say, for those who point at the arrow.
const story = ({ chapter }: Arrow): string => {
  const { event } = chapter
  const { from, packet, time, to } = event
  const at = fateTime(event.fate)
  const ends = `${protocolOf(packet)} ${source(packet)} > ${destination(packet)}`
  const end = `${at === undefined ? "" : `${millis(at)} ms `}${fateText(event)}`
  return `${millis(time)} ms ${from} -> ${to ?? "nobody"}\n${ends}\n${detail(chapter)}\n${end}`
}

const curve = ({ toRight, x1, x2, y1, y2 }: Arrow): string => {
  const far = x1 + (toRight ? LOOP : -LOOP)
  return path("line", "M", x1, y1, "C", far, y1, far, y2, x2, y2)
}

const ending = (arrow: Arrow): ReadonlyArray<string> => {
  const { fate, to } = arrow.chapter.event
  const { toRight, x2, y2 } = arrow
  const back = toRight ? -1 : 1
  if (fate._tag === "InFlight") return [text(x2 - back * 6, y2 + 4, toRight ? "faint" : "faint end", "in flight")]
  if (fate._tag === "Delivered" || fate._tag === "Translated") return [head(arrow)]
  const cross = path(
    "cross",
    "M",
    x2 - CROSS,
    y2 - CROSS,
    "l",
    2 * CROSS,
    2 * CROSS,
    "m",
    0,
    -2 * CROSS,
    "l",
    -2 * CROSS,
    2 * CROSS
  )
  if (fate._tag === "Lost") {
    const reason = fate.reason === "loss" ? "lost" : fate.reason
    const side = to === undefined || toRight ? 1 : -1
    return [cross, text(x2 + side * (CROSS + 5), y2 + 4, side > 0 ? "reason" : "reason end", reason)]
  }
  const reason = fate.answered ? `${fate.reason}, answered` : fate.reason
  const room = Math.floor((COLUMN_WIDTH - 2 * INDENT) / LETTER)
  return [cross, text(x2 + back * (CROSS + 4), y2 + 13, back > 0 ? "reason" : "reason end", clip(reason, room))]
}

const head = ({ loop, toRight, x1, x2, y1, y2 }: Arrow): string => {
  const angle = loop ? (toRight ? Math.PI : 0) : Math.atan2(y2 - y1, x2 - x1)
  const corner = (turn: number): ReadonlyArray<number> => [
    x2 - HEAD * Math.cos(angle + turn),
    y2 - HEAD * Math.sin(angle + turn)
  ]
  return path("head", "M", x2, y2, "L", ...corner(0.4), "L", ...corner(-0.4), "Z")
}

const caption = (arrow: Arrow, crowded: boolean): string => {
  const { chapter, loop, span, toRight, x1, x2, y1, y2 } = arrow
  // Not past a cross on the way.
  const reach = Math.min(crowded ? span / 2 : span, loop ? span : Math.abs(x2 - x1))
  const room = Math.floor((reach - INDENT - HEAD) / LETTER)
  const content = label(chapter, room)
  const sign = toRight ? 1 : -1
  if (loop) return text(x1 + sign * (LOOP * 0.75 + 4), (y1 + y2) / 2 + 4, toRight ? "label" : "label end", content)
  const slope = (y2 - y1) / (x2 - x1)
  const x = x1 + sign * INDENT
  const y = y1 + sign * INDENT * slope - LIFT
  const angle = (Math.atan(slope) * 180) / Math.PI
  return text(x, y, toRight ? "label" : "label end", content, { transform: turn(angle, x, y) })
}

const turn = (angle: number, x: number, y: number): string | undefined =>
  Math.abs(angle) < 0.05 ? undefined : `rotate(${angle.toFixed(1)} ${x.toFixed(1)} ${y.toFixed(1)})`
