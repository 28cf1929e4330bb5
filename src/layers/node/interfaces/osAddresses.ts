/** `os.networkInterfaces()` in this library's terms: the addresses of every interface that is up and running. */
import { networkInterfaces } from "node:os"
import * as Effect from "effect/Effect"
import type { OsAddress } from "../../../protocols/interfaces/linux.ts"
import { InterfacesError, SourceFailed } from "../../../services/Interfaces.ts"
import { deviceOf, fromOsEntry, type OsInterfaces } from "../interfaceAddresses.ts"

const source = "os.networkInterfaces()"

/** The call itself, its exception as a typed failure. */
export const osInterfaces: Effect.Effect<OsInterfaces, InterfacesError> = Effect.try({
  try: () => networkInterfaces(),
  catch: (cause) => new InterfacesError({ reason: new SourceFailed({ op: "list", source, kind: "Failed", cause }) })
})

/** Every address with the device it belongs to. */
export const osAddresses: Effect.Effect<ReadonlyArray<OsAddress>, InterfacesError> = Effect.map(
  osInterfaces,
  (interfaces) => {
    const found: Array<OsAddress> = []
    for (const [key, entries] of Object.entries(interfaces)) {
      for (const entry of entries ?? []) {
        const address = fromOsEntry(entry)
        if (address === undefined) continue
        found.push({ device: deviceOf(key), mac: entry.mac, internal: entry.internal, address })
      }
    }
    return found
  }
)
