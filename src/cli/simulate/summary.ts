/**
 * What came of the exchange, in a table and a line.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Output from "../output.ts"
import type { Report } from "./exchange.ts"
import type { Outcome, Settings } from "./world.ts"

const endpoint = (address: NetAddress.InetAddress | undefined): string =>
  address === undefined ? "nothing" : NetAddress.formatInet(address)

const after = (millis: number): string => `after ${millis.toFixed(1)} ms`

export const summary = ({ natA, natB }: Settings, { reports, seen }: Outcome): string => {
  const behind: { readonly [name: string]: string } = { alice: natA.name, bob: natB.name }
  const rows = reports.map(({ echo, heard, name }) => [
    name,
    behind[name] ?? "",
    endpoint(seen.udp.get(name)),
    heard === undefined ? "never" : `${after(heard.after)} from ${endpoint(heard.from)}`,
    endpoint(seen.tcp.get(name)),
    Result.isSuccess(echo) ? after(echo.success) : `none: ${echo.failure}`
  ])
  const heading = ["HOST", "BEHIND", "SERVER SEES UDP FROM", "HEARS THE OTHER", "SERVER SEES TCP FROM", "TCP ECHO"]
  return `${Output.table([heading, ...rows])}\n\n${verdict(reports)}`
}

const verdict = (reports: ReadonlyArray<Report>): string => {
  const hearing = reports.filter(({ heard }) => heard !== undefined).map(({ name }) => name)
  if (hearing.length === 2) return "UDP passes between alice and bob, both ways."
  if (hearing.length === 1) return `UDP passes one way only: ${hearing[0]} hears the other.`
  return "No UDP passes between alice and bob."
}
