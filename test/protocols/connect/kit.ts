/** Interfaces and candidates in few words. */
import * as NetAddress from "effect/net/NetAddress"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import type { Mine, MyInterface, Relation } from "../../../src/protocols/connect/pair.ts"
import type { AddressInterface, Candidate, CandidateKind, NatBrief } from "../../../src/schemas/PeerAddress.ts"

export const at = NetAddress.inetAddressFromStringUnsafe
export const ip = NetAddress.ipFromStringUnsafe

/** `10.0.0.2/24`; a link-local address has the scope id 3. */
const addressOf = (text: string) => {
  const [address, length] = text.split("/")
  return interfaceAddress(ip(address!), Number(length), 3)
}

export const mine = (
  name: string,
  addresses: ReadonlyArray<string>,
  more: {
    readonly external?: ReadonlyArray<string>
    readonly nats?: ReadonlyArray<NatBrief>
    readonly out?: MyInterface["leadsOut"]
    readonly gateways?: ReadonlyArray<string>
  } = {}
): MyInterface => ({
  name,
  addresses: addresses.map(addressOf),
  leadsOut: more.out ?? ["IPv4", "IPv6"],
  external: (more.external ?? []).map(ip),
  gateways: (more.gateways ?? []).map(ip),
  nats: more.nats ?? []
})

export const all = (interfaces: ReadonlyArray<MyInterface>, endpoints: ReadonlyArray<string> = []): Mine => ({
  interfaces,
  addresses: interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  endpoints: endpoints.map(at)
})

const candidate = (text: string): Candidate => {
  const [endpoint, kind = "host"] = text.split(" ")
  return { kind: kind as CandidateKind, transport: "tcp", endpoint: at(endpoint!) }
}

/** `11.0.0.2:4000`, `11.0.0.2:4000 reflexive` */
export const theirs = (candidates: ReadonlyArray<string>, nats: ReadonlyArray<NatBrief> = []): AddressInterface => ({
  candidates: candidates.map(candidate),
  nats
})

export const tcp = (brief: Partial<NatBrief>): NatBrief => ({ family: "IPv4", transport: "tcp", ...brief })

/** Says nothing. */
export const strangers: Relation = { sameMachine: undefined, sameNetwork: () => undefined }
export const neighbours: Relation = { sameMachine: false, sameNetwork: () => true }
export const apart: Relation = { sameMachine: false, sameNetwork: () => false }
export const together: Relation = { sameMachine: true, sameNetwork: () => true }
