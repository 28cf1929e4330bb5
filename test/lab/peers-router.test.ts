/**
 * Two peers in two networks with a Linux router between them, and a rendezvous in a third: the real commands, real forwarding,
 * and for `reverse` a real NAT before the one that listens.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { noise, p2p, sha256, spawned } from "../cli/command.ts"
import { event, eventsOf, home, peer } from "../cli/peerCommands.ts"
import { cable, ip, namespace, unavailable } from "../support/namespace.ts"

const RENDEZVOUS = ["11.0.2.10", "11.0.2.11"] as const
const ALICE = "11.0.1.2"
const BOB = "11.0.3.2"
const BOB_INSIDE = "10.0.0.2"
const ROUTER = { toAlice: "11.0.1.1", toServers: "11.0.2.1" } as const

/** Those behind `bob0` share the router's addresses, and nobody can begin to talk to them. */
const NAT = `
  table ip nat {
    chain post { type nat hook postrouting priority srcnat; iifname "bob0" masquerade; }
    chain strangers { type filter hook forward priority filter; oifname "bob0" ct state new drop; }
  }`

/** Three networks around a router; bob has an address of the internet, or a private one behind a NAT. */
const networks = Effect.fnUntraced(function* (isTranslated: boolean) {
  const [alice, bob, servers, router] = [yield* namespace, yield* namespace, yield* namespace, yield* namespace]
  const [inside, gateway] = isTranslated ? [BOB_INSIDE, "10.0.0.1"] : [BOB, "11.0.3.1"]
  yield* cable([alice, "eth0"], [router, "alice0"])
  yield* cable([bob, "eth0"], [router, "bob0"])
  yield* cable([servers, "eth0"], [router, "servers0"])
  yield* ip(
    router,
    `link set lo up
     addr add ${ROUTER.toAlice}/24 dev alice0
     addr add ${gateway}/24 dev bob0
     addr add ${ROUTER.toServers}/24 dev servers0`
  )
  for (const [name, addresses, via] of [
    [alice, [ALICE], ROUTER.toAlice],
    [bob, [inside], gateway],
    [servers, RENDEZVOUS, ROUTER.toServers]
  ] as const) {
    yield* ip(name, "link set lo up")
    for (const address of addresses) yield* ip(name, `addr add ${address}/24 dev eth0`)
    yield* ip(name, `route add default via ${via}`)
  }
  const onRouter = (...args: ReadonlyArray<string>) =>
    execFileSync("ip", ["netns", "exec", router, ...args], { stdio: ["ignore", "ignore", "inherit"] })
  onRouter("sysctl", "-qw", "net.ipv4.ip_forward=1")
  if (isTranslated) onRouter("nft", NAT)
  return { alice, bob, servers }
})

const file = noise(5_000_000)

/** Alice connects to bob by the rendezvous; each sends the other a file. What became of it. */
const meeting = Effect.fnUntraced(function* (isTranslated: boolean, ...how: ReadonlyArray<string>) {
  const { alice, bob, servers } = yield* networks(isTranslated)
  const path = yield* home
  const [listen, alternate] = RENDEZVOUS
  const args = ["rendezvous", "--listen", listen, "--alternate", alternate, "--json"]
  const rendezvous = yield* spawned("ip", ["netns", "exec", servers, p2p, ...args])
  assert.deepStrictEqual((yield* event(rendezvous, "ready")).flags, ["--rendezvous", listen])
  const flags = ["--rendezvous", listen, "--json"]
  const listening = yield* peer(path, "bob", ["listen", ...flags], bob)
  const { address, peer: id } = yield* event(listening, "ready")
  const calling = yield* peer(path, "alice", ["connect", address, ...flags, ...how], alice)
  for (const { child } of [listening, calling]) child.stdin.end(file)
  const ends = yield* Effect.all([calling.ended, listening.ended], { concurrency: 2 })
  for (const { code, stderr, stdout } of ends) {
    assert.strictEqual(code, 0, stderr)
    assert.deepStrictEqual(
      eventsOf(stderr).map(({ event }) => event),
      ["ready", "connected", "closed"]
    )
    assert.deepStrictEqual([stdout.length, sha256(stdout)], [file.length, sha256(file)])
  }
  return { id, connected: yield* event(calling, "connected"), accepted: yield* event(listening, "connected") }
}, Effect.scoped)

const withoutPort = (endpoint: string): string => endpoint.replace(/:\d+$/, "")

const reason = unavailable()
if (reason !== undefined) console.warn(`Peers around a router are not tested: ${reason}.`)

describe.skipIf(reason !== undefined)("two peers with a router between them", () => {
  it.live("connect directly", () =>
    Effect.gen(function* () {
      // On a busy machine the other way, which is tried a moment later, may be the first one.
      const { connected, id } = yield* meeting(false, "--strategy", "direct")
      assert.deepInclude(connected, { peer: id, strategy: "direct", transport: "tcp", protection: "tls1.3" })
      assert.deepStrictEqual([connected.local, connected.remote].map(withoutPort), [ALICE, BOB])
    })
  )

  it.live("by reverse, where the one that listens is behind a NAT", () =>
    Effect.gen(function* () {
      const { accepted, connected, id } = yield* meeting(true)
      assert.deepInclude(connected, { peer: id, strategy: "reverse", transport: "tcp", protection: "tls1.3" })
      // Bob dialled, and the router gave him its own address.
      assert.deepStrictEqual([connected.local, connected.remote].map(withoutPort), [ALICE, ROUTER.toAlice])
      assert.deepStrictEqual([accepted.local, accepted.remote].map(withoutPort), [BOB_INSIDE, ALICE])
    })
  )
})
