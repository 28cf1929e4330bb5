/**
 * The pictures of docs/nat.md, drawn from what simulated NATs do to a few packets. `node test/docs/natPictures.ts` draws them
 * anew; a test holds the files against what is drawn.
 */
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import * as Path from "node:path"
import * as SimulatedWorld from "../../src/layers/simulated/SimulatedWorld.ts"
import { both, natTcp, natUdp, portNat, RFC_UDP_TIMEOUTS, ROUTED } from "../../src/protocols/nat/devices/rules.ts"
import * as Trace from "../../src/protocols/trace/Trace.ts"
import type { FamilyRules, NatDevice } from "../../src/schemas/NatDevice.ts"
import { Tcp } from "../../src/services/Tcp.ts"
import { Udp, type UdpSocket } from "../../src/services/Udp.ts"
import { at, ip } from "../layers/simulated/kit.ts"

export const folder = Path.join(import.meta.dirname, "../../docs/nat")

const NAT = "198.51.100.1"
const SERVER = "203.0.113.10"
const OTHER = "203.0.113.20"

type Host = "you" | "sister" | "server" | "other"

/** One packet from a port of a host: a datagram, or a SYN. */
interface Send {
  readonly at: number
  readonly by: Host
  readonly port: number
  readonly to: string
  readonly tcp?: boolean
}

export interface Scene {
  readonly name: string
  readonly title: string
  readonly rules: FamilyRules
  readonly sends: ReadonlyArray<Send>
  /** Before the NAT that `rules` are of: another one. */
  readonly home?: FamilyRules
}

/** Three destinations for one socket: two ports of one address, and another address. */
const asking: ReadonlyArray<Send> = [`${SERVER}:3478`, `${SERVER}:3479`, `${OTHER}:3478`].map((to, index) => ({
  at: index * 8,
  by: "you",
  port: 5000,
  to
}))

/** Three strangers for a port that has sent to the first of them. */
const knocking: ReadonlyArray<Send> = [
  { at: 0, by: "you", port: 5000, to: `${SERVER}:3478` },
  { at: 30, by: "server", port: 3478, to: `${NAT}:5000` },
  { at: 42, by: "server", port: 3479, to: `${NAT}:5000` },
  { at: 54, by: "other", port: 3478, to: `${NAT}:5000` }
]

/** New sockets, two of them with neighbouring ports. */
const opening: ReadonlyArray<Send> = [5000, 5001, 7000, 5002].map((port, index) => ({
  at: index * 8,
  by: "you",
  port,
  to: `${SERVER}:3478`
}))

const dialled: ReadonlyArray<Send> = [{ at: 0, by: "other", port: 40_000, to: `${NAT}:5000`, tcp: true }]

const nat = (own: Parameters<typeof both>[0]): FamilyRules => portNat(both(own))
const EIM = "endpoint-independent"
const ADM = "address-dependent"
const APDM = "address-and-port-dependent"
const random = { _tag: "Random" } as const

const strangers = (unsolicited: "drop" | "rst" | "icmp"): FamilyRules => portNat({ tcp: natTcp({ unsolicited }) })
const turning = (hairpinning: "none" | "external-source"): FamilyRules => portNat({ ...both({}), hairpinning })
const between: ReadonlyArray<Send> = [
  { at: 0, by: "you", port: 5000, to: `${SERVER}:3478` },
  { at: 8, by: "sister", port: 6000, to: `${SERVER}:3478` },
  { at: 40, by: "you", port: 5000, to: `${NAT}:6000` },
  { at: 48, by: "sister", port: 6000, to: `${NAT}:5000` }
]

export const scenes: ReadonlyArray<Scene> = [
  {
    name: "mapping-endpoint-independent",
    title: "Endpoint-independent mapping: one port for all",
    rules: nat({ mapping: EIM, allocation: random }),
    sends: asking
  },
  {
    name: "mapping-address-dependent",
    title: "Address-dependent mapping: a port for each address",
    rules: nat({ mapping: ADM, allocation: random }),
    sends: asking
  },
  {
    name: "mapping-address-and-port-dependent",
    title: "Address-and-port-dependent mapping: a port for each endpoint",
    rules: nat({ mapping: APDM, allocation: random }),
    sends: asking
  },
  {
    name: "filtering-endpoint-independent",
    title: "Endpoint-independent filtering: anybody gets in",
    rules: nat({ filtering: EIM }),
    sends: knocking
  },
  {
    name: "filtering-address-dependent",
    title: "Address-dependent filtering: any port of an address that was sent to",
    rules: nat({ filtering: ADM }),
    sends: knocking
  },
  {
    name: "filtering-address-and-port-dependent",
    title: "Address-and-port-dependent filtering: only who was sent to",
    rules: nat({ filtering: APDM }),
    sends: knocking
  },
  { name: "delta-equal", title: "Delta equal: the inside port", rules: nat({}), sends: opening },
  {
    name: "delta-preserving",
    title: "Delta preserving +1000: the inside port, moved",
    rules: nat({ allocation: { _tag: "Preserving", offset: 1000 } }),
    sends: opening
  },
  {
    name: "delta-independent",
    title: "Delta independent +2: the last new port, and 2 more",
    rules: nat({ allocation: { _tag: "Independent", step: 2 } }),
    sends: opening
  },
  {
    name: "delta-dependent",
    title: "Delta dependent +2: so only for neighbouring inside ports",
    rules: nat({ allocation: { _tag: "Dependent", step: 2 } }),
    sends: opening
  },
  { name: "delta-random", title: "Delta random", rules: nat({ allocation: random }), sends: opening },
  {
    name: "range",
    title: "A range of four ports, counted through by 1",
    rules: nat({ allocation: { _tag: "Independent", step: 1 }, range: { first: 40_000, last: 40_003 } }),
    sends: opening
  },
  { name: "unsolicited-drop", title: "Unsolicited SYN: dropped", rules: strangers("drop"), sends: dialled },
  { name: "unsolicited-rst", title: "Unsolicited SYN: refused", rules: strangers("rst"), sends: dialled },
  { name: "unsolicited-icmp", title: "Unsolicited SYN: told by ICMP", rules: strangers("icmp"), sends: dialled },
  {
    name: "hairpin",
    title: "Hairpinning: two inside hosts meet outside",
    rules: turning("external-source"),
    sends: between
  },
  { name: "no-hairpin", title: "No hairpinning", rules: turning("none"), sends: between },
  {
    name: "lifetime",
    title: "A mapping that lives for 30 s",
    rules: portNat({ udp: natUdp({ timeouts: { ...RFC_UDP_TIMEOUTS, unreplied: 30_000, replied: 30_000 } }) }),
    sends: [
      { at: 0, by: "you", port: 5000, to: `${SERVER}:3478` },
      { at: 29_000, by: "server", port: 3478, to: `${NAT}:5000` },
      { at: 61_000, by: "server", port: 3478, to: `${NAT}:5000` }
    ]
  },
  {
    name: "double",
    title: "A home router behind a carrier's NAT",
    rules: nat({ allocation: random }),
    home: nat({}),
    sends: [{ at: 0, by: "you", port: 5000, to: `${SERVER}:3478` }]
  },
  {
    name: "blocked",
    title: "UDP blocked",
    rules: portNat({ udp: { _tag: "Blocked", answer: "drop" } }),
    sends: [
      { at: 0, by: "you", port: 5000, to: `${SERVER}:3478` },
      { at: 8, by: "you", port: 5000, to: `${SERVER}:3478`, tcp: true }
    ]
  }
]

