/**
 * Real networks for the STUN server: in one namespace `p2p stun-server` with two addresses, in another a client, and a Linux
 * router between them that translates IPv4, routes IPv6, and treats strangers as it is told.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { p2p, type Running, spawned } from "../cli/command.ts"
import { cable, ip, namespace } from "../support/namespace.ts"

export const SERVERS = { IPv4: ["192.0.2.10", "192.0.2.11"], IPv6: ["2001:db8:2::10", "2001:db8:2::11"] } as const
export const CLIENT = { IPv4: "10.0.0.2", IPv6: "2001:db8:1::2" } as const
export const ROUTER = { IPv4: "192.0.2.1" } as const
export type Family = keyof typeof SERVERS

/** Runs a program in a namespace to its end. */
export const output = (name: string, line: string, input = "") =>
  Effect.callback<string>((resume) => {
    const child = spawn("ip", ["netns", "exec", name, ...line.split(" ")], { stdio: ["pipe", "pipe", "inherit"] })
    let text = ""
    child.stdout.setEncoding("utf8").on("data", (some: string) => (text += some))
    child.on("close", (code) =>
      resume(code === 0 ? Effect.succeed(text) : Effect.die(new Error(`${line}: ended with ${code}\n${text}`)))
    )
    // One that takes no input may be gone before the end of it.
    child.stdin.on("error", () => {}).end(input)
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** Starts a server and waits until it is ready. */
export const server = Effect.fnUntraced(function* (name: string, family: Family, ...flags: ReadonlyArray<string>) {
  const [address, alternate] = SERVERS[family]
  const args = ["stun-server", "--address", address, "--alternate", alternate, "--json", ...flags]
  const running: Running = yield* spawned("ip", ["netns", "exec", name, p2p, ...args])
  yield* running.complained(/"event":"ready"/)
  return running
})

/** A server's and a client's namespace, one cable apart. */
export const direct = Effect.gen(function* () {
  const [inside, outside] = [yield* namespace, yield* namespace]
  yield* cable([inside, "up0"], [outside, "down0"])
  yield* ip(
    outside,
    `link set lo up
     addr add ${SERVERS.IPv4[0]}/24 dev down0
     addr add ${SERVERS.IPv4[1]}/24 dev down0
     addr add ${SERVERS.IPv6[0]}/64 dev down0 nodad
     addr add ${SERVERS.IPv6[1]}/64 dev down0 nodad`
  )
  yield* ip(
    inside,
    `link set lo up
     addr add 192.0.2.77/24 dev up0
     addr add 2001:db8:2::77/64 dev up0 nodad`
  )
  return { inside, outside }
})

/** The same with a router between them; `strangers` is what it does with TCP from outside that nobody asked for. */
export const routed = Effect.fnUntraced(function* (strangers: string) {
  const [inside, router, outside] = [yield* namespace, yield* namespace, yield* namespace]
  yield* cable([inside, "up0"], [router, "lan"])
  yield* cable([router, "wan"], [outside, "down0"])
  yield* ip(
    inside,
    `link set lo up
     addr add ${CLIENT.IPv4}/24 dev up0
     addr add ${CLIENT.IPv6}/64 dev up0 nodad
     route add default via 10.0.0.1
     -6 route add default via 2001:db8:1::1`
  )
  // Without addresses of the link a router cannot ask for neighbours on behalf of others.
  yield* ip(
    router,
    `link set lo up
     addr add fe80::1/64 dev lan nodad
     addr add fe80::1/64 dev wan nodad
     addr add 10.0.0.1/24 dev lan
     addr add 2001:db8:1::1/64 dev lan nodad
     addr add ${ROUTER.IPv4}/24 dev wan
     addr add 2001:db8:2::1/64 dev wan nodad`
  )
  yield* ip(
    outside,
    `link set lo up
     addr add ${SERVERS.IPv4[0]}/24 dev down0
     addr add ${SERVERS.IPv4[1]}/24 dev down0
     addr add ${SERVERS.IPv6[0]}/64 dev down0 nodad
     addr add ${SERVERS.IPv6[1]}/64 dev down0 nodad
     -6 route add default via 2001:db8:2::1`
  )
  yield* output(router, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
  const rules = `
    table inet lab {
      chain nat { type nat hook postrouting priority srcnat; meta nfproto ipv4 oifname "wan" masquerade
      }
      chain strangers { meta l4proto tcp ${strangers}
        meta l4proto udp drop
      }
      chain in { type filter hook input priority 0; iifname "wan" ct state new jump strangers
      }
      chain through { type filter hook forward priority 0; iifname "wan" ct state new jump strangers
      }
    }`
  yield* output(router, "nft -f -", rules)
  return { inside, outside }
})
