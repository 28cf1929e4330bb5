/**
 * Network namespaces for tests: networks of their own, with names of their own, gone with the scope.
 */
import { execFile, execFileSync } from "node:child_process"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Why there can be no namespaces here, or nothing. */
export const unavailable = (): string | undefined => {
  if (process.platform !== "linux") return `this is ${process.platform}, not Linux`
  if (process.getuid?.() !== 0) return "not root"
  try {
    execFileSync("ip", ["netns", "list"], { stdio: "ignore" })
    return undefined
  } catch {
    return "no `ip netns`"
  }
}

const exec = promisify(execFile)

const command = (line: string) => {
  const [file = "", ...args] = line.split(" ")
  return Effect.promise(() => exec(file, args))
}

let count = 0

/** A new namespace, as its name. Interface names inside are free: nobody else sees them. */
export const namespace = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `p2ptest-${process.pid}-${++count}`
    return Effect.as(command(`ip netns add ${name}`), name)
  }),
  (name) => command(`ip netns del ${name}`)
)

/** Runs `ip` in it, once for each line. */
export const ip = Effect.fnUntraced(function* (name: string, lines: string) {
  for (const line of lines.trim().split("\n")) yield* command(`ip -n ${name} ${line.trim()}`)
})

/** A cable between two namespaces, plugged in and working at both ends. */
export const cable = Effect.fnUntraced(function* (
  [here, device]: readonly [name: string, device: string],
  [there, peer]: readonly [name: string, device: string]
) {
  yield* command(`ip -n ${here} link add ${device} type veth peer name ${peer} netns ${there}`)
  for (const [name, end] of [
    [here, device],
    [there, peer]
  ] as const) {
    yield* command(`ip -n ${name} link set ${end} addrgenmode none`)
    yield* command(`ip -n ${name} link set ${end} up`)
  }
  yield* command(`ip -n ${here} link show ${device}`).pipe(
    Effect.repeat({ until: ({ stdout }) => stdout.includes("state UP"), schedule: Schedule.spaced("10 millis") })
  )
})
