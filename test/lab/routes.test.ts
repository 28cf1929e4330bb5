/**
 * `p2p interfaces` in a network namespace behind a real Linux NAT, with coturn outside: what it prints is what there is.
 *
 * Needs root, `ip netns`, nftables and coturn; elsewhere skipped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { execFile, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"
import { promisify } from "node:util"
import { cable, ip, namespace, unavailable } from "../support/namespace.ts"
import { p2p, spawned } from "../cli/command.ts"

const installed = process.env.CI !== undefined || spawnSync("turnserver", ["--version"]).error === undefined
const why = unavailable() ?? (installed ? undefined : "turnserver is not installed: apt-get install coturn")
if (why !== undefined) console.log(`skipped: routes behind a real NAT (${why})`)

const inside = (name: string, ...command: ReadonlyArray<string>) =>
  Effect.promise(() => promisify(execFile)("ip", ["netns", "exec", name, ...command]))

/**
 * A host with a card behind a NAT for IPv4 and a router for IPv6, a card with a public address of its own, and one that leads
 * nowhere; and an internet in which 203.0.113.1 and .2 and 2001:db8:9::1 and ::2 are STUN servers.
 */
const network = Effect.gen(function* () {
  const host = yield* namespace
  const router = yield* namespace
  const net = yield* namespace
  const hole = yield* namespace
  yield* cable([host, "lan0"], [router, "lan0"])
  yield* cable([router, "wan0"], [net, "home0"])
  yield* cable([host, "own0"], [net, "own0"])
  yield* cable([host, "dead0"], [hole, "dead0"])
  yield* ip(
    host,
    `link set lo up
     addr add 192.168.1.2/24 dev lan0
     addr add 192.168.1.3/24 dev lan0
     addr add 2001:db8:1::2/64 dev lan0 nodad
     addr add fe80::2/64 dev lan0 nodad
     addr add 198.51.100.2/24 dev own0
     addr add 10.9.9.2/24 dev dead0
     route add default via 192.168.1.1 dev lan0 metric 100
     -6 route add default via 2001:db8:1::1 dev lan0 metric 100
     route add default via 198.51.100.1 dev own0 metric 200
     route add default via 10.9.9.1 dev dead0 metric 300`
  )
  // A router asks for neighbours by its link-local addresses, which the cables come without.
  yield* ip(
    router,
    `addr add 192.168.1.1/24 dev lan0
     addr add 2001:db8:1::1/64 dev lan0 nodad
     addr add fe80::1/64 dev lan0 nodad
     addr add fe80::1/64 dev wan0 nodad
     addr add 192.0.2.77/24 dev wan0
     addr add 2001:db8:2::77/64 dev wan0 nodad
     route add default via 192.0.2.1
     -6 route add default via 2001:db8:2::1`
  )
  yield* ip(
    net,
    `link set lo up
     addr add 192.0.2.1/24 dev home0
     addr add 2001:db8:2::1/64 dev home0 nodad
     addr add fe80::9/64 dev home0 nodad
     addr add 198.51.100.1/24 dev own0
     addr add 203.0.113.1/32 dev lo
     addr add 203.0.113.2/32 dev lo
     addr add 2001:db8:9::1/128 dev lo nodad
     addr add 2001:db8:9::2/128 dev lo nodad
     -6 route add 2001:db8:1::/64 via 2001:db8:2::77`
  )
  yield* inside(router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
  yield* inside(
    router,
    "nft",
    `add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post oifname wan0 masquerade`
  )
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(Path.join(tmpdir(), "p2p-routes-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const addresses = ["203.0.113.1", "203.0.113.2", "2001:db8:9::1", "2001:db8:9::2"]
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "ip",
        `netns exec ${net} turnserver -n --no-cli --no-tls --no-dtls --log-file=stdout --simple-log --pidfile=${folder}/pid
          --userdb=${folder}/db -L ${addresses.join(" -L ")}`.split(/\s+/),
        { cwd: folder, stdio: "ignore" }
      )
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  for (const address of addresses) {
    yield* Effect.tryPromise(() =>
      promisify(execFile)("ip", ["netns", "exec", net, "bash", "-c", `exec 3<>/dev/tcp/${address}/3478`])
    ).pipe(Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 100 }))
  }
  return host
})

const run = (name: string, ...args: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.flatMap(spawned("ip", ["netns", "exec", name, p2p, "interfaces", ...args]), ({ ended }) => ended)
  )

const all = ["203.0.113.1", "203.0.113.2", "[2001:db8:9::1]", "[2001:db8:9::2]"].flatMap((host) => [
  "--stun",
  `stun:${host}`
])

describe.skipIf(why !== undefined)("routes behind a real NAT", () => {
  it.live(
    "are printed for people and as JSON",
    () =>
      Effect.gen(function* () {
        const host = yield* network
        const { code, stderr, stdout } = yield* run(host, ...all)
        assert.strictEqual(code, 0)
        const outside = stdout
          .toString()
          .split("\n")
          .flatMap((line) => /(\S+)\/\d+ \((?:site|global)\) +(\S+)/.exec(line)?.slice(1).join(" ") ?? [])
        assert.sameMembers(outside, [
          "192.168.1.2 192.0.2.77",
          "192.168.1.3 192.0.2.77",
          "2001:db8:1::2 public",
          "198.51.100.2 public",
          "10.9.9.2 unknown"
        ])
        assert.match(stderr, /^p2p: dead0 10\.9\.9\.2 from outside: 203\.0\.113\.1, 203\.0\.113\.2: [^\n]+\n$/)

        const { stdout: text } = yield* run(host, ...all, "--json")
        const list = JSON.parse(text.toString()) as ReadonlyArray<{
          readonly name: string
          readonly routes: ReadonlyArray<{
            readonly family: string
            readonly local: ReadonlyArray<{ readonly address: string }>
            readonly linkLocal: ReadonlyArray<{ readonly address: string }>
            readonly external: { readonly first: string; readonly last: string }
            readonly public: boolean
            readonly agreed: ReadonlyArray<string>
          }>
        }>
        const routes = list.flatMap(({ name, routes }) =>
          routes.map(({ agreed, external, family, linkLocal, local, public: open }) =>
            [
              name,
              family,
              [...local, ...linkLocal].map(({ address }) => address).join(","),
              external.first,
              external.last,
              open,
              agreed.length
            ].join(" ")
          )
        )
        assert.sameMembers(routes, [
          "lan0 IPv4 192.168.1.2,192.168.1.3 192.0.2.77 192.0.2.77 false 2",
          "lan0 IPv6 2001:db8:1::2,fe80::2 2001:db8:1::2 2001:db8:1::2 true 2",
          "own0 IPv4 198.51.100.2 198.51.100.2 198.51.100.2 true 2"
        ])
      }).pipe(Effect.scoped),
    30_000
  )
})