const deviceOf = (rules: FamilyRules): NatDevice => ({
  name: "device",
  summary: "of a picture",
  ipv4: rules,
  ipv6: ROUTED
})

const worldOf = ({ home, rules }: Scene) => ({
  seed: 3,
  link: { latency: 5 },
  hosts: {
    you: { network: "home" },
    sister: { network: "home" },
    server: { addresses: [SERVER] },
    other: { addresses: [OTHER] }
  },
  networks: {
    home: { prefixes: ["192.168.1.0/24"], link: { latency: 2 } },
    ...(home === undefined ? {} : { carrier: { prefixes: ["100.64.0.0/24"], link: { latency: 2 } } })
  },
  gateways:
    home === undefined
      ? { nat: { device: deviceOf(rules), inside: ["home"], outside: "internet", addresses: [NAT] } }
      : {
          router: { device: deviceOf(home), inside: ["home"], outside: "carrier", link: { latency: 2 } },
          nat: { device: deviceOf(rules), inside: ["carrier"], outside: "internet", addresses: [NAT] }
        }
})

/** What one host sends, each port a socket of its own, all open from the beginning. */
const play = Effect.fnUntraced(function* (sends: ReadonlyArray<Send>, open: ReadonlyArray<number>, until: number) {
  const udp = yield* Udp
  const tcp = yield* Tcp
  const sockets = new Map<number, UdpSocket>()
  const datagrams = sends.filter(({ tcp }) => tcp !== true)
  for (const port of new Set([...open, ...datagrams.map((each) => each.port)])) {
    sockets.set(port, yield* udp.bind({ address: ip("0.0.0.0"), port }))
  }
  let now = 0
  for (const send of sends) {
    yield* Effect.sleep(send.at - now)
    now = send.at
    if (send.tcp !== true) yield* sockets.get(send.port)!.send(new Uint8Array(4), at(send.to))
    else yield* Effect.ignore(Effect.scoped(tcp.dial({ remote: at(send.to), local: { port: send.port }, timeout: 60 })))
  }
  yield* Effect.sleep(until - now)
}, Effect.scoped)

/** Takes connections and says nothing. */
const listening = Effect.gen(function* () {
  const tcp = yield* Tcp
  yield* tcp.listen({ address: ip("0.0.0.0"), port: 3478 })
  return yield* Effect.never
}).pipe(Effect.scoped)

const SERVER_PORTS = [3478, 3479]

export const draw = Effect.fnUntraced(function* (scene: Scene) {
  const world = yield* SimulatedWorld.make(worldOf(scene), { trace: true })
  const until = scene.sends.at(-1)!.at + 100
  const by = (host: Host, open: ReadonlyArray<number> = []) =>
    play(
      scene.sends.filter((send) => send.by === host),
      open,
      until
    )
  const programs = {
    you: by("you"),
    sister: by("sister"),
    server: by("server", SERVER_PORTS),
    other: by("other", SERVER_PORTS)
  }
  yield* world.run(programs, { background: { server: listening } })
  yield* world.settle("1 second")
  const seen = new Set(world.trace.flatMap(({ from, to }) => (to === undefined ? [from] : [from, to])))
  const captions = { you: "192.168.1.2", sister: "192.168.1.3", nat: NAT, server: SERVER, other: OTHER }
  return Trace.toSvg(world.trace, {
    title: scene.title,
    columns: ["sister", "you", "router", "nat", "server", "other"].filter((name) => seen.has(name)),
    gateways: ["nat", "router"].filter((name) => seen.has(name)),
    captions
  })
})

if (import.meta.main) {
  mkdirSync(folder, { recursive: true })
  for (const scene of scenes) {
    const svg = await Effect.runPromise(draw(scene))
    writeFileSync(Path.join(folder, `${scene.name}.svg`), svg)
    console.log(scene.name, svg.length)
  }
}
