/**
 * The mappings and flows of one transport (UDP, TCP or echo) at one device: who is translated to what, and who may send in.
 *
 * Every packet costs one look-up of its flow by both endpoints; the mapping rules run for the first packet of a flow only.
 * An echo's identifier stands for the inside port and 0 for the remote one.
 */
import type { OnClose } from "../../schemas/NatDevice.ts"
import type { Ip } from "../packet/Ip.ts"
import { RST } from "../packet/IpPacket.ts"
import { Flow, Mapping, Queue } from "./Flow.ts"
import type { Ledger } from "./Ledger.ts"
import { choosePort } from "./ports.ts"
import type { TableRules } from "./TableRules.ts"
import * as Tracking from "./tracking.ts"
import type { Reason } from "./Verdict.ts"

const endpointKey = (ip: Ip, port: number): string => `${ip}:${port}`

const flowKey = (ip: Ip, port: number, remote: Ip, remotePort: number): string =>
  `${ip}:${port}>${remote}:${remotePort}`

export class Table {
  readonly rules: TableRules
  readonly queues: readonly [Queue, Queue, Queue]
  readonly #ledger: Ledger
  /** Flows by inside endpoint and remote, and by outside endpoint and remote. */
  readonly #sent = new Map<string, Flow>()
  readonly #received = new Map<string, Flow>()
  /** Mappings by what their rule looks at: the inside endpoint and as much of the remote one. With overloading the newest. */
  readonly #byInside = new Map<string, Mapping>()
  /** Mappings by outside endpoint; with overloading only the fixed ones, which have theirs to themselves. */
  readonly #byOutside = new Map<string, Mapping>()
  /** Fixed mappings by inside endpoint. */
  readonly #fixed = new Map<string, Mapping>()
  /** When the first of them ends. */
  #fixedDue = Infinity
  readonly #last = { insidePort: -1, outsidePort: -1 }

  constructor(rules: TableRules, ledger: Ledger) {
    this.rules = rules
    this.#ledger = ledger
    this.queues = [new Queue(rules.timeouts[0]), new Queue(rules.timeouts[1]), new Queue(rules.timeouts[2])]
  }

