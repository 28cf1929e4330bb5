/**
 * `Interfaces` on the machine this process runs on.
 *
 * Linux: `/proc/net`, `/sys/class/net` and `os.networkInterfaces()`, of the process's own network namespace. macOS: the
 * outputs of `ifconfig` and `netstat`. Windows: one PowerShell call. Nothing needs special rights.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Snapshot, Unreadable } from "../../protocols/interfaces/facts.ts"
import { linuxSnapshot } from "../../protocols/interfaces/linux.ts"
import { ifconfigCommand, macosSnapshot, netstatCommand } from "../../protocols/interfaces/macos.ts"
import { windowsScript, windowsSnapshot, windowsSource } from "../../protocols/interfaces/windows.ts"
import type { NetworkInterface } from "../../schemas/NetworkInterface.ts"
import { type Interfaces, InterfacesError, SourceUnreadable, UnsupportedPlatform } from "../../services/Interfaces.ts"
import * as InterfacesLayer from "../Interfaces.ts"
import { run } from "./interfaces/command.ts"
import { linuxFingerprint, linuxSources } from "./interfaces/linuxSources.ts"
import { osInterfaces } from "./interfaces/osAddresses.ts"

/** A second: people expect a program to notice a pulled cable about at once, and a look costs a fraction of a millisecond. */
const defaultPollInterval = Duration.seconds(1)

/**
 * Half a minute: what the cheap look does not see (flags and MTU; on macOS and Windows routes too) seldom changes alone, and
 * a full look starts processes on those two.
 */
const defaultRefreshInterval = Duration.seconds(30)

/** PowerShell needs several seconds to load its network modules on a slow machine that has just started. */
const defaultCommandTimeout = Duration.seconds(20)

export interface Options {
  /** How often to look whether something changed, while someone watches. Default 1 second. */
  readonly pollInterval?: Duration.Input | undefined
  /** How often to take a full snapshot though nothing seemed to change, while someone watches. Default 30 seconds. */
  readonly refreshInterval?: Duration.Input | undefined
  /** How long a program of the system may run (macOS, Windows). Default 20 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** The system whose sources to read. Default: `process.platform`. */
  readonly platform?: NodeJS.Platform | undefined
}

const understood = (result: Result.Result<Snapshot, Unreadable>): Effect.Effect<Snapshot, InterfacesError> =>
  Result.match(result, {
    onSuccess: Effect.succeed,
    onFailure: (why) => Effect.fail(new InterfacesError({ reason: new SourceUnreadable({ op: "list", ...why }) }))
  })

const powershell = (): string =>
  `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`

// UTF-16 in base 64, so that no quoting of the command line touches the script.
const encodedScript = Buffer.from(windowsScript, "utf16le").toString("base64")

const readerOf = (platform: NodeJS.Platform, timeout: Duration.Duration): Effect.Effect<Snapshot, InterfacesError> => {
  switch (platform) {
    case "linux":
    case "android":
      return Effect.map(linuxSources, linuxSnapshot)
    case "darwin":
      return Effect.all(
        {
          ifconfig: run("/sbin/ifconfig", ["-a", "-v"], { source: ifconfigCommand, timeout }),
          netstat: run("/usr/sbin/netstat", ["-rn"], { source: netstatCommand, timeout })
        },
        { concurrency: "unbounded" }
      ).pipe(Effect.flatMap((sources) => understood(macosSnapshot(sources))))
    case "win32": {
      const args = ["-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", encodedScript]
      return run(powershell(), args, { source: windowsSource, timeout }).pipe(
        Effect.flatMap((text) => understood(windowsSnapshot(text)))
      )
    }
    default:
      return Effect.fail(new InterfacesError({ reason: new UnsupportedPlatform({ op: "list", platform }) }))
  }
}

const fingerprintOf = (platform: NodeJS.Platform): Effect.Effect<string, InterfacesError> => {
  const addresses = Effect.map(osInterfaces, (interfaces) => JSON.stringify(interfaces))
  if (platform !== "linux" && platform !== "android") return addresses
  return Effect.zipWith(addresses, linuxFingerprint, (a, b) => `${a}\n${b}`)
}

// What could not be read is left out of the list; whoever wonders why finds it in the debug log.
const reported = Effect.fnUntraced(function* (snapshot: Snapshot): Effect.fn.Return<ReadonlyArray<NetworkInterface>> {
  for (const { source, line, text } of snapshot.skipped) {
    yield* Effect.logDebug(`interfaces: skipped line ${line} of ${source}`).pipe(Effect.annotateLogs({ text }))
  }
  return snapshot.value
})

/** The interfaces of this machine, with other intervals or the sources of another system. */
export const layerWith = (options: Options): Layer.Layer<Interfaces> => {
  const platform = options.platform ?? process.platform
  const pollInterval = Duration.fromInputUnsafe(options.pollInterval ?? defaultPollInterval)
  const refresh = Duration.toMillis(Duration.fromInputUnsafe(options.refreshInterval ?? defaultRefreshInterval))
  const timeout = Duration.fromInputUnsafe(options.commandTimeout ?? defaultCommandTimeout)
  const fingerprint = fingerprintOf(platform)
  // The same text until an address or a route differs, or the time for a full look has come.
  const state = Effect.zipWith(
    fingerprint,
    Clock.currentTimeMillis,
    (text, now) => `${Math.floor(now / refresh)}\n${text}`
  )
  return InterfacesLayer.layer({
    snapshot: Effect.flatMap(readerOf(platform, timeout), reported),
    ticks: Stream.fromEffectSchedule(state, Schedule.spaced(pollInterval)).pipe(Stream.changes)
  })
}

/** The interfaces of this machine. */
export const layer: Layer.Layer<Interfaces> = layerWith({})
