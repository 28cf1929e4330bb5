/**
 * Who holds which local ports of one transport on one host, with Linux's rules for sharing them.
 */
import type { Ip } from "../../../protocols/packet/Ip.ts"
import type { Luck } from "../time/Luck.ts"
import type { Device } from "./Way.ts"

/** Linux's `ip_local_port_range`. */
const FIRST_EPHEMERAL = 32_768
const LAST_EPHEMERAL = 60_999

/** What a socket is bound to. */
export interface Claim {
  /** `undefined`: every address of the family. */
  readonly address: Ip | undefined
  /** 0: both families. */
  readonly family: 4 | 6 | 0
  readonly port: number
  readonly device: Device | undefined
  /** SO_REUSEADDR and SO_REUSEPORT. */
  readonly reuse: boolean
  readonly share: boolean
  listening: boolean
}

export type Wanted = Omit<Claim, "listening">

const overlap = (a: Wanted, b: Wanted): boolean =>
  (a.family === 0 || b.family === 0 || a.family === b.family) &&
  (a.address === undefined || b.address === undefined || a.address === b.address) &&
  (a.device === undefined || b.device === undefined || a.device === b.device)

const conflict = (wanted: Wanted, held: Claim): boolean =>
  overlap(wanted, held) && !(wanted.reuse && held.reuse && !held.listening) && !(wanted.share && held.share)

export class PortTable {
  private readonly byPort = new Map<number, Array<Claim>>()
  private readonly luck: Luck

  constructor(luck: Luck) {
    this.luck = luck
  }

  /** Takes a port, any free one for 0. `undefined` when it is in use, or when none is free. */
  claim(wanted: Wanted): Claim | undefined {
    const port = wanted.port === 0 ? this.free(wanted) : wanted.port
    if (port === undefined) return undefined
    const held = this.byPort.get(port)
    if (wanted.port !== 0 && held?.some((claim) => conflict(wanted, claim)) === true) return undefined
    const claim: Claim = { ...wanted, port, listening: false }
    if (held === undefined) this.byPort.set(port, [claim])
    else held.push(claim)
    return claim
  }

  /** Begins to listen on a claim; false when another socket listens there already. */
  listen(claim: Claim): boolean {
    const held = this.byPort.get(claim.port) ?? []
    for (const other of held) {
      if (other !== claim && other.listening && overlap(claim, other) && !(claim.share && other.share)) return false
    }
    claim.listening = true
    return true
  }

  release(claim: Claim): void {
    const held = this.byPort.get(claim.port)
    const at = held?.indexOf(claim) ?? -1
    if (held === undefined || at < 0) return
    if (held.length === 1) this.byPort.delete(claim.port)
    else held.splice(at, 1)
  }

  // A random start, then the next one nobody overlaps.
  private free(wanted: Wanted): number | undefined {
    const size = LAST_EPHEMERAL - FIRST_EPHEMERAL + 1
    const start = this.luck.below(size)
    for (let step = 0; step < size; step++) {
      const port = FIRST_EPHEMERAL + ((start + step) % size)
      const held = this.byPort.get(port)
      if (held === undefined || !held.some((claim) => overlap(wanted, claim))) return port
    }
    return undefined
  }
}
