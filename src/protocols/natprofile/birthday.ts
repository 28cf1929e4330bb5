/**
 * How many probes it takes to meet by chance where ports are random: the birthday paradox between two sides of a punch.
 *
 * One side holds sockets open whose external ports nobody knows, the other probes ports at random. The numbers decide whether
 * trying is worth it: one random side is met in seconds, two random sides are not.
 */
import type { PortRange } from "../../schemas/NatProfile.ts"

export const sizeOf = ([low, high]: PortRange): number => high - low + 1

/** How probable a hit is when one side has `open` ports out of `size`, and the other tries `probes` ports at random. */
export const hitProbability = (open: number, probes: number, size: number): number =>
  open >= size ? Number(probes > 0) : 1 - (1 - open / size) ** probes

/** The fewest probes that hit one of `open` ports with this probability, which is below 1. */
export const probesFor = (probability: number, open: number, size: number): number =>
  open >= size ? 1 : Math.ceil(Math.log(1 - probability) / Math.log(1 - open / size))

/**
 * How probable it is that two random sides meet: each of `probes` datagrams a side leaves from a port of its own to a guessed
 * one, and two of them have to guess each other.
 */
export const bothRandom = (probes: number, size: number): number =>
  -Math.expm1(probes ** 2 * Math.log1p(-1 / size ** 2))

/** Probes a side that make two random sides meet with this probability, which is below 1. */
export const probesForBothRandom = (probability: number, size: number): number =>
  Math.ceil(Math.sqrt(Math.log(1 - probability) / Math.log1p(-1 / size ** 2)))
