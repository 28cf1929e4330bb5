/** The internet of these tests: STUN servers, links with delay, jitter and loss, a box, and the prober behind it. */
import type { Transport } from "../../../../src/schemas/NatObservation.ts"
import type { Box, End, Flag } from "./Box.ts"
import type { Timeline } from "./timeline.ts"

export interface ServerRules {
  readonly id: string
  readonly ips: readonly [string, string]
  readonly ports: readonly [number, number]
  readonly udp: boolean
  readonly tcp: boolean
  /** OTHER-ADDRESS as it is named; `undefined` for a server with one address that names none. */
  readonly other: End | undefined
  /** Whether CHANGE-REQUEST is obeyed: from its other endpoint, from the same one all the same, refused, or not answered. */
  readonly change: "obeys" | "ignores" | "refuses" | "silent"
  readonly responsePort: boolean
  readonly probeBack: boolean
  /** The address it sees us at, if it lies. */
  readonly sees?: string | undefined
}

export interface LinkRules {
  /** One way, in milliseconds. */
  readonly latency: number
  readonly jitter: number
  /** Of packets in one direction. */
  readonly loss: number
  /** Share of the lost packets to the internet that do not get as far as the box. */
  readonly lossInside: number
  /** Between the host and the box, up to this many milliseconds more: packets overtake each other there. Default 0. */
  readonly insideJitter?: number | undefined
  /** New mappings a second by other programs, each transport. */
  readonly noise: number
}

export interface Answer {
  readonly from: End
  readonly mapped: End
  readonly other: End | undefined
  readonly error: number | undefined
}

export interface Request {
  readonly change: { readonly address: boolean; readonly port: boolean }
  readonly responsePort: number | undefined
}

/** To the box and through it is at once. */
const LAN_MS = 0.2
/** A segment on an open connection is sent again after this long, then twice that (RFC 6298). */
const RTO_MS = 200
const PROBE_BACK_MS = 250

export class Internet {
  readonly time: Timeline
  readonly box: Box
  readonly link: LinkRules
  readonly servers: ReadonlyArray<ServerRules>
  readonly random: () => number

  constructor(time: Timeline, box: Box, link: LinkRules, servers: ReadonlyArray<ServerRules>, random: () => number) {
    this.time = time
    this.box = box
    this.link = link
    this.servers = servers
    this.random = random
    if (link.noise > 0) for (const transport of ["udp", "tcp"] as const) this.#disturb(transport)
  }

