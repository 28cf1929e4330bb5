/** Whether the other could dial this peer: what decides if it is worth asking. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import type { Pair, Pairs } from "../../../src/protocols/connect/pair.ts"
import { chanceBack } from "../../../src/protocols/connect/plan.ts"
import type { AddressInterface } from "../../../src/schemas/PeerAddress.ts"
import { candidate } from "../address/kit.ts"

const mine = (
  filtering: "endpoint-independent" | "address-dependent" | undefined,
  ...candidates: ReadonlyArray<string>
) => {
  const nats = filtering === undefined ? [] : [{ family: "IPv4", transport: "tcp", filtering } as const]
  return [{ candidates: candidates.map(candidate), nats }] satisfies ReadonlyArray<AddressInterface>
}

const pair = (nearness: Pair["nearness"], chance: Pair["chance"]): Pair => ({
  interface: "eth0",
  family: "IPv4",
  local: NetAddress.ipFromStringUnsafe("10.0.0.2"),
  remote: NetAddress.inetAddressFromStringUnsafe("10.0.0.3:4000"),
  kind: "host",
  nearness,
  chance,
  why: ""
})

const hidden: Pairs = { pairs: [], skipped: [] }
const elsewhere: Pairs = { pairs: [pair("internet", "open")], skipped: [] }
const near: Pairs = { pairs: [pair("same-lan", "open")], skipped: [] }
const unrelated: Pairs = {
  pairs: [],
  skipped: [{ kind: "host", remote: pair("same-lan", "open").remote, why: "another network's" }]
}

describe("who could dial back", () => {
  const privately = mine(undefined, "host tcp 192.168.1.2:4000")
  const rows: ReadonlyArray<
    readonly [what: string, mine: ReadonlyArray<AddressInterface>, pairs: Pairs, chance: string]
  > = [
    ["a public address", mine(undefined, "host tcp 11.0.0.1:4000"), elsewhere, "unknown"],
    ["an open one", mine("endpoint-independent", "reflexive tcp 11.0.0.1:4000"), elsewhere, "open"],
    ["a filtered one", mine("address-dependent", "reflexive tcp 11.0.0.1:4000"), elsewhere, "filtered"],
    ["no TCP", mine(undefined, "host udp 11.0.0.1:4000"), hidden, "filtered"],
    ["nothing that listens, of who is near", mine("endpoint-independent"), near, "filtered"],
    ["nothing that listens", mine("endpoint-independent"), elsewhere, "filtered"],
    ["nothing that listens, of who says nothing of where it is", mine(undefined), hidden, "filtered"],
    ["a private address, of who is near", privately, near, "open"],
    ["a private address, of who is elsewhere", privately, elsewhere, "filtered"],
    ["a private address, of who is in an unrelated network", privately, unrelated, "filtered"],
    ["a private address, of who says nothing of where it is", privately, hidden, "unknown"],
    ["loopback, of who says nothing of where it is", mine(undefined, "host tcp 127.0.0.1:4000"), hidden, "unknown"]
  ]
  for (const [what, own, pairs, chance] of rows) {
    it(`${what}: ${chance}`, () => assert.strictEqual(chanceBack(own, pairs), chance))
  }
})
