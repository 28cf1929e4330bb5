/**
 * The real thing: the library reads network namespaces this test builds, from a process inside, and sees what changes there.
 * Needs root, `ip` and `nsenter`; elsewhere these tests are skipped and say so.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile, execFileSync, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { layer, layerWith } from "../../../src/layers/node/Interfaces.ts"
import { type InterfaceChange, NetworkInterfaces } from "../../../src/schemas/NetworkInterface.ts"
import { Interfaces } from "../../../src/services/Interfaces.ts"
import { lines } from "../../protocols/interfaces/fixtures.ts"

const script = fileURLToPath(new URL("../../fixtures/interfaces/watch.ts", import.meta.url))

const missing = (): string | undefined => {
  if (process.platform !== "linux") return `this is ${process.platform}, not Linux`
  if (process.getuid?.() !== 0) return "not root"
  for (const tool of ["ip", "nsenter"]) {
    try {
      execFileSync("which", [tool], { stdio: "ignore" })
    } catch {
      return `no ${tool}`
    }
  }
  return undefined
}

const why = missing()
if (why !== undefined) console.log(`skipped: interfaces in network namespaces (${why})`)

const exec = promisify(execFile)
const command = (line: string) => {
  const [file = "", ...args] = line.split(" ")
  return Effect.promise(() => exec(file, args))
}

let count = 0

/** A network namespace of its own, removed with the scope. Gives the prefix of commands that run in it. */
const namespace = Effect.acquireRelease(
  Effect.suspend(() => {
    const name = `p2pif-${process.pid}-${++count}`
    return Effect.as(command(`ip netns add ${name}`), name)
  }),
  (name) => command(`ip netns del ${name}`)
)

const build = Effect.fnUntraced(function* (name: string, steps: string) {
  for (const step of steps.trim().split("\n")) yield* command(`ip -n ${name} ${step}`)
})

type Change = typeof InterfaceChange.Encoded

interface Line {
  readonly IPv4?: string
  readonly list?: unknown
  readonly changes?: ReadonlyArray<Change>
}

// So rarely that a test sees nothing of it.
const hour = 3_600_000

/** Starts the script by a command, and gives its lines. Closing the scope ends its standard input and waits for its exit. */
const started = Effect.fnUntraced(function* (prefix: string, refreshMillis: number = hour) {
  const [file = "", ...args] = `${prefix} ${process.execPath} ${script} ${refreshMillis}`.split(" ")
  const queue = yield* Queue.unbounded<Line>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] })
      createInterface({ input: child.stdout }).on("line", (text) => Queue.offerUnsafe(queue, JSON.parse(text) as Line))
      return child
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.stdin.end()
      }).pipe(
        Effect.timeout("5 seconds"),
        Effect.catch(() => Effect.sync(() => child.kill("SIGKILL")))
      )
  )
  return queue
})

type Tagged<Tag extends Change["_tag"]> = Extract<Change, { readonly _tag: Tag }>

// Reads on until a change of this description comes; others may come first.
const until = Effect.fnUntraced(function* <Tag extends Change["_tag"]>(
  queue: Queue.Queue<Line>,
  tag: Tag,
  wanted: (change: Tagged<Tag>) => boolean = () => true
) {
  for (;;) {
    const { changes } = yield* Queue.take(queue)
    const found = changes?.find((change): change is Tagged<Tag> => change._tag === tag && wanted(change as Tagged<Tag>))
    if (found !== undefined) return found
  }
})

