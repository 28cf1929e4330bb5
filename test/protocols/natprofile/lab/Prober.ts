/** Runs probe plans in the internet of these tests, as the I/O layer will: event by event, deciding nothing. */
import * as NetAddress from "effect/net/NetAddress"
import { contacted, contactPlan, settledAt } from "../../../../src/protocols/natprofile/contact.ts"
import { measurePlan, samplesUntil } from "../../../../src/protocols/natprofile/measure.ts"
import type { Plan, Probe, Route, StunServer } from "../../../../src/protocols/natprofile/Plan.ts"
import type { NatObservation, Outcome, Transport } from "../../../../src/schemas/NatObservation.ts"
import type { End } from "./Box.ts"
import type { Answer, Internet } from "./Internet.ts"

const inet = ({ ip, port }: End): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(ip), port)

const endOf = (address: NetAddress.InetAddress): End => ({
  ip: NetAddress.formatIp(address.address),
  port: address.port
})

interface Socket {
  readonly local: End
  readonly listen: boolean
  /** Of open connections, by probe: where they lead, and the endpoint the server sees. */
  readonly connections: Map<string, { readonly dst: End; readonly ext: End }>
}

export class Prober {
  readonly observations: Array<NatObservation> = []
  readonly #net: Internet
  readonly #route: Route
  readonly #servers: ReadonlyArray<StunServer>
  readonly #sockets = new Map<string, Socket>()
  readonly #ports: Record<Transport, Set<number>> = { udp: new Set(), tcp: new Set() }
  readonly #outcomes = new Map<string, Outcome>()
  readonly #waiting: Array<{ readonly probe: Probe; readonly start: number }> = []
  #order = 0
  #running = 0
  /** When the UDP samples have all been sent. */
  #samplesUntil = 0

  constructor(net: Internet, route: Route, servers: ReadonlyArray<StunServer>) {
    this.#net = net
    this.#route = route
    this.#servers = servers
  }

  get done(): boolean {
    return this.#running === 0
  }

