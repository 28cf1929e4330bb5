/** Profiles measured through the NAT model of the simulator: every device it has, against the rules the device states. */
import { assert, describe, it } from "@effect/vitest"
import { classicDevices } from "../../../src/protocols/nat/devices/classic.ts"
import { devices } from "../../../src/protocols/nat/devices/devices.ts"
import type * as NatDevice from "../../../src/schemas/NatDevice.ts"
import type { Transport } from "../../../src/schemas/NatObservation.ts"
import type { Rules } from "./lab/Box.ts"
import type { LinkRules } from "./lab/Internet.ts"
import { modelBox } from "./lab/modelBox.ts"
import { CLEAN, EXTERNAL, INSIDE, measure, ROUGH } from "./lab/scenario.ts"
import { FIELDS, Tally } from "./lab/truth.ts"

const STUN_PORT = 3478

const open: Rules = {
  translated: false,
  mapping: "endpoint-independent",
  filtering: "endpoint-independent",
  delta: { kind: "equal", step: 0 },
  range: [1, 65_535],
  unsolicited: "drop",
  hairpin: false,
  blocked: false
}

const deltaOf = (allocation: NatDevice.Allocation): Rules["delta"] => {
  switch (allocation._tag) {
    case "Equal":
      return { kind: "equal", step: 0 }
    case "Preserving":
      return { kind: "preserving", step: allocation.offset }
    case "Independent":
      return { kind: "independent", step: allocation.step }
    case "Dependent":
      return { kind: "dependent", step: allocation.step }
    case "Random":
      return { kind: "random", step: 0 }
  }
}

/** What a client can find out about a device, in the words of a profile. */
const truthOf = (rules: NatDevice.FamilyRules, transport: Transport): Rules => {
  if (rules._tag === "Routed") return open
  if (rules._tag === "Absent") return { ...open, blocked: true }
  const own = rules[transport]
  if (own._tag === "Blocked" || own.remotePorts?.includes(STUN_PORT) === false) return { ...open, blocked: true }
  const common: Rules = {
    ...open,
    translated: rules._tag !== "Firewall",
    filtering: own.filtering === "open" ? "endpoint-independent" : own.filtering,
    unsolicited: own.unsolicited,
    hairpin: rules._tag !== "Firewall" && rules.hairpinning.endsWith("source")
  }
  if (!("mapping" in own)) return common
  return {
    ...common,
    // Flows that share a port as long as they can look like one mapping, and are one to every peer.
    mapping: own.overloading && own.allocation._tag === "Equal" ? "endpoint-independent" : own.mapping,
    delta: deltaOf(own.allocation),
    range: [own.range.first, own.range.last]
  }
}

const score = (list: ReadonlyArray<NatDevice.NatDevice>, link: LinkRules, seeds: ReadonlyArray<number>): Tally => {
  const tally = new Tally()
  for (const device of list) {
    if (device.ipv4._tag === "Absent") continue
    const inside = device.ipv4._tag === "Routed" || device.ipv4._tag === "Firewall" ? EXTERNAL : INSIDE
    for (const seed of seeds) {
      const measured = measure({ box: (random) => modelBox(device, EXTERNAL, random), link, seed, inside })
      for (const transport of ["udp", "tcp"] as const) {
        const where = `${device.name}, ${transport}, seed ${seed}`
        tally.add(measured.profiles[transport], truthOf(device.ipv4, transport), where)
      }
    }
  }
  return tally
}

describe("devices of the simulator", () => {
  it("all of them on a clean network", { timeout: 60_000 }, () => {
    const tally = score(devices, CLEAN, [1, 2, 3])
    console.log(tally.table(`${devices.length} devices, 3 seeds, UDP and TCP`))
    assert.isAtLeast(devices.length, 40)
    assert.deepStrictEqual(tally.faults, [])
  })

  it("the classic ones on a rough network", { timeout: 60_000 }, () => {
    const tally = score(classicDevices, ROUGH, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    for (const field of FIELDS) {
      const { asked, confidentlyWrong, right } = tally.scores[field]
      assert.isAtLeast(right / asked, 0.99, `${field}:\n${tally.faults.join("\n")}`)
      assert.strictEqual(confidentlyWrong, 0, `${field}:\n${tally.faults.join("\n")}`)
    }
  })
})
