import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { classic, classicDevices, DELTAS, TYPES } from "../../../src/protocols/nat/devices/classic.ts"
import { deviceNamed, devices } from "../../../src/protocols/nat/devices/devices.ts"
import { realisticDevices } from "../../../src/protocols/nat/devices/realistic.ts"
import { both, natUdp, portNat } from "../../../src/protocols/nat/devices/rules.ts"
import { NatDevice, NatUdp } from "../../../src/schemas/NatDevice.ts"

describe("devices", () => {
  it.each(devices.map((device) => ({ name: device.name, device })))(
    "$name is a valid description, in JSON too",
    ({ device }) => {
      const json = JSON.parse(JSON.stringify(device))
      assert.deepStrictEqual(Result.getOrThrow(Schema.decodeUnknownResult(NatDevice)(json)), device)
      assert.match(device.summary, /^[A-Z].*\.$/, "a sentence")
    }
  )

  it("have names of their own, which are found", () => {
    assert.strictEqual(new Set(devices.map(({ name }) => name)).size, devices.length)
    for (const device of devices) assert.strictEqual(Result.getOrThrow(deviceNamed(device.name)), device)
  })

  it("are every classic type with every delta, those without ports once, and a score of real ones", () => {
    const all = TYPES.flatMap((type) => DELTAS.map((delta) => classic(type, delta)))
    assert.strictEqual(all.length, 35)
    assert.strictEqual(classicDevices.length, 4 * 5 + 3)
    for (const device of all) assert.include(classicDevices, device)
    assert.isAtLeast(realisticDevices.length, 20)
  })
})

describe("a name nobody has", () => {
  const complaint = (name: string): string => {
    const result = deviceNamed(name)
    return Result.isFailure(result) ? result.failure.message : "found"
  }

  it("is answered with those close to it, and where to find all", () => {
    assert.strictEqual(
      complaint("openwort"),
      `No device is called "openwort". Close to it: openwrt. \`p2p simulate --list\` prints all ${devices.length}.`
    )
    assert.match(complaint("Full-Cone"), /Close to it: full-cone-equal, /)
    assert.match(complaint("hotell"), /Close to it: hotel\./)
  })

  it("gets no guesses when nothing is close, or endless", () => {
    assert.notInclude(complaint("zzzzzzzzzzzzzzzz"), "Close to it")
    assert.notInclude(complaint(""), "Close to it")
    assert.notInclude(complaint("x".repeat(100_000)), "Close to it")
  })
})

describe("a description that cannot be", () => {
  const problem = (udp: object): string => {
    const result = Schema.decodeUnknownResult(NatUdp)(udp)
    return Result.isFailure(result) ? result.failure.message : "accepted"
  }

  it.each([
    ["an empty port range", natUdp({ range: { first: 5, last: 4 } }), /a port range from 5 to 4 is empty/],
    ["a port that is none", natUdp({ range: { first: 5, last: 70_000 } }), /range.*last|last/s],
    [
      "overloading with one mapping for all",
      natUdp({ overloading: true }),
      /overloading needs address-and-port-dependent/
    ],
    [
      "strangers holding ports that are not shared",
      natUdp({ strangersHoldPorts: true }),
      /strangersHoldPorts needs overloading/
    ],
    ["no time at all", natUdp({ timeouts: { unreplied: 0, replied: 1 } }), /greater than 0/],
    ["an open filter without a place to go", { ...natUdp(), filtering: "open" }, /filtering/]
  ])("%s is refused with its place", (_what, udp, message) => assert.match(problem(udp), message))

  it("names the field", () => {
    const device = { name: "Not Kebab", summary: "x.", ipv4: portNat(both({})), ipv6: { _tag: "Routed" } }
    const result = Schema.decodeUnknownResult(NatDevice)(device)
    assert.match(Result.isFailure(result) ? result.failure.message : "", /"name"/)
  })
})
