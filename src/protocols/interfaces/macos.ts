/** The interfaces of a Mac, from the outputs of `ifconfig -a -v` and `netstat -rn`. */
import * as Result from "effect/Result"
import { assemble, excerpt, type Snapshot, type Unreadable } from "./facts.ts"
import { parseIfconfig } from "./ifconfig.ts"
import { parseNetstat } from "./netstat.ts"

/** The commands whose outputs are read, as a person would type them. */
export const ifconfigCommand = "/sbin/ifconfig -a -v"
export const netstatCommand = "/usr/sbin/netstat -rn"

/** What the two commands printed. */
export interface MacosSources {
  readonly ifconfig: string
  readonly netstat: string
}

/** The snapshot of a Mac. Fails when `ifconfig` printed no interface at all, since every system has one. */
export const macosSnapshot = (sources: MacosSources): Result.Result<Snapshot, Unreadable> => {
  const interfaces = parseIfconfig(sources.ifconfig, ifconfigCommand)
  if (interfaces.value.length === 0) {
    return Result.fail({
      source: ifconfigCommand,
      line: 1,
      text: excerpt(sources.ifconfig),
      detail: "no interface in its output"
    })
  }
  const names = interfaces.value.map((entry) => entry.name)
  const routes = parseNetstat(sources.netstat, names, netstatCommand)
  return Result.succeed({
    value: assemble(interfaces.value, routes.value),
    skipped: [...interfaces.skipped, ...routes.skipped]
  })
}