// No link-local addresses: the kernel checks them for a second or two, and a change then could hide one that was missed.
const uplinks = `
link set lo up
link add up0 address 02:00:5e:10:00:01 type veth peer name peer0
link add up1 address 02:00:5e:10:00:03 type veth peer name peer1
link add off0 address 02:00:5e:10:00:05 type veth peer name peer2
link set up0 mtu 1400 addrgenmode none
link set up1 addrgenmode none
link set peer0 addrgenmode none
link set peer1 addrgenmode none
link set peer0 up
link set peer1 up
link set up0 up
link set up1 up
addr add 192.0.2.10/24 dev up0
addr add 198.51.100.10/25 dev up1
addr add 2001:db8:1::10/64 dev up0 nodad
addr add 2001:db8:2::10/64 dev up1 nodad
route add default via 192.0.2.1 dev up0 metric 200
route add default via 198.51.100.1 dev up1 metric 100
-6 route add default via 2001:db8:1::1 dev up0 metric 512
-6 route add default via 2001:db8:2::1 dev up1 metric 1024
`

/** Builds the two uplinks and waits until the kernel has noticed that their cables are plugged in. */
const buildUplinks = Effect.fnUntraced(function* (name: string) {
  yield* build(name, uplinks)
  for (const device of ["up0", "up1"]) {
    yield* command(`ip -n ${name} link show ${device}`).pipe(
      Effect.repeat({ until: ({ stdout }) => stdout.includes("state UP"), schedule: Schedule.spaced("20 millis") })
    )
  }
})

describe.skipIf(why !== undefined)("in a network namespace", () => {
  it.live("lists interfaces, finds the default per family, and tells every change", () =>
    Effect.gen(function* () {
      const name = yield* namespace
      yield* buildUplinks(name)
      const queue = yield* started(`ip netns exec ${name}`)

      assert.deepStrictEqual(yield* Queue.take(queue), {
        IPv4: "up1",
        IPv6: "up0",
        byName: "off0",
        unknown:
          'interfaces byName "eth9": no interface has that name; use one of these: lo, peer0, up0, peer1, up1, peer2, off0',
        byAddress: "up1",
        noAddress:
          "interfaces byAddress 203.0.113.9: no interface has that address; use one of these: 127.0.0.1, ::1, 192.0.2.10, 2001:db8:1::10, 198.51.100.10, 2001:db8:2::10"
      } as Line)
      const first = yield* Queue.take(queue)
      assert.deepStrictEqual(first.changes, [])
      assert.deepStrictEqual(
        lines(Schema.decodeUnknownSync(NetworkInterfaces)(first.list)).filter((line) => !line.startsWith("peer")),
        [
          "lo#1 loopback URL, mtu 65536, 127.0.0.1/8 host, ::1/128 host",
          "up0#3 virtual URMB, mtu 1400, 02:00:5e:10:00:01, 192.0.2.10/24 global, 2001:db8:1::10/64 global, via 192.0.2.1 metric 200, via 2001:db8:1::1 metric 512, default IPv6",
          "up1#5 virtual URMB, mtu 1500, 02:00:5e:10:00:03, 198.51.100.10/25 global, 2001:db8:2::10/64 global, via 198.51.100.1 metric 100, via 2001:db8:2::1 metric 1024, default IPv4",
          "off0#7 virtual MB, mtu 1500, 02:00:5e:10:00:05"
        ]
      )

      yield* build(name, "link add new0 type veth peer name new1")
      const added = yield* until(queue, "Added", (change) => change.interface.name === "new0")
      assert.strictEqual(added.interface.flags.up, false)

      yield* build(name, "link set new0 addrgenmode none\nlink set new1 addrgenmode none")
      yield* build(name, "link set new1 up\nlink set new0 up\naddr add 203.0.113.7/24 dev new0")
      const address = yield* until(
        queue,
        "AddressAdded",
        (change) => change.interface === "new0" && change.address.scope === "global"
      )
      assert.deepStrictEqual(address.address, { address: "203.0.113.7", prefixLength: 24, scope: "global" })

      yield* build(name, "route add default via 203.0.113.1 dev new0 metric 10")
      assert.deepStrictEqual(yield* until(queue, "DefaultRouteChanged"), {
        _tag: "DefaultRouteChanged",
        family: "IPv4",
        before: { interface: "up1", gateway: "198.51.100.1" },
        after: { interface: "new0", gateway: "203.0.113.1" }
      })

      yield* build(name, "addr del 192.0.2.10/24 dev up0")
      const gone = yield* until(queue, "AddressRemoved", (change) => change.interface === "up0")
      assert.strictEqual(gone.address.address, "192.0.2.10")

      yield* build(name, "-6 route del default dev up0")
      assert.deepStrictEqual(yield* until(queue, "DefaultRouteChanged"), {
        _tag: "DefaultRouteChanged",
        family: "IPv6",
        before: { interface: "up0", gateway: "2001:db8:1::1" },
        after: { interface: "up1", gateway: "2001:db8:2::1" }
      })

      yield* build(name, "link del new0")
      yield* until(queue, "Removed", (change) => change.interface.name === "new0")

      yield* build(name, "-4 route del default dev up1")
      const last = yield* until(queue, "DefaultRouteChanged", (change) => change.after === undefined)
      assert.deepStrictEqual(last.before, { interface: "up1", gateway: "198.51.100.1" })
    }).pipe(Effect.timeout("15 seconds"))
  )

  it.live("the slow look sees what the quick one does not", () =>
    Effect.gen(function* () {
      const name = yield* namespace
      yield* build(name, "link add off0 type veth peer name off1")
      const queue = yield* started(`ip netns exec ${name}`, 100)
      yield* Queue.take(queue)
      assert.deepStrictEqual((yield* Queue.take(queue)).changes, [])
      yield* build(name, "link set off0 mtu 1300")
      const updated = yield* until(queue, "Updated", (change) => change.after.name === "off0")
      assert.deepStrictEqual([updated.before.mtu, updated.after.mtu], [1500, 1300])
    }).pipe(Effect.timeout("15 seconds"))
  )

  it.live("with /sys of another namespace, it believes only /proc", () =>
    Effect.gen(function* () {
      const name = yield* namespace
      const other = yield* namespace
      yield* buildUplinks(name)
      // The other one has an interface of the same name, of another kind.
      yield* build(other, "link add up0 type bridge")
      const queue = yield* started(`ip netns exec ${other} nsenter --net=/run/netns/${name}`)
      assert.strictEqual((yield* Queue.take(queue)).IPv4, "up1")
      const found = lines(Schema.decodeUnknownSync(NetworkInterfaces)((yield* Queue.take(queue)).list))
      assert.strictEqual(
        found.find((line) => line.startsWith("up0")),
        "up0#3 unknown UR, 02:00:5e:10:00:01, 192.0.2.10/24 global, 2001:db8:1::10/64 global, via 192.0.2.1 metric 200, via 2001:db8:1::1 metric 512, default IPv6"
      )
    }).pipe(Effect.timeout("15 seconds"))
  )
})

