/** Peers whose keys are known, addresses as people write them, and random ones. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { primitives } from "../../../src/layers/node/Cryptography.ts"
import type { DecodeOptions } from "../../../src/protocols/address/decode.ts"
import { assemble, CONTEXT, toSign } from "../../../src/protocols/address/PeerAddress.ts"
import type { Primitives } from "../../../src/protocols/crypto/Primitives.ts"
import * as Signature from "../../../src/protocols/crypto/signature.ts"
import type {
  AddressInterface,
  Candidate,
  NatBrief,
  PeerAddress,
  SignedPeerAddress
} from "../../../src/schemas/PeerAddress.ts"
import * as PeerId from "../../../src/schemas/PeerId.ts"
import type { Luck } from "../../lab/support/random.ts"

export { primitives }

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s+/g, ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** The seed of a peer of the tests: 32 times its number. */
export const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number)

export const peerOf = (seed: Uint8Array): PeerId.PeerId => PeerId.fromKey(primitives.ed25519PublicKey(seed))

export const ALICE = seedOf(1)
export const alice = peerOf(ALICE)

/** A second past the expiry of nothing: 2030-01-01. */
export const NOW = Date.UTC(2030, 0, 1)
export const options: DecodeOptions = { primitives, now: NOW }

export const endpoint = NetAddress.inetAddressFromStringUnsafe

/** `host tcp 192.168.1.23:41200` */
export const candidate = (text: string): Candidate => {
  const [kind, transport, at] = text.split(" ")
  return { kind, transport, endpoint: endpoint(at!) } as Candidate
}

export const address = (parts: Partial<PeerAddress> = {}): PeerAddress => ({
  peer: alice,
  sequence: 1,
  expires: NOW + 86_400_000,
  interfaces: [],
  brokers: [],
  locality: undefined,
  ...parts
})

export const signWith = (seed: Uint8Array, unsigned: PeerAddress): SignedPeerAddress => {
  const message = Result.getOrThrow(toSign(unsigned))
  return Result.getOrThrow(assemble(unsigned, Signature.sign(primitives, seed, CONTEXT, message)))
}

/** Signs bytes that are to stand before a signature, whatever they are. */
export const signBytes = (message: Uint8Array, seed = ALICE): Uint8Array =>
  Uint8Array.from([...message, ...Signature.sign(primitives, seed, CONTEXT, message)])

/**
 * Signatures as they should be: one verifies if it was really made here, and nothing else does. What Ed25519 promises, 50 times
 * faster, for tests that ask a hundred thousand times.
 */
export const ideal = () => {
  const made = new Set<string>()
  const entry = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): string =>
    [key, message, signature].map((part) => Buffer.from(part).toString("latin1")).join("|")
  const sign = (unsigned: PeerAddress, random: Luck): SignedPeerAddress => {
    const message = Result.getOrThrow(toSign(unsigned))
    const signature = randomBytes(random, Signature.SIGNATURE_BYTES)
    made.add(entry(PeerId.toKey(unsigned.peer), Signature.signedBytes(CONTEXT, message), signature))
    return Result.getOrThrow(assemble(unsigned, signature))
  }
  const asked = { count: 0 }
  const ed25519Verify: Primitives["ed25519Verify"] = (key, message, signature) => {
    asked.count += 1
    return made.has(entry(key, message, signature))
  }
  return { sign, asked, options: { primitives: { ...primitives, ed25519Verify }, now: NOW } }
}

/** Takes any signature: what is left is the decoder itself. */
export const credulous: DecodeOptions = { primitives: { ...primitives, ed25519Verify: () => true }, now: NOW }

export const randomBytes = (random: Luck, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, () => random.below(256))

/** A few addresses, so that many are equal or alike. */
const randomIp = (random: Luck): NetAddress.IpAddress =>
  random.chance(0.5)
    ? NetAddress.ipv4FromBytesUnsafe(Uint8Array.of(1 + random.below(223), random.below(256), 0, random.below(3)))
    : NetAddress.ipv6FromBytesUnsafe(
        Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 0x20 : at % 8 === 7 ? random.below(3) : at))
      )

const ports = [1, 80, 1883, 41_200, 50_000, 65_535, 9, 10, 11, 12]

const randomCandidate = (random: Luck): Candidate => ({
  kind: random.pick(["host", "reflexive", "mapped"]),
  transport: random.pick(["udp", "tcp"]),
  endpoint: NetAddress.inetAddressUnsafe(randomIp(random), random.pick(ports))
})

const maybe = <A>(random: Luck, name: string, of: ReadonlyArray<A>): object =>
  random.chance(0.3) ? {} : { [name]: random.pick(of) }

const dependences = ["endpoint-independent", "address-dependent", "address-and-port-dependent"]

const randomDelta = (random: Luck): object => {
  const kind = random.pick(["equal", "preserving", "independent", "dependent", "random"])
  const step = random.pick([1, -1, 2, 64, -64, -65, 1000, 65_535, -65_535, 0])
  return { delta: { kind, step: kind === "equal" || kind === "random" ? 0 : step } }
}

const randomBrief = (random: Luck, family: NatBrief["family"], transport: NatBrief["transport"]): NatBrief => {
  const low = random.below(65_536)
  return {
    family,
    transport,
    ...maybe(random, "type", [
      "open-internet",
      "symmetric-firewall",
      "full-cone",
      "restricted-cone",
      "port-restricted-cone",
      "symmetric",
      "blocked"
    ]),
    ...maybe(random, "mapping", dependences),
    ...maybe(random, "filtering", dependences),
    ...(random.chance(0.3) ? {} : randomDelta(random)),
    ...(random.chance(0.5) ? {} : { range: [low, low + random.below(65_536 - low)] }),
    ...maybe(random, "unsolicited", ["drop", "rst", "icmp"]),
    ...maybe(random, "hairpin", [true, false])
  }
}

const randomInterface = (random: Luck, tagged: boolean): AddressInterface => ({
  candidates: Array.from({ length: random.below(10) }, () => randomCandidate(random)),
  nats: (["IPv4", "IPv6"] as const)
    .flatMap((family) => (["udp", "tcp"] as const).map((transport) => ({ family, transport })))
    .filter(() => random.chance(0.6))
    .map(({ family, transport }) => randomBrief(random, family, transport)),
  ...(tagged && random.chance(0.7) ? { network: randomBytes(random, 6) } : {})
})

const brokers = [
  "mqtt://broker.example",
  "mqtts://broker.example:8884",
  "ws://[2001:db8::1]:8080/mqtt",
  "wss://a.b-c.example/mqtt/x",
  "mqtt://192.0.2.1:1884"
]

export const randomAddress = (random: Luck): PeerAddress => {
  const local = random.chance(0.7)
  return {
    peer: PeerId.fromKey(randomBytes(random, 32)),
    sequence: random.pick([0, 127, 128, 1, 2 ** 32, Number.MAX_SAFE_INTEGER, random.below(2 ** 40)]),
    expires: (NOW / 1000 + random.below(31 * 86_400)) * 1000,
    interfaces: Array.from({ length: random.below(5) }, () => randomInterface(random, local)),
    brokers: brokers.filter(() => random.chance(0.4)),
    locality: local
      ? { salt: randomBytes(random, 8), ...(random.chance(0.7) ? { machine: randomBytes(random, 6) } : {}) }
      : undefined
  }
}

export const shuffled = <A>(random: Luck, all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all
    .map((one) => ({ one, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one)

export const messageOf = <A>(result: Result.Result<A, { readonly message: string }>): string =>
  Result.isFailure(result) ? result.failure.message : "no error"
