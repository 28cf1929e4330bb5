/** What is left of an address that keeps something to itself. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import { withPrivacy } from "../../../src/protocols/address/PeerAddress.ts"
import type { PeerAddress } from "../../../src/schemas/PeerAddress.ts"
import { twoInterfaces, realistic, worstUsual } from "./examples.ts"
import * as Kit from "./kit.ts"

const candidatesOf = ({ interfaces }: PeerAddress): ReadonlyArray<string> =>
  interfaces.flatMap(({ candidates }) =>
    candidates.map(({ endpoint, kind, transport }) => `${kind} ${transport} ${NetAddress.formatInet(endpoint)}`)
  )

describe("withPrivacy", () => {
  it("changes nothing unless asked", () => {
    for (const given of [realistic, worstUsual, twoInterfaces]) {
      assert.strictEqual(withPrivacy(given, {}), given)
      assert.strictEqual(withPrivacy(given, { lan: true, only: undefined }), given)
    }
  })

  it("leaves out every address that only a local network reaches, and its tags", () => {
    const local = [
      "10.1.2.3",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.1.1",
      "100.64.0.1",
      "127.0.0.1",
      "[::1]",
      "[fe80::1]",
      "[fd00::1]",
      "[fec0::1]"
    ]
    const open = ["203.0.113.7", "172.32.0.1", "100.128.0.1", "[2001:db8::1]"]
    const texts = [...local, ...open].flatMap((host, n) =>
      ["host", "reflexive", "mapped"].map((kind) => `${kind} tcp ${host}:${n + 1}`)
    )
    const given = Kit.address({
      interfaces: [
        { candidates: texts.map(Kit.candidate), nats: realistic.interfaces[0]!.nats, network: new Uint8Array(6) }
      ],
      locality: realistic.locality
    })
    const left = withPrivacy(given, { lan: false })
    assert.deepStrictEqual(candidatesOf(left), texts.slice(local.length * 3))
    assert.deepStrictEqual(left.interfaces[0]!.nats, realistic.interfaces[0]!.nats)
    assert.notProperty(left.interfaces[0], "network")
    // The machine's tag tells nobody else anything.
    assert.deepStrictEqual(left.locality, realistic.locality)
  })

  it("leaves out a salt that nothing was made with", () => {
    assert.isDefined(twoInterfaces.locality)
    assert.isUndefined(withPrivacy(twoInterfaces, { lan: false }).locality)
  })

  it("leaves nothing but brokers", () => {
    for (const lan of [true, false, undefined]) {
      const { brokers, expires, peer, sequence } = realistic
      const expected = { peer, sequence, expires, brokers, interfaces: [], locality: undefined }
      assert.deepStrictEqual(withPrivacy(realistic, { only: "brokers", lan }), expected)
    }
    const signed = Kit.signWith(Kit.ALICE, withPrivacy(realistic, { only: "brokers" }))
    const bytes = Buffer.from(signed.bytes)
    for (const part of ["c0a80117", "cb007107", "20010db8", Kit.toHex(realistic.locality!.salt)]) {
      assert.isFalse(bytes.includes(Buffer.from(part, "hex")), part)
      assert.isTrue(Buffer.from(Kit.signWith(Kit.ALICE, realistic).bytes).includes(Buffer.from(part, "hex")))
    }
  })
})