  /** A UDP request; `hear` is called for each answer that arrives at an inside endpoint. */
  ask(src: End, dst: End, request: Request, hear: (at: End, answer: Answer) => void): void {
    this.#out("udp", src, dst, "ack", (ext) => {
      const found = this.#serverAt(dst)
      if (found === undefined || !found.server.udp) return
      const answer = this.#answer(found.server, found.address, found.port, ext, request)
      if (answer === undefined) return
      const to = { ip: ext.ip, port: request.responsePort ?? ext.port }
      this.#in("udp", answer.from, to, "ack", (at) => hear(at, answer))
    })
  }

  /** A datagram to one's own external endpoint. */
  hairpin(transport: Transport, src: End, dst: End, hear: (at: End, from: End) => void, refused: () => void): void {
    const out = this.box.out(transport, src, dst, "syn", this.time.now)
    if (out === "rst") this.time.after(2 * LAN_MS, refused)
    if (typeof out === "object" && out.to === "inside") this.time.after(2 * LAN_MS, () => hear(out.dst, out.src))
  }

  /** Dials a server and asks it; the connection is known by the endpoint the server sees. */
  dial(
    src: End,
    dst: End,
    done: { connected: () => void; refused: () => void; answered: (answer: Answer) => void }
  ): void {
    const connect = (ext: End): void => {
      const found = this.#serverAt(dst)
      if (found === undefined) return
      if (!found.server.tcp) return this.#in("tcp", dst, ext, "ack", done.refused)
      this.#in("tcp", dst, ext, "syn-ack", () => {
        done.connected()
        this.box.out("tcp", src, dst, "ack", this.time.now)
        this.#reliably(2, () => {
          const answer = this.#answer(found.server, found.address, found.port, ext, {
            change: { address: false, port: false },
            responsePort: undefined
          })
          if (answer !== undefined) done.answered(answer)
        })
      })
    }
    this.#out("tcp", src, dst, "syn", connect, done.refused)
  }

  /** Over an open connection: the server dials `ext` from elsewhere and reports. */
  probeBack(
    dst: End,
    ext: End,
    change: Request["change"],
    isListening: (at: End) => boolean,
    report: (result: "connected" | "refused" | "unreachable" | "silent" | "unsupported") => void
  ): void {
    this.#reliably(1, () => {
      const found = this.#serverAt(dst)!
      if (!found.server.probeBack) return this.#reliably(1, () => report("unsupported"))
      let over = false
      const end = (result: "connected" | "refused" | "unreachable" | "silent"): void => {
        if (over) return
        over = true
        this.#reliably(1, () => report(result))
      }
      this.time.after(PROBE_BACK_MS, () => end("silent"))
      const { ips, ports } = found.server
      const from = {
        ip: ips[change.address ? 1 - found.address : found.address]!,
        port: ports[change.port ? 1 - found.port : found.port]! + 1
      }
      if (this.#lost()) return
      this.time.after(this.#delay(), () => {
        const verdict = this.box.in("tcp", from, ext, "syn", this.time.now)
        const answer = typeof verdict === "object" ? (isListening(verdict.dst) ? "connected" : "refused") : verdict
        const words = { connected: "connected", refused: "refused", rst: "refused", icmp: "unreachable" } as const
        if (answer === "drop" || this.#lost()) return
        this.time.after(this.#delay(), () => end(words[answer]))
      })
    })
  }

  #answer(server: ServerRules, address: number, port: number, ext: End, request: Request): Answer | undefined {
    const { change, responsePort } = request
    const own = { ip: server.ips[address]!, port: server.ports[port]! }
    const mapped = { ip: server.sees ?? ext.ip, port: ext.port }
    const base = { from: own, mapped, other: server.other, error: undefined }
    if (responsePort !== undefined && !server.responsePort) return { ...base, error: 420 }
    if (!change.address && !change.port) return base
    switch (server.change) {
      case "ignores":
        return base
      case "refuses":
        return { ...base, error: 420 }
      case "silent":
        return undefined
      case "obeys":
        return {
          ...base,
          from: {
            ip: server.ips[change.address ? 1 - address : address]!,
            port: server.ports[change.port ? 1 - port : port]!
          }
        }
    }
  }

  #serverAt(end: End): { readonly server: ServerRules; readonly address: number; readonly port: number } | undefined {
    for (const server of this.servers) {
      const address = server.ips.indexOf(end.ip)
      const port = server.ports.indexOf(end.port)
      if (address >= 0 && port >= 0) return { server, address, port }
    }
    return undefined
  }

  #out(
    transport: Transport,
    src: End,
    dst: End,
    flag: Flag,
    arrive: (ext: End) => void,
    refused: () => void = () => {}
  ): void {
    const lost = this.#lost()
    if (lost && this.random() < this.link.lossInside) return
    this.time.after(LAN_MS + this.random() * (this.link.insideJitter ?? 0), () => {
      const out = this.box.out(transport, src, dst, flag, this.time.now)
      if (out === "rst") refused()
      if (typeof out === "object" && out.to === "outside" && !lost)
        this.time.after(this.#delay(), () => arrive(out.src))
    })
  }

  #in(transport: Transport, src: End, dst: End, flag: Flag, arrive: (at: End) => void): void {
    if (this.#lost()) return
    this.time.after(this.#delay(), () => {
      const verdict = this.box.in(transport, src, dst, flag, this.time.now)
      if (typeof verdict === "object") arrive(verdict.dst)
    })
  }

  // Segments of an open connection arrive in the end; each loss costs a timeout.
  #reliably(trips: number, arrive: () => void): void {
    let delay = 0
    for (let trip = 0; trip < trips; trip++) {
      for (let timeout = RTO_MS; this.#lost(); timeout *= 2) delay += timeout
      delay += this.#delay()
    }
    this.time.after(delay, arrive)
  }

  #lost(): boolean {
    return this.random() < this.link.loss
  }

  #delay(): number {
    return this.link.latency + this.random() * this.link.jitter
  }

  #disturb(transport: Transport): void {
    this.time.after((-Math.log(1 - this.random()) * 1000) / this.link.noise, () => {
      const src = { ip: "192.168.1.77", port: 32_768 + Math.floor(this.random() * 28_232) }
      const dst = { ip: `198.18.0.${Math.floor(this.random() * 250) + 1}`, port: 443 }
      this.box.out(transport, src, dst, "syn", this.time.now)
      this.#disturb(transport)
    })
  }
}
