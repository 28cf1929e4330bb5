/** Every device by name. Names are stable: people type them, tests and stored descriptions hold them. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import { classicDevices } from "./classic.ts"
import { realisticDevices } from "./realistic.ts"

/** The classic types with their deltas, then the realistic ones. */
export const devices: ReadonlyArray<NatDevice> = [...classicDevices, ...realisticDevices]

export class UnknownDevice extends Data.TaggedError("UnknownDevice")<{
  readonly name: string
  /** The names nearest to it, the nearest first. */
  readonly close: ReadonlyArray<string>
}> {
  override get message() {
    const hint = this.close.length === 0 ? "" : ` Close to it: ${this.close.join(", ")}.`
    return `No device is called "${this.name}".${hint} \`p2p simulate --list\` prints all ${devices.length}.`
  }
}

export const deviceNamed = (name: string): Result.Result<NatDevice, UnknownDevice> => {
  const found = devices.find((device) => device.name === name)
  return found === undefined ? Result.fail(new UnknownDevice({ name, close: closeTo(name) })) : Result.succeed(found)
}

const MAX_HINTS = 5

const closeTo = (name: string): ReadonlyArray<string> => {
  // An endless name is not worth measuring; no name is that long.
  const wanted = name.toLowerCase().slice(0, 64)
  if (wanted === "") return []
  const whole = nearest(wanted, (name) => distance(wanted, name))
  // The type of a family of devices, nearly right, is near to none of their longer names: look at how they begin.
  return whole.length > 0
    ? whole
    : nearest(wanted, (name) => distance(wanted.replaceAll("-", ""), name.replaceAll("-", "").slice(0, wanted.length)))
}

const nearest = (wanted: string, nearness: (name: string) => number): ReadonlyArray<string> =>
  devices
    .map(({ name }) => ({ name, distance: nearness(name) }))
    .filter(({ name, distance }) => name.includes(wanted) || distance <= Math.max(2, wanted.length / 3))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, MAX_HINTS)
    .map(({ name }) => name)

// Levenshtein's: insertions, deletions and replacements that make one word of the other.
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
