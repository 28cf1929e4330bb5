/**
 * Links as described, with their defaults filled in.
 */
import * as Duration from "effect/Duration"
import type { Link, LinkSide, Span } from "../../../schemas/World.ts"
import type { LinkQuality } from "../net/Link.ts"
import type { PlanLink } from "./Plan.ts"

/** Ethernet's. */
const DEFAULT_MTU = 1500

/** A queue holds this much time's worth of a limited bandwidth, in milliseconds, and this many bytes at least. */
const QUEUE_MS = 100
const QUEUE_BYTES = 64 * 1024

const INTERNET_LATENCY = 10
const LOCAL_LATENCY = 0.1

export const millisOf = (span: Span): number =>
  typeof span === "number" ? span : Duration.toMillis(Duration.fromInputUnsafe(span))

const ideal: LinkQuality = {
  latency: 0,
  jitter: 0,
  loss: 0,
  reorder: 0,
  duplicate: 0,
  bandwidth: Infinity,
  queue: Infinity,
  mtu: DEFAULT_MTU
}

const alike = (quality: LinkQuality): PlanLink => ({ up: quality, down: quality })

/** Where nothing is said about a link to the internet, and to a local network. */
export const internetLink: PlanLink = alike({ ...ideal, latency: INTERNET_LATENCY })
export const localLink: PlanLink = alike({ ...ideal, latency: LOCAL_LATENCY })
/** A gateway stands on its inside networks: only the others' links count. */
export const onTheSpot: PlanLink = alike(ideal)

const side = (base: LinkQuality, described: LinkSide): LinkQuality => {
  const bandwidth = described.bandwidth ?? base.bandwidth
  const queue =
    described.queue ??
    (described.bandwidth === undefined ? base.queue : Math.max(QUEUE_BYTES, (bandwidth / 8000) * QUEUE_MS))
  return {
    latency: described.latency === undefined ? base.latency : millisOf(described.latency),
    jitter: described.jitter === undefined ? base.jitter : millisOf(described.jitter),
    loss: described.loss ?? base.loss,
    reorder: described.reorder ?? base.reorder,
    duplicate: described.duplicate ?? base.duplicate,
    bandwidth,
    queue,
    mtu: described.mtu ?? base.mtu
  }
}

/** `base` with what a description says instead. */
export const describe = (base: PlanLink, link: Link | undefined): PlanLink => {
  if (link === undefined) return base
  const up = side(base.up, link)
  const down = base.up === base.down ? up : side(base.down, link)
  return {
    up: link.up === undefined ? up : side(up, link.up),
    down: link.down === undefined ? down : side(down, link.down)
  }
}
