/** What all sockets of a STUN server share: its settings, its limits, what it has counted, and the clock. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import { type Bounds, Occupancy } from "../../protocols/limits/Occupancy.ts"
import { type Rate, RateLimiter } from "../../protocols/limits/RateLimiter.ts"
import { sourceOf } from "../../protocols/limits/source.ts"
import type { Settings } from "../../protocols/stun/server/decide.ts"

/** A source is an IPv4 address, or the /64 of an IPv6 address. What is over a limit gets no answer. */
export interface Limits {
  /** Answers over either transport; one of more than 256 bytes counts as several. */
  readonly answers: { readonly each: Rate; readonly total: Rate }
  /** Open TCP connections; more are reset. */
  readonly connections: Bounds
  /** A TCP connection on which no request was completed for this long is closed. */
  readonly idle: Duration.Input
  /** Probes back; those over a limit are refused with error 508. */
  readonly probes: { readonly each: Rate; readonly total: Rate; readonly atOnce: Bounds }
}

export const defaultLimits: Limits = {
  // A NAT measurement asks about a hundred times in its second; some machines share an address. All together: 3.4 Mbit/s.
  answers: { each: { perSecond: 50, burst: 500 }, total: { perSecond: 5000, burst: 10_000 } },
  connections: { each: 256, total: 4096 },
  idle: "30 seconds",
  // A measurement asks for ten.
  probes: {
    each: { perSecond: 1, burst: 30 },
    total: { perSecond: 100, burst: 500 },
    atOnce: { each: 20, total: 256 }
  }
}

/** Since the server started. */
export interface Statistics {
  readonly answered: number
  /** Datagrams and frames that deserved no answer. */
  readonly ignored: number
  /** Not answered because of a limit. */
  readonly limited: number
  /** Answers the system did not take, or a client did not read. */
  readonly notSent: number
  /** Connections reset because of a limit. */
  readonly refused: number
  /** Probes that were dialled. */
  readonly dialled: number
  /** TCP connections open now. */
  readonly connections: number
}

/** Bytes of an answer that count as one. */
const UNIT = 256

export class Desk {
  readonly settings: Settings
  readonly limits: Limits
  readonly connections: Occupancy
  readonly probing: Occupancy
  readonly probes: RateLimiter
  answered = 0
  ignored = 0
  limited = 0
  notSent = 0
  refused = 0
  dialled = 0
  private readonly answers: RateLimiter
  private readonly clock: Clock.Clock

  constructor(settings: Settings, limits: Limits, clock: Clock.Clock) {
    this.settings = settings
    this.limits = limits
    this.clock = clock
    this.answers = new RateLimiter(limits.answers)
    this.connections = new Occupancy(limits.connections)
    this.probes = new RateLimiter(limits.probes)
    this.probing = new Occupancy(limits.probes.atOnce)
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** Whether a source may have an answer of so many bytes now. */
  mayAnswer(to: NetAddress.InetAddress, bytes: number): boolean {
    if (this.answers.allow(sourceOf(to.address), this.now, Math.max(1, Math.ceil(bytes / UNIT)))) return true
    this.limited++
    return false
  }

  statistics(): Statistics {
    const { answered, dialled, ignored, limited, notSent, refused } = this
    return { answered, dialled, ignored, limited, notSent, refused, connections: this.connections.total }
  }
}

export const make = (settings: Settings, limits: Limits): Effect.Effect<Desk> =>
  Effect.map(Clock.Clock, (clock) => new Desk(settings, limits, clock))