  /** Contact, then measurement, of one transport. */
  measure(transport: Transport): void {
    const { time } = this.#net
    const plan = contactPlan(this.#route, transport, this.#servers)
    this.#running += 1
    let measuring = false
    const look = (): void => {
      if (measuring) return
      const settled = settledAt(plan, this.observations)
      if (settled === undefined) return
      if (settled > time.now) return time.at(settled, look)
      measuring = true
      const reached = contacted(this.#route, transport, this.#servers, this.observations)
      const samplesAt = Math.max(0, this.#samplesUntil - time.now)
      const unheard = this.#servers.filter(({ id }) => !reached.some(({ server }) => server.id === id))
      const random = this.#net.random
      const next = measurePlan({ route: this.#route, transport, servers: reached, unheard, samplesAt, random })
      this.#samplesUntil = time.now + samplesUntil(next)
      this.#run(next, () => {})
      this.#running -= 1
    }
    this.#run(plan, look)
    look()
  }

  /** Any plan. */
  run(plan: Plan): void {
    this.#run(plan, () => {})
  }

  #run(plan: Plan, ended: () => void): void {
    for (const slot of plan.slots) {
      const ports = this.#ports[slot.transport]
      let port = slot.port ?? this.#anyPort()
      while (ports.has(port)) port = this.#anyPort()
      ports.add(port)
      const local = { ip: NetAddress.formatIp(slot.address), port }
      this.#sockets.set(slot.id, { local, listen: slot.listen, connections: new Map() })
    }
    const start = this.#net.time.now
    for (const probe of plan.probes) {
      this.#running += 1
      this.#net.time.at(start + probe.at, () => {
        this.#waiting.push({ probe, start })
        this.#next(ended)
      })
    }
  }

  #anyPort(): number {
    return 32_768 + Math.floor(this.#net.random() * 28_232)
  }

  // Starts what has nothing to wait for any more.
  #next(ended: () => void): void {
    for (const each of this.#waiting.slice()) {
      // The end of another one may have started it already.
      if (!this.#waiting.includes(each)) continue
      const outcomes = each.probe.after.map((id) => this.#outcomes.get(id))
      if (outcomes.some((outcome) => outcome === undefined)) continue
      this.#waiting.splice(this.#waiting.indexOf(each), 1)
      const failed = each.probe.after.find((id) => this.#outcomes.get(id)?._tag !== "Answered")
      if (failed === undefined) this.#start(each.probe, ended)
      else this.#end(each.probe, undefined, 0, 0, { _tag: "NotSent", detail: `${failed} was not answered` }, ended)
    }
  }

  #start(probe: Probe, ended: () => void): void {
    const { time } = this.#net
    const order = this.#order++
    const sentAt = time.now
    let sent = 0
    let over = false
    const finish = (outcome: Outcome): void => {
      if (over) return
      over = true
      this.#end(probe, sentAt, order, sent, outcome, ended)
    }
    const attempt = this.#attempt(probe, finish, () => time.now - sentAt)
    for (const offset of probe.transmissions) {
      time.at(sentAt + offset, () => {
        if (over) return
        sent += 1
        attempt()
      })
    }
    const last = probe.transmissions.at(-1)!
    time.at(sentAt + last + probe.wait, () => {
      finish(
        probe.test === "probe-back" ? { _tag: "ProbedBack", result: "silent" } : { _tag: "Silent", waited: probe.wait }
      )
    })
  }

  /** What to do for each transmission. */
  #attempt(probe: Probe, finish: (outcome: Outcome) => void, elapsed: () => number): () => void {
    const net = this.#net
    const socket = this.#sockets.get(probe.slot)!
    const dst = endOf(this.#target(probe))
    const answered = (answer: Answer, roundTrip: number): void => {
      if (answer.error !== undefined) return finish({ _tag: "ErrorAnswer", code: answer.error, phrase: "" })
      finish({
        _tag: "Answered",
        mapped: inet(answer.mapped),
        from: inet(answer.from),
        other: answer.other === undefined ? undefined : inet(answer.other),
        after: elapsed(),
        roundTrip
      })
    }
    if (probe.test === "hairpin") {
      const owner = probe.target._tag === "MappedOf" ? this.#slotOf(probe.target.probe) : undefined
      const hear = (at: End, from: End): void => {
        if (owner !== undefined && at.port === owner.local.port) finish({ _tag: "Arrived", from: inet(from) })
      }
      return () => net.hairpin(probe.transport, socket.local, dst, hear, () => finish({ _tag: "Refused" }))
    }
    if (probe.over !== undefined) {
      const { ext } = socket.connections.get(probe.over)!
      let reports = 0
      return () =>
        net.probeBack(
          dst,
          ext,
          probe.change,
          (at) => at.port === socket.local.port && socket.listen,
          (result) => {
            if (result === "unsupported") finish({ _tag: "ErrorAnswer", code: 420, phrase: "" })
            else if (result !== "silent" || ++reports === probe.transmissions.length)
              finish({ _tag: "ProbedBack", result })
          }
        )
    }
    if (probe.transport === "udp") {
      const mapped = probe.responsePort === undefined ? undefined : this.#outcomes.get(probe.responsePort)
      const responsePort = mapped?._tag === "Answered" ? mapped.mapped.port : undefined
      return () => {
        const sent = net.time.now
        net.ask(socket.local, dst, { change: probe.change, responsePort }, (_, answer) =>
          answered(answer, net.time.now - sent)
        )
      }
    }
    let attempts = 0
    let connected = false
    return () => {
      if (connected) return
      const mine = ++attempts
      const sent = net.time.now
      let handshake = 0
      net.dial(socket.local, dst, {
        connected: () => {
          if (mine === attempts) connected = true
          handshake = net.time.now - sent
        },
        refused: () => finish({ _tag: "Refused" }),
        answered: (answer) => {
          if (mine !== attempts) return
          socket.connections.set(probe.id, { dst, ext: answer.mapped })
          answered(answer, handshake)
        }
      })
    }
  }

  #slotOf(id: string): Socket | undefined {
    const slot = this.observations.find((each) => each.id === id)?.slot
    return slot === undefined ? undefined : this.#sockets.get(slot)
  }

  #target({ target }: Probe): NetAddress.InetAddress {
    if (target._tag === "Endpoint") return target.endpoint
    const outcome = this.#outcomes.get(target.probe)
    if (outcome?._tag !== "Answered") throw new Error(`${target.probe} is not answered`)
    return outcome.mapped
  }

  #end(
    probe: Probe,
    sentAt: number | undefined,
    order: number,
    transmissions: number,
    outcome: Outcome,
    ended: () => void
  ): void {
    const { family, id, interface: name, server, slot, test, transport } = probe
    const mapped = probe.responsePort === undefined ? undefined : this.#outcomes.get(probe.responsePort)
    this.#outcomes.set(id, outcome)
    this.observations.push({
      id,
      interface: name,
      family,
      transport,
      test,
      slot,
      server,
      local: inet(this.#sockets.get(slot)!.local),
      to: outcome._tag === "NotSent" ? undefined : this.#target(probe),
      change: probe.change,
      responsePort: mapped?._tag === "Answered" ? mapped.mapped.port : undefined,
      order,
      sentAt: sentAt ?? this.#net.time.now,
      transmissions,
      idle: probe.idle,
      outcome
    })
    this.#running -= 1
    this.#next(ended)
    ended()
  }
}
