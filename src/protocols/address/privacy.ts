/** What an address need not say. Applied before it is signed. */
import * as NetAddress from "effect/net/NetAddress"
import type { AddressInterface, PeerAddress } from "../../schemas/PeerAddress.ts"
import { isSiteOnly } from "../addresses/specialUse.ts"

export interface Privacy {
  /**
   * `false` leaves out what is about the local network: candidates that only it reaches (private, shared, unique local,
   * link-local and loopback addresses) and network tags. Peers on the same network then meet by way of the internet, if their
   * router lets them. Default `true`.
   */
  readonly lan?: boolean | undefined
  /** Leaves out all but who it is and which brokers it listens at: nothing of where it is. Connecting then costs a signalling trip. */
  readonly only?: "brokers" | undefined
}

const isLocal = (address: NetAddress.IpAddress): boolean => NetAddress.isLoopback(address) || isSiteOnly(address)

const withoutLan = ({ candidates, nats }: AddressInterface): AddressInterface => ({
  candidates: candidates.filter(({ endpoint }) => !isLocal(endpoint.address)),
  nats
})

export const withPrivacy = (address: PeerAddress, { lan = true, only }: Privacy): PeerAddress => {
  if (only === "brokers") return { ...address, interfaces: [], locality: undefined }
  if (lan) return address
  const { locality } = address
  return {
    ...address,
    interfaces: address.interfaces.map(withoutLan),
    // Without tags of networks, a salt is for the machine's alone.
    locality: locality?.machine === undefined ? undefined : locality
  }
}
