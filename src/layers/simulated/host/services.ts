/**
 * Everything a program finds on a simulated host, as one `Context`: no layer is built, so a world costs little to start.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import { SecureRandom } from "effect/crypto/SecureRandom"
import { Dns } from "effect/net/Dns"
import { Random } from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { Kind } from "../../../schemas/NetworkInterface.ts"
import { Interfaces } from "../../../services/Interfaces.ts"
import { Tcp } from "../../../services/Tcp.ts"
import { Udp } from "../../../services/Udp.ts"
import type { Nic } from "../net/Nic.ts"
import { Outside } from "../Outside.ts"
import { HostClock } from "../time/HostClock.ts"
import type { Luck } from "../time/Luck.ts"
import type { Timeline } from "../time/Timeline.ts"
import type { Host } from "./Host.ts"
import { SimulatedInterfaces } from "./interfaces.ts"
import { SimulatedSecureRandom } from "./SimulatedSecureRandom.ts"
import * as HostTcp from "./tcp.ts"
import * as HostUdp from "./udp.ts"

/** What a simulated host provides, beside its clock, scheduler and random numbers. */
export type HostServices = Tcp | Udp | Interfaces | Dns | SecureRandom

/** What a program in the world finds wherever it runs. */
export interface Common {
  readonly timeline: Timeline
  readonly outside: Outside
}

/** Time, luck and the outside: for programs that run on no host, or provide one themselves. */
export const timeAndLuck = ({ outside, timeline }: Common, epoch: number, luck: Luck): Map<string, unknown> => {
  const random = {
    nextIntUnsafe: () => Math.floor((luck.float() - 0.5) * 2 * Number.MAX_SAFE_INTEGER),
    nextDoubleUnsafe: luck.float
  }
  return new Map<string, unknown>([
    [Scheduler.Scheduler.key, timeline],
    [Clock.Clock.key, new HostClock(timeline, epoch)],
    [Random.key, random],
    [Outside.key, outside]
  ])
}

export const services = (
  host: Host,
  common: Common,
  epoch: number,
  luck: Luck,
  dns: Dns["Service"],
  kindOf: (nic: Nic) => Kind
): Context.Context<HostServices> => {
  const map = timeAndLuck(common, epoch, luck)
  map.set(Tcp.key, HostTcp.make(host))
  map.set(Udp.key, HostUdp.make(host))
  map.set(Interfaces.key, new SimulatedInterfaces(host, kindOf, () => context))
  map.set(Dns.key, dns)
  map.set(SecureRandom.key, new SimulatedSecureRandom(luck))
  const context: Context.Context<HostServices> = Context.makeUnsafe(map)
  return context
}
