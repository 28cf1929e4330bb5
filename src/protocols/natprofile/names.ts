/** The classic NAT types (RFC 3489 section 5), derived from what was measured. */
import type { Dependence } from "../../schemas/NatDevice.ts"
import type { ClassicName, Measured, NatProfile } from "../../schemas/NatProfile.ts"
import { known, unknown } from "./confidence.ts"

const DEPENDENCES: ReadonlyArray<Dependence> = [
  "endpoint-independent",
  "address-dependent",
  "address-and-port-dependent"
]

/** The name of a combination. RFC 3489 calls every NAT symmetric that does not keep one mapping for all. */
export const nameOf = (translated: boolean, mapping: Dependence, filtering: Dependence): ClassicName => {
  if (!translated) return filtering === "endpoint-independent" ? "open-internet" : "symmetric-firewall"
  if (mapping !== "endpoint-independent") return "symmetric"
  switch (filtering) {
    case "endpoint-independent":
      return "full-cone"
    case "address-dependent":
      return "restricted-cone"
    case "address-and-port-dependent":
      return "port-restricted-cone"
  }
}

const possible = <A>(value: Measured<A>, all: ReadonlyArray<A>): ReadonlyArray<A> =>
  value._tag === "Known" ? [value.value] : (value.possible ?? all)

/**
 * The name that what is known leaves; it is known when there is just one, even if a part of the profile is not. Its
 * confidence is that of the weakest part it needs.
 */
export const classicName = (profile: NatProfile): Measured<ClassicName> => {
  const { blocked, filtering, mapping, translated } = profile
  if (blocked._tag === "Known" && blocked.value) return known("blocked", blocked.confidence, blocked.evidence)
  if (blocked._tag === "Unknown") {
    const names: ReadonlyArray<ClassicName> | undefined = blocked.possible === undefined ? undefined : ["blocked"]
    return unknown(blocked.reason, blocked.detail, blocked.evidence, names)
  }
  const names = (parts: Pick<NatProfile, "translated" | "mapping" | "filtering">): ReadonlyArray<ClassicName> => [
    ...new Set(
      possible(parts.translated, [false, true]).flatMap((changed) =>
        possible(parts.mapping, DEPENDENCES).flatMap((mapped) =>
          possible(parts.filtering, DEPENDENCES).map((filtered) => nameOf(changed, mapped, filtered))
        )
      )
    )
  ]
  const left = names(profile)
  if (left.length > 1) {
    const missing = [translated, mapping, filtering].find((part) => part._tag === "Unknown")
    return unknown(missing?.reason ?? "inconsistent", missing?.detail ?? "", missing?.evidence ?? [], left)
  }
  // A part matters when the name would be open without it.
  const open = (part: "translated" | "mapping" | "filtering"): boolean =>
    names({ ...profile, [part]: unknown("not-visible", "") }).length > 1
  const parts = (["translated", "mapping", "filtering"] as const).filter(open).map((part) => profile[part])
  const sure = parts.flatMap((part) => (part._tag === "Known" ? [part.confidence] : []))
  return known(left[0]!, Math.min(blocked.confidence, ...sure), [...new Set(parts.flatMap(({ evidence }) => evidence))])
}
