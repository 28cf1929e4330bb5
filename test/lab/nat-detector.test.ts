/**
 * `p2p nat` behind real Linux NATs of every kind that nftables can express: over UDP and TCP, against our own server. Every fourth
 * kind, once; with `P2P_FULL=1`, as CI does, each kind ten times, and against coturn too.
 *
 * Needs root, `ip netns` and `nft`; elsewhere skipped.
 */
import { assert, describe, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { NatSummary } from "../../src/schemas/NatProfile.ts"
import { p2p, spawned } from "../cli/command.ts"
import { child } from "../support/childProcess.ts"
import { unavailable } from "../support/namespace.ts"
import { type Kind, kinds } from "./support/natKinds.ts"
import { behind, COTURN, coturn, FULL, outsideMachine, PLAIN } from "./support/natNetwork.ts"

const why =
  unavailable() ??
  (() => {
    try {
      execFileSync("nft", ["--version"], { stdio: "ignore" })
      return undefined
    } catch {
      return "no nft"
    }
  })()
if (why !== undefined) console.log(`skipped: p2p nat behind real NATs (${why})`)

const isFull = process.env["P2P_FULL"] === "1"
const RUNS = 10

const servers = fileURLToPath(new URL("support/stunServers.ts", import.meta.url))

const outside = Effect.gen(function* () {
  const name = yield* outsideMachine
  const running = yield* child("ip", ["netns", "exec", name, process.execPath, servers])
  yield* Effect.orDie(running.line)
  return name
})

const Summaries = Schema.Array(NatSummary)
const fromText = Schema.decodeUnknownEffect(Schema.fromJsonString(Summaries))
const fromJson = Schema.decodeUnknownEffect(Schema.Array(Summaries))

const nat = Effect.fnUntraced(function* (host: string, servers: ReadonlyArray<string>) {
  const named = servers.flatMap((server) => ["--server", `stun:${server}`])
  const { ended } = yield* spawned("ip", ["netns", "exec", host, p2p, "nat", "--json", ...named])
  const { code, stderr, stdout } = yield* ended
  assert.deepStrictEqual([code, stderr], [0, ""])
  return yield* fromText(stdout.toString())
}, Effect.scoped)

const probe = fileURLToPath(new URL("support/natProbe.ts", import.meta.url))

const more = Effect.fnUntraced(function* (host: string, { more, servers }: Asked) {
  if (more === 0) return []
  const running = yield* child("ip", ["netns", "exec", host, process.execPath, probe])
  return yield* Effect.flatMap(running.ask(`${more} ${servers.join(" ")}`), fromJson)
}, Effect.scoped)

interface Asked {
  readonly name: string
  readonly servers: ReadonlyArray<string>
  /** Of the command, and beside those of the detector alone: a process takes longer to start than to measure. */
  readonly commands: number
  readonly more: number
  /** What can be known of a kind by these servers. */
  readonly truthOf: (kind: Kind) => Kind["truth"]
}

const ours: Asked = {
  name: "our server",
  servers: [FULL[0], PLAIN],
  commands: 1,
  more: isFull ? RUNS - 1 : 0,
  truthOf: ({ truth }) => truth
}

/** One server, which dials nobody back: over TCP nothing shows of filters, and blocked is not told from dead. */
const coturns: Asked = {
  name: "coturn",
  servers: [COTURN[0]],
  commands: 0,
  more: RUNS,
  truthOf: ({ truth: { tcp, udp } }) => {
    const type = tcp.type === "symmetric" ? "symmetric" : "unknown"
    if (tcp.type !== "blocked") return { udp, tcp: { ...tcp, unsolicited: "unknown", filtering: "unknown", type } }
    return udp.type === "blocked" ? { udp: { type: "unknown" }, tcp: { type: "unknown" } } : { udp, tcp }
  }
}

interface Fault {
  readonly field: string
  readonly text: string
}

/** What is said that is not so. */
const faultsOf = (truths: Kind["truth"], found: ReadonlyArray<NatSummary>): ReadonlyArray<Fault> =>
  found.flatMap((summary) => {
    const truth: Record<string, unknown> = truths[summary.transport]
    return Object.entries(truth).flatMap(([field, value]) => {
      const said = summary[field as keyof NatSummary]
      if (field === "range" ? covers(said, value) : JSON.stringify(said) === JSON.stringify(value)) return []
      const { confidence = 0, detail } = summary.evidence[field] ?? {}
      const because = detail ?? `${Math.floor(confidence * 100)} %`
      const name = `${summary.transport} ${field}`
      return [{ field: name, text: `${name} is ${JSON.stringify(said)} (${because}), not ${JSON.stringify(value)}` }]
    })
  })

// Of a range that is guessed from samples: most of it, and not much more.
const covers = (said: unknown, truth: unknown): boolean => {
  if (!Array.isArray(said) || !Array.isArray(truth)) return false
  const [low, high] = said as [number, number]
  const [first, last] = truth as [number, number]
  const common = Math.min(high, last) - Math.max(low, first) + 1
  return common / (last - first + 1) > 0.6 && common / (high - low + 1) > 0.6
}

/** What is said behind a router of this kind that is not so, in all runs. */
const once = Effect.fnUntraced(function* (kind: Kind, outside: string, asked: Asked) {
  const host = yield* behind(kind, outside)
  const commands = yield* Effect.replicateEffect(nat(host, asked.servers), asked.commands)
  const measured = [...commands, ...(yield* more(host, asked))]
  assert.strictEqual(measured.length, asked.commands + asked.more)
  return measured.flatMap((found, run) => {
    const subjects = found.map(({ family, interface: device, transport }) => `${device} ${family} ${transport}`)
    assert.deepStrictEqual(subjects, ["eth0 IPv4 udp", "eth0 IPv4 tcp"])
    return faultsOf(asked.truthOf(kind), found).map(({ field, text }) => ({ field, text: `run ${run + 1}: ${text}` }))
  })
}, Effect.scoped)

/**
 * The same, where it shows twice. A machine that does not run a process for as long as a probe is waited for makes something
 * silent that is not; then all runs are made again, and what is wrong must be wrong again.
 */
const measure = Effect.fnUntraced(function* (kind: Kind, outside: string, asked: Asked) {
  const faults = yield* once(kind, outside, asked)
  if (faults.length === 0) return []
  console.log(`measured again: ${kind.name}, by ${asked.name}: ${faults.map(({ text }) => text).join("; ")}`)
  const again = yield* once(kind, outside, asked)
  return faults.filter((fault) => again.some(({ field }) => field === fault.field)).map(({ text }) => text)
})

/** Measurements that run at the same time: they mostly wait. */
const AT_ONCE = 4

// Neighbours in the list are most alike.
const chosen = isFull ? kinds : kinds.filter((_, index) => index % 4 === 0)

const all = [ours, ...(isFull ? [coturns] : [])].flatMap((asked) =>
  chosen.map((kind) => ({ kind, asked, name: `${kind.name}, by ${asked.name}` }))
)

class Lab extends Context.Service<Lab, ReadonlyMap<string, Fiber.Fiber<ReadonlyArray<string>>>>()("test/Lab") {}

const lab = Effect.gen(function* () {
  const name = yield* outside
  if (isFull) yield* coturn(name)
  const turns = yield* Semaphore.make(AT_ONCE)
  const fibers = yield* Effect.forEach(all, ({ asked, kind, name: test }) =>
    Effect.map(
      Effect.forkScoped(Effect.orDie(turns.withPermits(1)(measure(kind, name, asked)))),
      (fiber) => [test, fiber] as const
    )
  )
  return new Map(fibers)
})

const limit = { timeout: isFull ? 600_000 : 60_000 }

describe.skipIf(why !== undefined)("p2p nat behind real NATs", () => {
  layer(Layer.effect(Lab, Effect.orDie(lab)), { excludeTestServices: true })((it) => {
    for (const { name } of all) {
      it.effect(
        name,
        () =>
          Effect.gen(function* () {
            const fibers = yield* Lab
            assert.deepStrictEqual(yield* Fiber.join(fibers.get(name)!), [])
          }),
        limit
      )
    }
  })
})
