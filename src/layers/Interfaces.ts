/**
 * `Interfaces` from two things any host can give, real or simulated: a snapshot of its interfaces, and a signal that
 * something may have changed. Look-ups and changes follow from these.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { diff } from "../protocols/interfaces/diff.ts"
import type { NetworkInterface } from "../schemas/NetworkInterface.ts"
import {
  Interfaces,
  InterfacesError,
  NoDefaultRoute,
  type Observation,
  UnknownAddress,
  UnknownInterface
} from "../services/Interfaces.ts"

export interface Source {
  /** The interfaces there are now. Run for every look-up, and once per tick. */
  readonly snapshot: Effect.Effect<ReadonlyArray<NetworkInterface>, InterfacesError>
  /**
   * Emits once as soon as it watches, then whenever something may have changed. A tick without a change costs a snapshot
   * and nothing else. Run while anyone watches, once for all.
   */
  readonly ticks: Stream.Stream<unknown, InterfacesError>
}

const observe = (
  before: ReadonlyArray<NetworkInterface> | undefined,
  interfaces: ReadonlyArray<NetworkInterface>
): readonly [ReadonlyArray<NetworkInterface>, ReadonlyArray<Observation>] => {
  if (before === undefined) return [interfaces, [{ interfaces, changes: [] }]]
  const changes = diff(before, interfaces)
  return [interfaces, changes.length === 0 ? [] : [{ interfaces, changes }]]
}

const namesOf = (interfaces: ReadonlyArray<NetworkInterface>): ReadonlyArray<string> =>
  interfaces.map((entry) => entry.name)

/** Builds the service. The scope ends the watching. */
export const make = Effect.fnUntraced(function* (
  source: Source
): Effect.fn.Return<Interfaces["Service"], never, Scope.Scope> {
  // One slot that keeps the newest: a slow watcher skips lists, and its next difference spans what it skipped.
  const snapshots = yield* Stream.mapEffect(source.ticks, () => source.snapshot).pipe(
    Stream.share({ capacity: 1, strategy: "sliding", replay: 1 })
  )
  const watch = snapshots.pipe(Stream.mapAccum((): ReadonlyArray<NetworkInterface> | undefined => undefined, observe))
  return Interfaces.of({
    list: Effect.withSpan(source.snapshot, "Interfaces.list"),
    default: Effect.fn("Interfaces.default")(function* (family) {
      const interfaces = yield* source.snapshot
      const found = interfaces.find((entry) => entry.isDefault[family])
      if (found !== undefined) return found
      const reason = new NoDefaultRoute({ op: "default", family, known: namesOf(interfaces) })
      return yield* new InterfacesError({ reason })
    }),
    byName: Effect.fn("Interfaces.byName")(function* (name) {
      const interfaces = yield* source.snapshot
      const found = interfaces.find((entry) => entry.name === name)
      if (found !== undefined) return found
      const reason = new UnknownInterface({ op: "byName", name, known: namesOf(interfaces) })
      return yield* new InterfacesError({ reason })
    }),
    byAddress: Effect.fn("Interfaces.byAddress")(function* (input, scopeId) {
      const interfaces = yield* source.snapshot
      const text = NetAddress.formatIp(NetAddress.toCanonical(input))
      const found = interfaces.find((entry) =>
        entry.addresses.some(
          (own) => NetAddress.formatIp(own.address) === text && (scopeId === undefined || own.scopeId === scopeId)
        )
      )
      if (found !== undefined) return found
      const known = interfaces.flatMap((entry) => entry.addresses.map((own) => own.address))
      const reason = new UnknownAddress({ op: "byAddress", address: input, known })
      return yield* new InterfacesError({ reason })
    }),
    watch,
    changes: Stream.flatMap(watch, (observation) => Stream.fromIterable(observation.changes))
  })
})

/** `make` as a layer: for simulated hosts and tests. */
export const layer = (source: Source): Layer.Layer<Interfaces> => Layer.effect(Interfaces, make(source))
