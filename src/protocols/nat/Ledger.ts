/**
 * What the transports of one device share: the bound on flows, the ports each inside host holds, and the external
 * addresses they are handed.
 */
import type { Ip } from "../packet/Ip.ts"
import type { Flow, Mapping } from "./Flow.ts"
import type { Table } from "./Table.ts"

/** An inside address while it holds a port. */
interface Host {
  readonly outside: Ip
  ports: number
}

export interface Limits {
  readonly tableSize: number | undefined
  readonly whenFull: "drop-new" | "evict-oldest"
  readonly portQuota: number | undefined
  readonly pooling: "paired" | "arbitrary"
}

export class Ledger {
  readonly limits: Limits
  /** External addresses, as handed out. */
  readonly pool: ReadonlyArray<Ip>
  readonly tables: Array<Table> = []
  flows = 0
  readonly #hosts = new Map<Ip, Host>()
  /** Inside address to external address, and back, for address translation: kept for good, bounded by the pool. */
  readonly #owned = new Map<Ip, Ip>()
  readonly #owners = new Map<Ip, Ip>()

  constructor(limits: Limits, pool: ReadonlyArray<Ip>) {
    this.limits = limits
    this.pool = pool
  }

  /** Forgets what has come to its time. */
  expire(now: number): void {
    for (const table of this.tables) table.expire(now)
  }

  /** Whether one more flow fits, or can be made to. */
  hasRoom(): boolean {
    return (
      this.limits.tableSize === undefined || this.flows < this.limits.tableSize || this.limits.whenFull !== "drop-new"
    )
  }

  /** Forgets the longest unused flow where the table is full; `spared` survives the loss of its last flow. */
  makeRoom(spared: Mapping): void {
    if (this.limits.tableSize === undefined || this.flows < this.limits.tableSize) return
    let oldest: Flow | undefined
    for (const table of this.tables) {
      for (const { head } of table.queues) {
        if (head !== undefined && (oldest === undefined || head.usedAt < oldest.usedAt)) oldest = head
      }
    }
    spared.keepers += 1
    oldest?.table.forget(oldest)
    spared.keepers -= 1
  }

  /** Whether `inside` may hold one port more. */
  mayTakePort(inside: Ip): boolean {
    const quota = this.limits.portQuota
    return quota === undefined || (this.#hosts.get(inside)?.ports ?? 0) < quota
  }

  /** The external address a new port mapping of `inside` gets. */
  addressFor(inside: Ip, random: () => number): Ip | undefined {
    const host = this.limits.pooling === "paired" ? this.#hosts.get(inside) : undefined
    if (host !== undefined) return host.outside
    return this.pool[this.pool.length > 1 ? Math.floor(random() * this.pool.length) : 0]
  }

  takePort(inside: Ip, outside: Ip): void {
    const host = this.#hosts.get(inside)
    if (host === undefined) this.#hosts.set(inside, { outside, ports: 1 })
    else host.ports += 1
  }

  releasePort(inside: Ip): void {
    const host = this.#hosts.get(inside)
    if (host === undefined) return
    host.ports -= 1
    if (host.ports === 0) this.#hosts.delete(inside)
  }

  /** Address translation: gives `inside` the external address it owns, or the first that nobody does. */
  ownedBy(inside: Ip): Ip | undefined {
    const owned = this.#owned.get(inside)
    if (owned !== undefined) return owned
    const free = this.pool.find((outside) => !this.#owners.has(outside))
    if (free !== undefined) this.own(inside, free)
    return free
  }

  own(inside: Ip, outside: Ip): void {
    this.#owned.set(inside, outside)
    this.#owners.set(outside, inside)
  }

  ownerOf(outside: Ip): Ip | undefined {
    return this.#owners.get(outside)
  }
}
