/** Who recognises whom by their addresses, and who does not. */
import { assert, describe, it } from "@effect/vitest"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import { createHmac } from "node:crypto"
import * as Locality from "../../../src/protocols/address/locality.ts"
import type { NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"
import type { PeerAddress } from "../../../src/schemas/PeerAddress.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import { luck } from "../../lab/support/random.ts"
import * as Kit from "./kit.ts"

const ip = NetAddress.ipFromStringUnsafe
const { primitives } = Kit
const [machine, elsewhere] = [Kit.seedOf(77), Kit.seedOf(78)]

const facts = (gateway: string | undefined, prefix: string, external?: string): Locality.NetworkFacts => ({
  gateway: gateway === undefined ? undefined : ip(gateway),
  prefix: IpNetwork.fromStringUnsafe(prefix),
  external: external === undefined ? undefined : ip(external)
})
const home = facts("192.168.1.1", "192.168.1.0/24", "203.0.113.7")
const offline = facts("192.168.1.1", "192.168.1.0/24")
const neighbour = facts("192.168.1.1", "192.168.1.0/24", "203.0.113.8")
const office = facts("10.0.0.1", "10.0.0.0/8", "203.0.113.7")

const random = luck(530)
const addressOf = (
  peer: PeerId.PeerId,
  secret: Uint8Array | undefined,
  ...networks: ReadonlyArray<Locality.NetworkFacts>
): PeerAddress => {
  const salt = Kit.randomBytes(random, 8)
  return Kit.address({
    peer,
    locality: Locality.localityOf(primitives, peer, salt, secret),
    interfaces: networks.map((own) => ({
      candidates: [],
      nats: [],
      network: Locality.networkTag(primitives, peer, salt, own)
    }))
  })
}
const bob = Kit.peerOf(Kit.seedOf(2))

describe("a machine", () => {
  it("is recognised by who has its secret, and by nobody else", () => {
    const theirs = addressOf(bob, machine)
    assert.isTrue(Locality.sameMachine(primitives, machine, theirs))
    assert.isFalse(Locality.sameMachine(primitives, elsewhere, theirs))
    assert.isFalse(Locality.sameMachine(primitives, machine, addressOf(bob, undefined)))
    assert.isFalse(Locality.sameMachine(primitives, machine, Kit.address()))
  })

  it("has another tag in each address, and a tag is none in another's", () => {
    const addresses = Array.from({ length: 200 }, (_, n) => addressOf(n % 2 === 0 ? bob : Kit.alice, machine))
    assert.strictEqual(new Set(addresses.map(({ locality }) => Kit.toHex(locality!.machine!))).size, 200)
    const [one, other] = addresses
    assert.isFalse(Locality.sameMachine(primitives, machine, { ...one!, peer: other!.peer }))
    assert.isFalse(
      Locality.sameMachine(primitives, machine, {
        ...one!,
        locality: { ...one!.locality!, salt: other!.locality!.salt }
      })
    )
  })
})

describe("a network", () => {
  const found = (mine: ReadonlyArray<Locality.NetworkFacts>, theirs: PeerAddress): ReadonlyArray<number> =>
    Locality.sameNetwork(primitives, mine, theirs).map((entry) => theirs.interfaces.indexOf(entry))

  it("is recognised by who is on it: on which of their interfaces", () => {
    const theirs = addressOf(bob, undefined, office, home)
    assert.deepStrictEqual(found([home], theirs), [1])
    assert.deepStrictEqual(found([office], theirs), [0])
    assert.deepStrictEqual(found([home, office], theirs), [0, 1])
    assert.deepStrictEqual(found([neighbour], theirs), [])
    assert.deepStrictEqual(found([], theirs), [])
    assert.deepStrictEqual(found([home], { ...theirs, peer: Kit.alice }), [])
    assert.deepStrictEqual(found([home], { ...theirs, locality: undefined }), [])
    assert.deepStrictEqual(
      found([home], Kit.address({ locality: theirs.locality, interfaces: [{ candidates: [], nats: [] }] })),
      []
    )
  })

  it("is recognised from the side that knows more where one does not know the external address", () => {
    assert.deepStrictEqual(found([home], addressOf(bob, undefined, offline)), [0])
    assert.deepStrictEqual(found([offline], addressOf(bob, undefined, home)), [])
    assert.deepStrictEqual(found([offline], addressOf(bob, undefined, offline)), [0])
    // Who wants more evidence takes no tag for it that says less than is known here.
    const exactly = (mine: Locality.NetworkFacts, theirs: PeerAddress) =>
      Locality.sameNetwork(primitives, [mine], theirs, true).length
    assert.strictEqual(exactly(home, addressOf(bob, undefined, offline)), 0)
    assert.strictEqual(exactly(home, addressOf(bob, undefined, home)), 1)
    assert.strictEqual(exactly(offline, addressOf(bob, undefined, offline)), 1)
  })

  it("has another tag in each address", () => {
    const tags = Array.from({ length: 100 }, () => Kit.toHex(addressOf(bob, undefined, home).interfaces[0]!.network!))
    assert.strictEqual(new Set(tags).size, 100)
  })

  it("and a machine have the tags that docs/protocol.md says", () => {
    const theirs = addressOf(bob, machine, offline)
    const tag = (secret: Uint8Array | string, label: string): string =>
      createHmac("sha256", secret)
        .update(label)
        .update(theirs.locality!.salt)
        .update(PeerId.toKey(bob))
        .digest("hex")
        .slice(0, 12)
    assert.strictEqual(Kit.toHex(theirs.locality!.machine!), tag(machine, "effect-p2p machine v1"))
    assert.strictEqual(
      Kit.toHex(theirs.interfaces[0]!.network!),
      tag("192.168.1.1 192.168.1.0/24 -", "effect-p2p network v1")
    )
  })
})

describe("what an interface knows of its networks", () => {
  const entry = (gateways: ReadonlyArray<string>, ...addresses: ReadonlyArray<string>): NetworkInterface => ({
    name: "eth0",
    kind: "ethernet",
    flags: { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true },
    addresses: addresses.map((text) => {
      const [address, prefixLength] = text.split("/")
      const own = ip(address!)
      const scope = NetAddress.isLoopback(own) ? "host" : NetAddress.isLinkLocal(own) ? "link" : "site"
      return { address: own, prefixLength: Number(prefixLength), scope }
    }),
    gateways: gateways.map((text) => ({ family: NetAddress.familyOf(ip(text)), address: ip(text), metric: 0 })),
    isDefault: { IPv4: true, IPv6: true }
  })
  const external = NetAddress.ipFromStringUnsafe("203.0.113.7") as NetAddress.Ipv4Address

  it("is its gateway and prefixes, IPv4 first, and the address a NAT shares", () => {
    assert.deepStrictEqual(
      Locality.networkFacts(
        entry(["fe80::1", "192.168.1.1"], "fe80::5/64", "2001:db8:1:2::5/64", "2001:db8:1:2::77/64", "192.168.1.23/24"),
        external
      ),
      [home, facts("fe80::1", "2001:db8:1:2::/64")]
    )
  })

  it("is not an external address that is its own, nor one nobody told", () => {
    assert.deepStrictEqual(Locality.networkFacts(entry(["198.51.100.1"], "198.51.100.9/24"), external), [
      facts("198.51.100.1", "198.51.100.0/24")
    ])
    assert.deepStrictEqual(Locality.networkFacts(entry(["192.168.1.1"], "192.168.1.9/24"), undefined), [offline])
  })

  it("is nothing on a loopback interface, and no gateway where there is none", () => {
    assert.deepStrictEqual(Locality.networkFacts(entry([], "127.0.0.1/8", "::1/128"), external), [])
    assert.deepStrictEqual(Locality.networkFacts(entry([], "10.9.9.1/30"), undefined), [
      facts(undefined, "10.9.9.0/30")
    ])
  })

  it("is the same for two hosts of a network, whatever each is called", () => {
    const one = Locality.networkFacts(entry(["192.168.1.1"], "192.168.1.23/24"), external)
    const other = Locality.networkFacts(
      entry(["fe80::1", "192.168.1.1"], "2001:db8::9/64", "192.168.1.99/24"),
      external
    )
    assert.deepStrictEqual(Locality.sameNetwork(primitives, one, addressOf(bob, undefined, other[0]!)).length, 1)
    assert.deepStrictEqual(Locality.sameNetwork(primitives, other, addressOf(bob, undefined, one[0]!)).length, 1)
  })
})
