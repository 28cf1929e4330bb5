/**
 * What a NAT remembers. A *mapping* ties an inside endpoint to an outside one; a *flow* is one remote endpoint talking over
 * a mapping. A mapping lives while a flow keeps it alive, or while it is fixed (added by hand or by a port-mapping
 * protocol).
 *
 * Flows wait in one queue for each timeout. A queue's timeout is one number, so a flow that is used goes to its end and
 * the first to expire is always at its head: using, adding and expiring a flow cost the same however many there are.
 */
import type { Ip } from "../packet/Ip.ts"
import type { Table } from "./Table.ts"

export class Mapping {
  readonly inside: Ip
  readonly insidePort: number
  readonly outside: Ip
  readonly outsidePort: number
  /** Where a table holds it: by its inside endpoint and as much of the remote one as the rule looks at; by its outside endpoint. */
  readonly insideKey: string
  readonly outsideKey: string
  /** Until when it is fixed; 0 for a mapping that lives by its flows alone. */
  fixedUntil = 0
  /** How many of its flows keep it alive. */
  keepers = 0
  /** With overloading, the other mappings of its inside endpoint: those made before and after it. */
  older: Mapping | undefined = undefined
  newer: Mapping | undefined = undefined
  /** Its flows, linked by `Flow.elder`, the newest first. */
  flows: Flow | undefined = undefined
  /** How many keeping flows go to each remote address; only where the filter asks for it. */
  remotes: Map<Ip, number> | undefined = undefined

  constructor(inside: Ip, insidePort: number, outside: Ip, outsidePort: number, insideKey: string, outsideKey: string) {
    this.inside = inside
    this.insidePort = insidePort
    this.outside = outside
    this.outsidePort = outsidePort
    this.insideKey = insideKey
    this.outsideKey = outsideKey
  }
}

export class Flow {
  readonly table: Table
  readonly mapping: Mapping
  readonly remote: Ip
  readonly remotePort: number
  /** Inside endpoint and remote, as `Table.sent` holds it; outside endpoint and remote, as `Table.received` does. */
  readonly insideKey: string
  readonly outsideKey: string
  /** Whether it keeps its mapping alive and its filter open: inbound packets alone need not (RFC 4787 REQ-6). */
  keeps = false
  /** What has been seen of it: see `tracking.ts`. */
  seen = 0
  usedAt = 0
  queue: Queue | undefined = undefined
  /** Neighbours in the queue. */
  previous: Flow | undefined = undefined
  next: Flow | undefined = undefined
  /** Neighbours in the mapping. */
  elder: Flow | undefined = undefined
  younger: Flow | undefined = undefined

  constructor(table: Table, mapping: Mapping, remote: Ip, remotePort: number, insideKey: string, outsideKey: string) {
    this.table = table
    this.mapping = mapping
    this.remote = remote
    this.remotePort = remotePort
    this.insideKey = insideKey
    this.outsideKey = outsideKey
  }

  join(): void {
    const { mapping } = this
    this.elder = mapping.flows
    if (mapping.flows !== undefined) mapping.flows.younger = this
    mapping.flows = this
  }

  leave(): void {
    if (this.younger === undefined) this.mapping.flows = this.elder
    else this.younger.elder = this.elder
    if (this.elder !== undefined) this.elder.younger = this.younger
  }

  get expiresAt(): number {
    return this.queue === undefined ? 0 : this.usedAt + this.queue.timeout
  }
}

/** Flows of one timeout, the longest unused first. */
export class Queue {
  readonly timeout: number
  head: Flow | undefined = undefined
  tail: Flow | undefined = undefined

  constructor(timeout: number) {
    this.timeout = timeout
  }

  /** The flow was used now: puts it at the end, taking it from wherever it was. */
  use(flow: Flow, now: number): void {
    flow.usedAt = now
    if (flow.queue === this && this.tail === flow) return
    flow.queue?.remove(flow)
    flow.queue = this
    flow.previous = this.tail
    if (this.tail === undefined) this.head = flow
    else this.tail.next = flow
    this.tail = flow
  }

  remove(flow: Flow): void {
    if (flow.previous === undefined) this.head = flow.next
    else flow.previous.next = flow.next
    if (flow.next === undefined) this.tail = flow.previous
    else flow.next.previous = flow.previous
    flow.queue = undefined
    flow.previous = undefined
    flow.next = undefined
  }
}
