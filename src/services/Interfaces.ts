/**
 * The network interfaces of this machine: what they are, which addresses they have, which is the default per family, and a
 * stream of what changes.
 *
 * No interface is left out because of its name or because it is down. What the system does not say is absent or `unknown`,
 * never guessed. Nothing here opens a socket or sends a packet.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { Family } from "../schemas/NetworkInterface.ts"
import type { InterfaceChange, NetworkInterface } from "../schemas/NetworkInterface.ts"

const names = (there: ReadonlyArray<string>): string => (there.length === 0 ? "there are none" : there.join(", "))

/** No interface has the name asked for; `known` are the names there are. */
export class UnknownInterface extends Schema.Error<UnknownInterface>("effect-p2p/services/Interfaces/UnknownInterface")(
  {
    _tag: Schema.tag("UnknownInterface"),
    op: Schema.Literals(["byName"]),
    name: Schema.String,
    known: Schema.Array(Schema.String)
  }
) {
  override get message() {
    return `interfaces ${this.op} ${JSON.stringify(this.name)}: no interface has that name; use one of these: ${names(this.known)}`
  }
}

/** No interface has the address asked for; `known` are the addresses there are. */
export class UnknownAddress extends Schema.Error<UnknownAddress>("effect-p2p/services/Interfaces/UnknownAddress")({
  _tag: Schema.tag("UnknownAddress"),
  op: Schema.Literals(["byAddress"]),
  address: Schema.IpAddress,
  known: Schema.Array(Schema.IpAddress)
}) {
  override get message() {
    const address = NetAddress.formatIp(this.address)
    return `interfaces ${this.op} ${address}: no interface has that address; use one of these: ${names(this.known.map(NetAddress.formatIp))}`
  }
}

/** No interface has a usable default route in the family. */
export class NoDefaultRoute extends Schema.Error<NoDefaultRoute>("effect-p2p/services/Interfaces/NoDefaultRoute")({
  _tag: Schema.tag("NoDefaultRoute"),
  op: Schema.Literals(["default"]),
  family: Family,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    const other = this.family === "IPv4" ? "IPv6" : "IPv4"
    return (
      `interfaces ${this.op} ${this.family}: this machine has no default route for ${this.family}; ` +
      `connect it to a network, try ${other}, or name an interface yourself: ${names(this.known)}`
    )
  }
}

/** A file could not be read or a command not be run. `source` names it as a person would type it. */
export class SourceFailed extends Schema.Error<SourceFailed>("effect-p2p/services/Interfaces/SourceFailed")({
  _tag: Schema.tag("SourceFailed"),
  op: Schema.Literals(["list"]),
  source: Schema.String,
  kind: Schema.Literals(["NotFound", "Permission", "TimedOut", "TooLarge", "Failed"]),
  cause: Schema.Defect()
}) {
  override get message() {
    const [happened, advice] = {
      NotFound: ["is not there", "install it, or run where it is available"],
      Permission: ["may not be read", "give this process the right to read it"],
      TimedOut: ["did not finish in time", "run it by hand to see what it waits for"],
      TooLarge: ["gave more output than is read", "run it by hand to see why it is so long"],
      Failed: ["failed", "see the cause; run it by hand to see more"]
    }[this.kind]
    return `interfaces ${this.op}: ${this.source} ${happened}; ${advice}`
  }
}

/** What a source said makes no sense as a whole. `line` counts from 1 and is absent where the text has no lines. */
export class SourceUnreadable extends Schema.Error<SourceUnreadable>("effect-p2p/services/Interfaces/SourceUnreadable")(
  {
    _tag: Schema.tag("SourceUnreadable"),
    op: Schema.Literals(["list"]),
    source: Schema.String,
    line: Schema.optional(Schema.Int),
    text: Schema.String,
    detail: Schema.String
  }
) {
  override get message() {
    const where = this.line === undefined ? this.source : `${this.source}, line ${this.line}`
    return `interfaces ${this.op}: cannot make sense of ${where}: ${this.detail}, in ${JSON.stringify(this.text)}; please report it with the output of that source`
  }
}

/** There is no way yet to read the interfaces of this operating system. */
export class UnsupportedPlatform extends Schema.Error<UnsupportedPlatform>(
  "effect-p2p/services/Interfaces/UnsupportedPlatform"
)({
  _tag: Schema.tag("UnsupportedPlatform"),
  op: Schema.Literals(["list"]),
  platform: Schema.String
}) {
  override get message() {
    return `interfaces ${this.op}: ${this.platform} is not supported (Linux, macOS and Windows are); give local addresses instead of interface names`
  }
}

/** Every reason there is. */
export const InterfacesErrorReason = Schema.Union([
  UnknownInterface,
  UnknownAddress,
  NoDefaultRoute,
  SourceFailed,
  SourceUnreadable,
  UnsupportedPlatform
])
export type InterfacesErrorReason = typeof InterfacesErrorReason.Type

/** A failed look at the interfaces; `reason` says what was asked, what was there instead, and what to try. */
export class InterfacesError extends Schema.TaggedError<InterfacesError>()("InterfacesError", {
  reason: InterfacesErrorReason
}) {
  override get message() {
    return this.reason.message
  }
}

/** The list at one moment, and what changed since the moment before. */
export interface Observation {
  readonly interfaces: ReadonlyArray<NetworkInterface>
  readonly changes: ReadonlyArray<InterfaceChange>
}

/** The network interfaces of this machine, or of a simulated host. */
export class Interfaces extends Context.Service<
  Interfaces,
  {
    /** Every interface there is now, up or down, in the system's order (by index). */
    readonly list: Effect.Effect<ReadonlyArray<NetworkInterface>, InterfacesError>
    /** The interface packets of a family leave by unless told otherwise. Fails with `NoDefaultRoute`. */
    readonly default: (family: Family) => Effect.Effect<NetworkInterface, InterfacesError>
    /** The interface of that exact name. Fails with `UnknownInterface`, which lists the names there are. */
    readonly byName: (name: string) => Effect.Effect<NetworkInterface, InterfacesError>
    /**
     * The interface that has an address. IPv4-mapped IPv6 addresses count as IPv4. The same link-local address can be on
     * several interfaces: `scopeId` says which; without it the first is given. Fails with `UnknownAddress`.
     */
    readonly byAddress: (
      address: NetAddress.IpAddress,
      scopeId?: number | undefined
    ) => Effect.Effect<NetworkInterface, InterfacesError>
    /**
     * The list now, with no changes, then the list again each time something changed, with the changes. The first element
     * comes at once; nothing that changes after it is missed, but what changes and changes back between two looks is not
     * seen, and a slow consumer gets several changes as one. A failed look ends the stream with its error: retry it to go on.
     */
    readonly watch: Stream.Stream<Observation, InterfacesError>
    /** The changes of `watch`, one by one. */
    readonly changes: Stream.Stream<InterfaceChange, InterfacesError>
  }
>()("effect-p2p/services/Interfaces") {}
