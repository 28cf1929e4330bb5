/**
 * Looking at what happened on a network: a trace as text, as a capture file, as a picture.
 *
 *     Trace.toText(world.trace)     lines for people, and to compare runs
 *     Trace.toPcapng(world.trace)   a file for Wireshark
 *     Trace.toSvg(world.trace)      a sequence picture
 */
import * as Pcapng from "./pcapng.ts"
import * as Svg from "./svg.ts"
import * as Text from "./text.ts"
import type { TraceEvent } from "./TraceEvent.ts"

export type { Fate, TraceEvent } from "./TraceEvent.ts"

export type PcapngOptions = Pcapng.Options
export type SvgOptions = Svg.Options

/** A heading, and a line for each packet on each hop. */
export const toText: (events: ReadonlyArray<TraceEvent>) => string = Text.format

/** The same lines without heading and line ends. */
export const toLines: (events: ReadonlyArray<TraceEvent>) => ReadonlyArray<string> = Text.lines

/** The bytes of a pcapng file: an interface for each network, what became of each packet in its comment. */
export const toPcapng: (events: ReadonlyArray<TraceEvent>, options?: PcapngOptions) => Uint8Array = Pcapng.write

/** The text of an SVG file: nodes as columns, packets as arrows in time. */
export const toSvg: (events: ReadonlyArray<TraceEvent>, options?: SvgOptions) => string = Svg.write