describe("on this machine", () => {
  it.live("lists a loopback interface", () =>
    Effect.gen(function* () {
      const interfaces = yield* Interfaces
      const list = yield* interfaces.list
      const loopback = list.find((entry) => entry.kind === "loopback")
      assert(loopback !== undefined)
      assert.isTrue(loopback.flags.loopback)
      assert.strictEqual((yield* interfaces.byName(loopback.name)).name, loopback.name)
    }).pipe(Effect.provide(layer))
  )

  it.live("says which systems are supported when this one is not", () =>
    Effect.gen(function* () {
      const interfaces = yield* Interfaces
      const error = yield* Effect.flip(interfaces.list)
      assert.strictEqual(error.reason._tag, "UnsupportedPlatform")
      assert.include(error.message, "sunos is not supported")
    }).pipe(Effect.provide(layerWith({ platform: "sunos" })))
  )

  it.live("names the program that is not there", () =>
    Effect.gen(function* () {
      const interfaces = yield* Interfaces
      const error = yield* Effect.flip(interfaces.list)
      assert(error.reason._tag === "SourceFailed")
      assert.strictEqual(error.reason.kind, "NotFound")
      assert.include(error.message, "PowerShell (Get-NetAdapter")
    }).pipe(Effect.provide(layerWith({ platform: process.platform === "win32" ? "darwin" : "win32" })))
  )
})
