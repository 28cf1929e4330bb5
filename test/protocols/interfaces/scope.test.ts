import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { interfaceAddress, scopeOf } from "../../../src/protocols/interfaces/scope.ts"

const ip = NetAddress.ipFromStringUnsafe

describe("scopeOf", () => {
  const cases: Record<string, ReadonlyArray<string>> = {
    host: ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"],
    link: ["169.254.1.1", "fe80::1", "febf::1"],
    site: [
      "10.0.0.1",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1",
      "100.127.255.255",
      "fd00::1",
      "fc00::1",
      "fec0::1",
      "::ffff:10.0.0.1"
    ],
    global: ["192.0.2.1", "8.8.8.8", "172.32.0.1", "100.63.255.255", "100.128.0.1", "2001:db8::1", "2606::1"]
  }
  for (const [scope, addresses] of Object.entries(cases)) {
    it(`${scope}`, () => {
      for (const address of addresses) assert.strictEqual(scopeOf(ip(address)), scope, address)
    })
  }

  it("keeps a scope id only where the address needs one", () => {
    assert.strictEqual(interfaceAddress(ip("fe80::1"), 64, 4).scopeId, 4)
    assert.notProperty(interfaceAddress(ip("fe80::1"), 64, 0), "scopeId")
    assert.notProperty(interfaceAddress(ip("2001:db8::1"), 64, 4), "scopeId")
    assert.notProperty(interfaceAddress(ip("169.254.1.1"), 16, 4), "scopeId")
  })
})
