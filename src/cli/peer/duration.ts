/** How long something may take, as it is written on a command line. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units: { readonly [unit: string]: number } = { ms: 1, s: 1000, m: 60_000 }

/** The longest there is: a day. */
const MAX = 86_400_000

/** Reads `15s`, `500ms`, `2m`, and seconds where there is no unit. */
export const fromString = (text: string): Option.Option<Duration.Duration> => {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?) ?(ms|s|m)?$/.exec(text.trim()) ?? []
  const millis = Number(number ?? Number.NaN) * units[unit]!
  return millis > 0 && millis <= MAX ? Option.some(Duration.millis(millis)) : Option.none()
}
