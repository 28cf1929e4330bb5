/** Routes and interfaces in few words. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as IpRange from "../../../src/protocols/addresses/IpRange.ts"
import { interfaceAddress } from "../../../src/protocols/interfaces/scope.ts"
import type { InterfaceAddress, NetworkInterface } from "../../../src/schemas/NetworkInterface.ts"
import type { Route } from "../../../src/schemas/Route.ts"

export const ip = NetAddress.ipFromStringUnsafe

/** `192.168.1.2/24` */
export const own = (text: string): InterfaceAddress => {
  const [address = "", prefix] = text.split("/")
  return interfaceAddress(ip(address), Number(prefix), 2)
}

export const card = (
  name: string,
  addresses: ReadonlyArray<string>,
  flags: Partial<NetworkInterface["flags"]> = {}
): NetworkInterface => ({
  name,
  kind: "ethernet",
  flags: { up: true, running: true, loopback: false, pointToPoint: false, multicast: true, broadcast: true, ...flags },
  addresses: addresses.map(own),
  gateways: [],
  isDefault: { IPv4: false, IPv6: false }
})

/** A route with these external addresses (`203.0.113.1`, `203.0.113.0/29`). */
export const route = (external: string, name = "eth0"): Route => {
  const range = Result.getOrThrow(IpRange.fromString(external))
  return {
    interface: name,
    family: IpRange.familyOf(range),
    local: [own("10.0.0.1/8")],
    linkLocal: [],
    external: range,
    public: false,
    agreed: ["a", "b"],
    dissent: []
  }
}

/** What a route leads to. */
export const outside = ({ external, interface: name }: Route): string => `${name} ${IpRange.format(external)}`
