/** The addresses and ports of a STUN server: one socket, or four with RFC 5780's alternate address and port. */
import * as NetAddress from "effect/net/NetAddress"

export interface Layout {
  readonly address: NetAddress.IpAddress
  readonly port: number
  readonly alternate: { readonly address: NetAddress.IpAddress; readonly port: number } | undefined
}

/** One of the sockets: whether its address, and whether its port, is the alternate one. */
export interface Corner {
  readonly address: boolean
  readonly port: boolean
}

export const corners = ({ alternate }: Layout): ReadonlyArray<Corner> =>
  [false, true].flatMap((address) =>
    [false, true].flatMap((port) => (alternate === undefined && (address || port) ? [] : [{ address, port }]))
  )

/** The corner reached by changing what is asked for (RFC 5780 section 6.1, table 1). */
export const changed = (from: Corner, change: Corner): Corner => ({
  address: from.address !== change.address,
  port: from.port !== change.port
})

export const endpointOf = ({ address, alternate, port }: Layout, corner: Corner): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(corner.address ? alternate!.address : address, corner.port ? alternate!.port : port)