  /** A packet from inside. `flags` are those of a TCP segment, else 0. */
  send(
    src: Ip,
    srcPort: number,
    dst: Ip,
    dstPort: number,
    flags: number,
    now: number,
    random: () => number
  ): Mapping | Reason {
    const key = flowKey(src, srcPort, dst, dstPort)
    const known = this.#sent.get(key)
    if (known !== undefined) {
      this.#keep(known)
      this.#track(known, true, flags, now)
      return known.mapping
    }
    const { remotePorts, tcp, pickup } = this.rules
    if (remotePorts !== undefined && !remotePorts.includes(dstPort)) return "remote port not allowed"
    if (tcp && !Tracking.opens(flags, pickup)) return "no flow"
    if (!this.#ledger.hasRoom()) return "table full"
    const mapping = this.#mappingFor(src, srcPort, dst, dstPort, key, random)
    if (typeof mapping === "string") return mapping
    const outsideKey = flowKey(mapping.outside, mapping.outsidePort, dst, dstPort)
    if (this.#received.has(outsideKey)) return "no free port"
    this.#ledger.makeRoom(mapping)
    const flow = this.#add(mapping, dst, dstPort, key, outsideKey, now)
    this.#keep(flow)
    this.#track(flow, true, flags, now)
    return mapping
  }

  /** A packet from outside; gives the mapping it may enter by. */
  receive(dst: Ip, dstPort: number, src: Ip, srcPort: number, flags: number, now: number): Mapping | Reason {
    const key = flowKey(dst, dstPort, src, srcPort)
    const known = this.#received.get(key)
    if (known !== undefined && known.keeps) {
      this.#track(known, false, flags, now)
      return isStranger(known) ? "no mapping" : known.mapping
    }
    const mapping = this.#byOutside.get(endpointKey(dst, dstPort))
    if (mapping === undefined) return "no mapping"
    if (mapping.fixedUntil === 0 && !this.#admits(mapping, src)) return "filtered"
    if (known !== undefined) {
      this.#track(known, false, flags, now)
      return mapping
    }
    if (this.rules.tcp && !Tracking.opens(flags, this.rules.pickup)) return "no flow"
    const insideKey = flowKey(mapping.inside, mapping.insidePort, src, srcPort)
    // The same two hosts talk over another mapping already: this packet is delivered, and leaves no trace.
    if (this.#sent.has(insideKey)) return mapping
    if (!this.#ledger.hasRoom()) return "table full"
    this.#ledger.makeRoom(mapping)
    const flow = this.#add(mapping, src, srcPort, insideKey, key, now)
    if (this.rules.refreshInbound) this.#keep(flow)
    this.#track(flow, false, flags, now)
    // The room was made at the cost of the mapping's last keeper: this packet was the last to enter by it.
    if (mapping.keepers === 0 && mapping.fixedUntil === 0) this.#remove(mapping)
    return mapping
  }

  /** An unsolicited datagram was answered by the device itself: its endpoints are in use for a while. */
  holdPort(dst: Ip, dstPort: number, src: Ip, srcPort: number, now: number): void {
    const key = flowKey(dst, dstPort, src, srcPort)
    if (this.#received.has(key) || !this.#ledger.hasRoom()) return
    const own = new Mapping(dst, dstPort, dst, dstPort, STRANGER, key)
    this.#ledger.makeRoom(own)
    const flow = this.#add(own, src, srcPort, key, key, now)
    this.#keep(flow)
    this.#track(flow, false, 0, now)
  }

  /** The flow an ICMP error from outside is about, by the packet it quotes; nothing is refreshed (RFC 5508 REQ-6). */
  received(outside: Ip, outsidePort: number, remote: Ip, remotePort: number): Mapping | undefined {
    const flow = this.#received.get(flowKey(outside, outsidePort, remote, remotePort))
    return flow === undefined || isStranger(flow) ? undefined : flow.mapping
  }

  /** The flow an ICMP error from inside is about. */
  sent(inside: Ip, insidePort: number, remote: Ip, remotePort: number): Mapping | undefined {
    return this.#sent.get(flowKey(inside, insidePort, remote, remotePort))?.mapping
  }

  /** Forgets a flow, and its mapping when nothing keeps that any more. */
  forget(flow: Flow): void {
    const { mapping } = flow
    this.#detach(flow)
    if (mapping.keepers === 0 && mapping.fixedUntil === 0) this.#remove(mapping)
  }

  /** Ends what has come to its time: unused flows, each looked at once, and fixed mappings. */
  expire(now: number): void {
    for (const queue of this.queues) {
      for (let flow = queue.head; flow !== undefined && flow.expiresAt <= now; flow = queue.head) this.forget(flow)
    }
    if (now < this.#fixedDue) return
    this.#fixedDue = Infinity
    for (const mapping of this.#fixed.values()) {
      if (mapping.fixedUntil <= now) this.#release(mapping)
      else this.#fixedDue = Math.min(this.#fixedDue, mapping.fixedUntil)
    }
  }

  /**
   * Fixes a mapping until `until`: the one its inside endpoint has already, or a new one to `outsidePort`; -1 leaves the
   * choice to the device, and where ports stand still there is none.
   */
  fix(inside: Ip, insidePort: number, outsidePort: number, until: number, random: () => number): Mapping | Reason {
    const insideKey = endpointKey(inside, insidePort)
    const fixed = this.#fixed.get(insideKey)
    const current = fixed ?? (this.rules.overloading ? undefined : this.#byInside.get(insideKey))
    const wanted = this.rules.translation === "port" ? outsidePort : -1
    if (current !== undefined && (wanted < 0 || wanted === current.outsidePort)) {
      this.#fix(current, insideKey, until)
      return current
    }
    if (fixed !== undefined) return "no free port"
    if (!this.#mayTakePort(inside)) return "port quota reached"
    const outside = this.#addressFor(inside, random)
    if (outside === undefined) return "no external address"
    const port = wanted >= 0 ? wanted : this.#choose(outside, insidePort, undefined, random)
    const outsideKey = port === undefined ? "" : endpointKey(outside, port)
    if (port === undefined || this.#byOutside.has(outsideKey)) return "no free port"
    const mapping = new Mapping(inside, insidePort, outside, port, insideKey, outsideKey)
    this.#fix(mapping, insideKey, until)
    this.#byOutside.set(outsideKey, mapping)
    if (this.rules.translation === "port") this.#ledger.takePort(inside, outside)
    return mapping
  }

  /** Ends a fixed mapping; what flows over it goes on as over any other. False where there is none. */
  unfix(inside: Ip, insidePort: number): boolean {
    const mapping = this.#fixed.get(endpointKey(inside, insidePort))
    if (mapping !== undefined) this.#release(mapping)
    return mapping !== undefined
  }

  /** Every mapping there is, in no order. */
  mappings(): ReadonlyArray<Mapping> {
    const all = new Set(this.#byOutside.values())
    for (const flow of this.#received.values()) if (!isStranger(flow)) all.add(flow.mapping)
    return [...all]
  }

  // The mapping a new flow takes, which may be a new one; `flow` is the flow's key.
  #mappingFor(
    src: Ip,
    srcPort: number,
    dst: Ip,
    dstPort: number,
    flow: string,
    random: () => number
  ): Mapping | Reason {
    const insideKey = endpointKey(src, srcPort)
    const fixed = this.#fixed.get(insideKey)
    if (fixed !== undefined) return fixed
    const { overloading, mapping: rule } = this.rules
    const key =
      overloading || rule === "endpoint-independent"
        ? insideKey
        : rule === "address-dependent"
          ? `${insideKey}>${dst}`
          : flow
    const current = this.#byInside.get(key)
    if (current !== undefined && !overloading) return current
    if (!this.#mayTakePort(src)) return "port quota reached"
    const outside = this.#addressFor(src, random)
    if (outside === undefined) return "no external address"
    const port = this.#choose(outside, srcPort, { dst, dstPort, again: current?.outsidePort ?? -1 }, random)
    if (port === undefined) return "no free port"
    const mapping = new Mapping(src, srcPort, outside, port, key, endpointKey(outside, port))
    if (current !== undefined) {
      mapping.older = current
      current.newer = mapping
    }
    this.#byInside.set(key, mapping)
    if (!overloading) this.#byOutside.set(mapping.outsideKey, mapping)
    if (this.rules.translation === "port") this.#ledger.takePort(src, outside)
    return mapping
  }

  #mayTakePort(inside: Ip): boolean {
    return this.rules.translation !== "port" || this.#ledger.mayTakePort(inside)
  }

  #addressFor(inside: Ip, random: () => number): Ip | undefined {
    switch (this.rules.translation) {
      case "none":
        return inside
      case "address":
        return this.#ledger.ownedBy(inside)
      case "port":
        return this.#ledger.addressFor(inside, random)
    }
  }

  #choose(
    outside: Ip,
    insidePort: number,
    remote: { readonly dst: Ip; readonly dstPort: number; readonly again: number } | undefined,
    random: () => number
  ): number | undefined {
    if (this.rules.translation !== "port") return insidePort
    const shared = this.rules.overloading ? remote : undefined
    const taken = (port: number): boolean =>
      this.#byOutside.has(endpointKey(outside, port)) ||
      (shared !== undefined && this.#received.has(flowKey(outside, port, shared.dst, shared.dstPort)))
    const port = choosePort(this.rules, this.#last, insidePort, shared?.again ?? -1, random, taken)
    if (port !== undefined) {
      this.#last.insidePort = insidePort
      this.#last.outsidePort = port
    }
    return port
  }

  #admits(mapping: Mapping, src: Ip): boolean {
    switch (this.rules.filtering) {
      case "open":
      case "endpoint-independent":
        return true
      case "address-dependent":
        return mapping.remotes?.has(src) === true
      case "address-and-port-dependent":
        return false
    }
  }

  #add(mapping: Mapping, remote: Ip, remotePort: number, insideKey: string, outsideKey: string, now: number): Flow {
    const flow = new Flow(this, mapping, remote, remotePort, insideKey, outsideKey)
    this.#sent.set(insideKey, flow)
    this.#received.set(outsideKey, flow)
    flow.join()
    this.queues[0].use(flow, now)
    this.#ledger.flows += 1
    return flow
  }

  #keep(flow: Flow): void {
    if (flow.keeps) return
    flow.keeps = true
    flow.mapping.keepers += 1
    if (this.rules.filtering !== "address-dependent") return
    const remotes = (flow.mapping.remotes ??= new Map())
    remotes.set(flow.remote, (remotes.get(flow.remote) ?? 0) + 1)
  }

  #track(flow: Flow, outbound: boolean, flags: number, now: number): void {
    const { rules } = this
    const before = flow.seen
    flow.seen = rules.tcp ? Tracking.segment(before, outbound, flags) : Tracking.datagram(before, outbound)
    if (rules.tcp) {
      const end = flags & RST ? this.#onReset(before) : Tracking.isFinished(flow.seen) ? rules.onFinish : "keep"
      if (end === "flow" || (end === "mapping" && flow.mapping.fixedUntil > 0)) return this.forget(flow)
      if (end === "mapping") return this.#remove(flow.mapping)
    }
    if (!outbound && !rules.refreshInbound) return
    const state = rules.tcp ? Tracking.segmentState(flow.seen) : Tracking.datagramState(flow.seen)
    this.queues[state].use(flow, now)
  }

  #onReset(before: number): OnClose {
    const { onReset } = this.rules
    return onReset === "flow-if-unanswered" ? (Tracking.isAnswered(before) ? "keep" : "flow") : onReset
  }

  #detach(flow: Flow): void {
    const { mapping } = flow
    flow.queue?.remove(flow)
    this.#sent.delete(flow.insideKey)
    this.#received.delete(flow.outsideKey)
    flow.leave()
    this.#ledger.flows -= 1
    if (!flow.keeps) return
    mapping.keepers -= 1
    const left = (mapping.remotes?.get(flow.remote) ?? 0) - 1
    if (left > 0) mapping.remotes?.set(flow.remote, left)
    else mapping.remotes?.delete(flow.remote)
  }

  #remove(mapping: Mapping): void {
    while (mapping.flows !== undefined) this.#detach(mapping.flows)
    if (mapping.insideKey === STRANGER) return
    const { newer, older } = mapping
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else if (this.#byInside.get(mapping.insideKey) === mapping) {
      if (older === undefined) this.#byInside.delete(mapping.insideKey)
      else this.#byInside.set(mapping.insideKey, older)
    }
    if (this.#byOutside.get(mapping.outsideKey) === mapping) this.#byOutside.delete(mapping.outsideKey)
    if (this.rules.translation === "port") this.#ledger.releasePort(mapping.inside)
  }

  #fix(mapping: Mapping, insideKey: string, until: number): void {
    mapping.fixedUntil = until
    this.#fixed.set(insideKey, mapping)
    this.#fixedDue = Math.min(this.#fixedDue, until)
  }

  // A fixed mapping becomes an ordinary one: it lives by its flows, if it has any.
  #release(mapping: Mapping): void {
    const insideKey = endpointKey(mapping.inside, mapping.insidePort)
    mapping.fixedUntil = 0
    this.#fixed.delete(insideKey)
    if (mapping.keepers === 0) this.#remove(mapping)
    else if (this.rules.overloading) this.#byOutside.delete(mapping.outsideKey)
    else if (this.rules.mapping === "endpoint-independent" && !this.#byInside.has(insideKey)) {
      this.#byInside.set(insideKey, mapping)
    }
  }
}

// The inside key of the device's own conversations with strangers: see `holdPort`.
const STRANGER = ""

const isStranger = (flow: Flow): boolean => flow.mapping.insideKey === STRANGER
