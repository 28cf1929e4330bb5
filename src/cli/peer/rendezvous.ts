/**
 * `--rendezvous HOST`: one host that is broker and STUN server, on the ports everybody expects them at.
 */
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Settings } from "../config.ts"

/** The port registered for MQTT. */
export const MQTT_PORT = 1883

/** The host as it stands in a URI, or why it is none. */
export const hostOf = (text: string): Result.Result<string, string> => {
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text
  const address = NetAddress.ipFromString(bare)
  if (Result.isSuccess(address)) {
    const written = NetAddress.formatIp(address.success)
    return Result.succeed(NetAddress.isIpv6Address(address.success) ? `[${written}]` : written)
  }
  const [, host, port] = /^(.*):(\d+)$/.exec(text) ?? []
  if (port !== undefined) {
    return Result.fail(
      `"${text}" has a port: one host has several. Where they are not the usual ones, name them by ` +
        `--broker mqtt://${host}:PORT and --stun stun:${host}:PORT`
    )
  }
  return Result.mapBoth(Host.domainNameFromString(text), {
    onSuccess: Host.formatHost,
    onFailure: () => `"${text}" is no host: write a name or an IP address`
  })
}

/** The servers of the settings with those of the rendezvous, which come last: what was named one by one is preferred. */
export const withRendezvous = (settings: Settings): Result.Result<Settings, string> => {
  if (settings.rendezvous === undefined) return Result.succeed(settings)
  return Result.map(hostOf(settings.rendezvous), (host) => ({
    ...settings,
    brokers: [...new Set([...settings.brokers, `mqtt://${host}:${MQTT_PORT}`])],
    stun: [...new Set([...settings.stun, `stun:${host}`])]
  }))
}
