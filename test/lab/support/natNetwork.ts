/**
 * A real network to measure in: an inside host, a Linux router, and an outside machine with the addresses of two servers, each in
 * a namespace of its own. Addresses look public, so that nothing is taken for special.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { spawned } from "../../cli/command.ts"
import { cable, ip, namespace } from "../../support/namespace.ts"
import { type Kind, ROUTER } from "./natKinds.ts"

/** Of our server with two addresses, of another with one, and of coturn. */
export const FULL = ["45.10.0.1", "45.10.0.2"] as const
export const PLAIN = "46.20.0.1"
export const COTURN = ["47.30.0.1", "47.30.0.2"] as const

/** Runs a program in a namespace to its end; fails where that is none. */
const inside = (name: string, args: ReadonlyArray<string>, input = ""): Effect.Effect<void, Error> =>
  Effect.callback((resume) => {
    const child = spawn("ip", ["netns", "exec", name, ...args], { stdio: ["pipe", "ignore", "pipe"] })
    let said = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text))
    child.on("close", (code) =>
      resume(code === 0 ? Effect.void : Effect.fail(new Error(`${args.join(" ")} ended with ${code}: ${said}`)))
    )
    // Not every program reads it.
    child.stdin.on("error", () => {}).end(input)
    return Effect.sync(() => child.kill("SIGKILL"))
  })

export const outsideMachine = Effect.gen(function* () {
  const outside = yield* namespace
  yield* ip(
    outside,
    ["link set lo up", ...[...FULL, PLAIN, ...COTURN].map((each) => `addr add ${each}/32 dev lo`)].join("\n")
  )
  return outside
})

let count = 0

/** The inside host's namespace, behind a router of this kind that leads to `outside`. Many can be there at once. */
export const behind = Effect.fnUntraced(function* (kind: Kind, outside: string) {
  const [host, router] = [yield* namespace, yield* namespace]
  const at = ++count
  const link = `11.22.${at}`
  const lan = kind.isRouted === true ? `11.33.${at}` : "192.168.7"
  yield* cable([host, "eth0"], [router, "lan"])
  yield* cable([router, "wan"], [outside, `inner${at}`])
  yield* ip(
    host,
    `link set lo up
     addr add ${lan}.2/24 dev eth0
     route add default via ${lan}.1`
  )
  yield* ip(
    router,
    `link set lo up
     addr add ${lan}.1/24 dev lan
     addr add ${link}.10/24 dev wan
     route add default via ${link}.1`
  )
  yield* ip(outside, `addr add ${link}.1/24 dev inner${at}`)
  if (kind.isRouted === true) yield* ip(outside, `route add ${lan}.0/24 via ${link}.10`)
  yield* inside(router, ["sysctl", "-qw", ...ROUTER_SETTINGS])
  yield* inside(router, ["nft", "-f", "-"], kind.rules.replaceAll(ROUTER, `${link}.10`))
  return host
})

/** It forwards, and answers everybody at once. */
const ROUTER_SETTINGS = [
  "net.ipv4.ip_forward=1",
  "net.ipv4.icmp_ratemask=0",
  "net.ipv4.conf.all.send_redirects=0",
  "net.ipv4.conf.lan.send_redirects=0"
]

/** Coturn in the outside namespace, with both its addresses. */
export const coturn = Effect.fnUntraced(function* (outside: string) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "p2p-coturn-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const files = `--log-file=stdout --simple-log --pidfile=${folder}/pid --userdb=${folder}/db`
  const flags = `-n --no-cli --no-tls --no-dtls -a -u alice:wonderland -r example.org ${files} -L ${COTURN.join(" -L ")}`
  yield* spawned("ip", ["netns", "exec", outside, "turnserver", ...flags.split(" ")])
  const answers = inside(outside, ["bash", "-c", `</dev/tcp/${COTURN[1]}/3479`])
  yield* Effect.retry(answers, { schedule: Schedule.spaced("50 millis"), times: 100 })
})
