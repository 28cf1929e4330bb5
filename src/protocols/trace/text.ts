/**
 * A trace as text: a line for each packet on each hop, in columns.
 *
 *     time ms  from  -> to         packet                                            at ms  fate
 *       0.000  alice -> alice-nat  UDP  192.168.1.2:5000 > 11.0.0.3:3478  len 5      0.100  translated 192.168.1.2:5000 -> 11.0.0.1:5000
 *
 * The first time is that of sending, the second that of the fate. TCP's numbers count from the start of the connection.
 * Equal traces give equal text, so it serves to compare runs.
 */
import * as Describe from "./describe.ts"
import { tell } from "./story.ts"
import type { TraceEvent } from "./TraceEvent.ts"

/** The lines, without a heading. */
export const lines = (events: ReadonlyArray<TraceEvent>): ReadonlyArray<string> => layOut(events).lines

/** Heading and lines, each with a line end. */
export const format = (events: ReadonlyArray<TraceEvent>): string => {
  const { heading, lines } = layOut(events)
  return `${[heading, ...lines].join("\n")}\n`
}

interface Cells {
  readonly time: string
  readonly from: string
  readonly to: string
  readonly protocol: string
  readonly source: string
  readonly destination: string
  readonly detail: string
  readonly at: string
  readonly fate: string
}

const layOut = (events: ReadonlyArray<TraceEvent>): { heading: string; lines: ReadonlyArray<string> } => {
  const rows = tell(events).map((chapter): Cells => {
    const { fate, from, packet, time, to } = chapter.event
    const at = Describe.fateTime(fate)
    return {
      time: Describe.millis(time),
      from,
      to: to ?? "nobody",
      protocol: Describe.protocolOf(packet),
      source: Describe.source(packet),
      destination: Describe.destination(packet),
      detail: Describe.detail(chapter),
      at: at === undefined ? "" : Describe.millis(at),
      fate: Describe.fateText(chapter.event)
    }
  })
  const widths = {
    time: widest(rows, "time", TIME.length),
    from: widest(rows, "from"),
    to: widest(rows, "to"),
    source: widest(rows, "source"),
    destination: widest(rows, "destination"),
    detail: widest(rows, "detail", 0, MAX_DETAIL),
    at: widest(rows, "at", AT.length)
  }
  const write = (time: string, ends: string, packet: string, at: string, fate: string): string => {
    const width = 4 + widths.from + widths.to
    const packetWidth = 5 + widths.source + 3 + widths.destination + 2 + widths.detail
    return [time.padStart(widths.time), ends.padEnd(width), packet.padEnd(packetWidth), at.padStart(widths.at), fate]
      .join("  ")
      .trimEnd()
  }
  return {
    heading: write(TIME, `${"from".padEnd(widths.from)} -> to`, "packet", AT, "fate"),
    lines: rows.map((row) =>
      write(
        row.time,
        `${row.from.padEnd(widths.from)} -> ${row.to}`,
        `${row.protocol.padEnd(4)} ${row.source.padEnd(widths.source)} > ${row.destination.padEnd(widths.destination)}  ${row.detail}`,
        row.at,
        row.fate
      )
    )
  }
}

const TIME = "time ms"
const AT = "at ms"

/** An ICMP error says more than this; its own fate stands further right then, not everybody's. */
const MAX_DETAIL = 48

const widest = (rows: ReadonlyArray<Cells>, column: keyof Cells, least = 0, most = Infinity): number =>
  Math.min(
    most,
    rows.reduce((width, row) => Math.max(width, row[column].length), least)
  )
