/** What stands between the prober and the internet in these tests, and a small NAT of our own that plays it. */
import type { Dependence } from "../../../../src/schemas/NatDevice.ts"
import type { Transport } from "../../../../src/schemas/NatObservation.ts"
import type { DeltaKind, Unsolicited } from "../../../../src/schemas/NatProfile.ts"

export interface End {
  readonly ip: string
  readonly port: number
}

/** `syn` opens a TCP connection, `ack` is everything else. */
export type Flag = "syn" | "syn-ack" | "ack"

/** Where an inside packet ends up: outside with this source, inside again (hairpinned), answered, or nowhere. */
export type Out =
  | { readonly to: "outside"; readonly src: End }
  | { readonly to: "inside"; readonly src: End; readonly dst: End }
  | Unsolicited

export type In = { readonly to: "inside"; readonly dst: End } | Unsolicited

export interface Box {
  readonly out: (transport: Transport, src: End, dst: End, flag: Flag, now: number) => Out
  readonly in: (transport: Transport, src: End, dst: End, flag: Flag, now: number) => In
}

/** A NAT, or with `translated: false` a firewall. */
export interface Rules {
  readonly translated: boolean
  readonly mapping: Dependence
  readonly filtering: Dependence
  readonly delta: { readonly kind: DeltaKind; readonly step: number }
  readonly range: readonly [number, number]
  readonly unsolicited: Unsolicited
  readonly hairpin: boolean
  readonly blocked: boolean
}

interface Mapping {
  readonly inside: End
  readonly port: number
  readonly sent: Set<string>
}

const key = ({ ip, port }: End): string => `${ip}:${port}`

const scope = (rule: Dependence, end: End): string =>
  rule === "endpoint-independent" ? "" : rule === "address-dependent" ? end.ip : key(end)

/** The mapping made last, which counted ports go on from. */
interface Counter {
  last: { readonly inside: number; readonly outside: number } | undefined
}

/** One transport of a NAT, written from the words of RFC 4787 and nothing else. */
class Table {
  readonly #rules: Rules
  readonly #random: () => number
  readonly #mappings = new Map<string, Mapping>()
  readonly #taken = new Map<string, Mapping>()
  readonly #counter: Counter

  constructor(rules: Rules, random: () => number, counter: Counter) {
    this.#rules = rules
    this.#random = random
    this.#counter = counter
  }

  send(src: End, dst: End): Mapping {
    const id = `${key(src)}>${scope(this.#rules.mapping, dst)}`
    let mapping = this.#mappings.get(id)
    if (mapping === undefined) {
      const port = this.#choose(src.port)
      this.#counter.last = { inside: src.port, outside: port }
      mapping = { inside: src, port, sent: new Set() }
      this.#mappings.set(id, mapping)
      this.#taken.set(this.#outside({ ip: src.ip, port }), mapping)
    }
    mapping.sent.add(scope(this.#rules.filtering, dst))
    return mapping
  }

  receive(dst: End, src: End): Mapping | undefined {
    const mapping = this.#taken.get(this.#outside(dst))
    return mapping?.sent.has(scope(this.#rules.filtering, src)) ? mapping : undefined
  }

  // Behind a firewall every host has all ports.
  #outside({ ip, port }: End): string {
    return this.#rules.translated ? String(port) : `${ip}:${port}`
  }

  #choose(inside: number): number {
    const { delta, range, translated } = this.#rules
    const [low, high] = range
    const size = high - low + 1
    const wrap = (port: number): number => low + ((((port - low) % size) + size) % size)
    const any = (): number => low + Math.floor(this.#random() * size)
    const free = (wanted: number, otherwise: () => number): number => {
      for (let port = wanted; ; port = otherwise()) if (!this.#taken.has(String(port))) return port
    }
    if (!translated) return inside
    const last = this.#counter.last
    const next = (): number => {
      let port = wrap(last!.outside + delta.step)
      while (this.#taken.has(String(port))) port = wrap(port + Math.sign(delta.step))
      return port
    }
    switch (delta.kind) {
      case "equal":
        return inside >= low && inside <= high ? free(inside, any) : free(any(), any)
      case "preserving":
        return free(wrap(inside + delta.step), any)
      case "independent":
        return last === undefined ? any() : next()
      case "dependent":
        return last !== undefined && inside === last.inside + 1 ? next() : free(any(), any)
      case "random":
        return free(any(), any)
    }
  }
}

/** With `shared` both transports count on from the same mapping. */
export const toyBox = (
  rules: Record<Transport, Rules>,
  external: string,
  random: () => number,
  shared = false
): Box => {
  const counter: Counter = { last: undefined }
  const other: Counter = shared ? counter : { last: undefined }
  const tables = { udp: new Table(rules.udp, random, counter), tcp: new Table(rules.tcp, random, other) }
  const outside = (transport: Transport, src: End, port: number): End =>
    rules[transport].translated ? { ip: external, port } : src
  return {
    out: (transport, src, dst) => {
      if (rules[transport].blocked) return "drop"
      const mapping = tables[transport].send(src, dst)
      const from = outside(transport, src, mapping.port)
      if (!rules[transport].translated || dst.ip !== external) return { to: "outside", src: from }
      const owner = rules[transport].hairpin ? tables[transport].receive(dst, from) : undefined
      return owner === undefined ? "drop" : { to: "inside", src: from, dst: owner.inside }
    },
    in: (transport, src, dst) => {
      if (rules[transport].blocked) return "drop"
      const mapping = tables[transport].receive(dst, src)
      if (mapping !== undefined) return { to: "inside", dst: mapping.inside }
      return rules[transport].unsolicited
    }
  }
}
