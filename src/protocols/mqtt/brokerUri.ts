/**
 * URIs of MQTT brokers: `mqtt://host`, `mqtts://host`, `ws://host/path`, `wss://host/path`, with a port or the usual one, and
 * perhaps `user:password@` before the host.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** The usual ports: of MQTT by IANA, of WebSockets by RFC 6455 section 3. */
const ports = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const

/** With a dot at the end a name would be written in two ways. */
const hostPattern = /^(?:\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)$/

export type Scheme = keyof typeof ports

export interface BrokerUri {
  /** One text for each broker: without user, password and query, which may be secrets, and without a port that is the usual one. */
  readonly text: string
  readonly scheme: Scheme
  /** A name, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** Of WebSockets: begins with `/`, and has the query. */
  readonly path: string
  /** Whether `text` leaves out a user name, a password or a query. */
  readonly hasSecrets: boolean
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted<string> | undefined
}

/** Fails with what is wrong, in words that do not repeat a password. */
export const parse = (text: string): Result.Result<BrokerUri, string> => {
  const parts = /^([a-z]+):\/\/([^/?#]*)([^#]*)$/i.exec(text.trim())
  const scheme = parts?.[1]!.toLowerCase()
  if (parts === null || !isScheme(scheme)) return Result.fail("a broker begins with mqtt://, mqtts://, ws:// or wss://")
  const [, , authority = "", rest = ""] = parts
  const at = authority.lastIndexOf("@")
  const place = authority.slice(at + 1)
  const port = /:(\d*)$/.exec(place)?.[1]
  const path = scheme === "ws" || scheme === "wss" ? rest : ""
  if (rest !== path && rest !== "/") return Result.fail(`${scheme}:// has no path`)
  // Read as a web address, for names are written the same way there.
  const url = parsed(`http://${place}`)
  const web = parsed(`http://${authority}${path}`)
  if (url === undefined || web === undefined || !hostPattern.test(url.hostname) || place.includes("\\")) {
    return Result.fail("its host or port makes no sense")
  }
  const number = port === undefined || port === "" ? ports[scheme] : Number(port)
  if (number < 1 || number > 65_535) return Result.fail(`${number} is no port`)
  const user = decoded(web.username)
  const password = decoded(web.password)
  if (user === undefined || password === undefined) return Result.fail("its user name or password is not well written")
  const shown = number === ports[scheme] ? "" : `:${number}`
  return Result.succeed({
    text: `${scheme}://${url.hostname}${shown}${web.pathname === "/" ? "" : web.pathname}`,
    scheme,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: number,
    path: web.pathname + web.search,
    hasSecrets: user !== "" || password !== "" || web.search !== "",
    ...(user === "" ? {} : { username: user }),
    ...(password === "" ? {} : { password: Redacted.make(password, { label: "password of a broker" }) })
  })
}

const isScheme = (text: string | undefined): text is Scheme => text !== undefined && Object.hasOwn(ports, text)

const parsed = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)

const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
