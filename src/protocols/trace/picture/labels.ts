/**
 * What stands at an arrow: as much about the packet as there is room for.
 */
import { flagNames, type IpPacket } from "../../packet/IpPacket.ts"
import { echoName, errorName, preview } from "../describe.ts"
import type { Chapter } from "../story.ts"

/** Characters of `text` at most, the last one "…" if some are left out. */
export const clip = (text: string, characters: number): string =>
  text.length <= characters ? text : `${text.slice(0, Math.max(0, characters - 1))}…`

/** The fullest label of at most this many characters. */
export const label = (chapter: Chapter, characters: number): string => {
  const mark = `${chapter.again ? "↻ " : ""}${chapter.event.duplicate ? "copy " : ""}`
  const variants = variantsOf(chapter).map((variant) => mark + variant)
  return variants.find((variant) => variant.length <= characters) ?? clip(variants.at(-1)!, characters)
}

const variantsOf = ({ event, seq }: Chapter): ReadonlyArray<string> => {
  const { packet } = event
  switch (packet._tag) {
    case "Udp": {
      const text = preview(packet.payload)
      const ports = `${packet.srcPort}→${packet.dstPort}`
      const length = `len ${packet.payload.length}`
      return text === undefined
        ? [`${ports} ${length}`, ports]
        : [`${ports} ${text}`, text, `${ports} ${length}`, ports]
    }
    case "Tcp": {
      const flags = flagNames(packet.flags)
      const ports = `${packet.srcPort}→${packet.dstPort}`
      const length = packet.payload.length
      if (length === 0) return [`${flags} ${ports}`, flags]
      const text = preview(packet.payload)
      const data = `${flags} seq ${seq} len ${length}`
      const short = [`${flags} ${ports} seq ${seq} len ${length}`, data, `${flags} len ${length}`, flags]
      return text === undefined ? short : [`${data} ${text}`, `${flags} ${text}`, ...short]
    }
    case "Echo":
      return [echoName(packet), packet.kind]
    case "IcmpError":
      return [errorName(packet)]
  }
}

export const kindOf = (packet: IpPacket): "udp" | "tcp" | "icmp" =>
  packet._tag === "Udp" ? "udp" : packet._tag === "Tcp" ? "tcp" : "icmp"
