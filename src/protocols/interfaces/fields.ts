/** Single fields of the sources: numbers and hardware addresses, `undefined` for anything else. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/** A whole number from zero up, decimal or `0x` hexadecimal. */
export const natural = (text: string | undefined): number | undefined => {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text)
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** A whole number from one up. */
export const positive = (text: string | undefined): number | undefined => natural(text) || undefined

/** A MAC address with colons or dashes, unless it is all zero or of a link with other addresses than Ethernet's. */
export const mac = (text: string | undefined): NetAddress.MacAddress | undefined => {
  const parts = (text ?? "").trim().replaceAll("-", ":").split(":")
  const address = NetAddress.macAddressFromString(parts.map((octet) => octet.padStart(2, "0")).join(":"))
  if (Result.isFailure(address)) return undefined
  return NetAddress.macAddressToOctets(address.success).every((octet) => octet === 0) ? undefined : address.success
}
