/**
 * How packets leave a host, and why they are not taken when they arrive.
 */
import type { Ip } from "../../../protocols/packet/Ip.ts"
import type { Nic } from "../net/Nic.ts"

/** The card a socket is tied to; `lo` is the host itself. */
export type Device = Nic | "lo"

/** How a packet leaves: by which card, and from which address unless the socket has one. */
export interface Way {
  readonly device: Device
  readonly source: Ip
}

/** Bytes of a packet on the loopback interface. */
export const LOOPBACK_MTU = 65_536

/** Bytes of the largest packet that leaves by a device in one piece. */
export const mtuOf = (device: Device): number => (device === "lo" ? LOOPBACK_MTU : device.up.quality.mtu)

/** Why a packet that reached its host did not reach a program. */
export interface Refusal {
  readonly reason: string
  readonly answered: boolean
}

export const silently = (reason: string): Refusal => ({ reason, answered: false })
