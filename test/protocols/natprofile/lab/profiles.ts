/** Every classic type with every delta, step, direction and a choice of port ranges: what the matrices go through. */
import type { Transport } from "../../../../src/schemas/NatObservation.ts"
import type { Rules } from "./Box.ts"

const EIM = "endpoint-independent"
const ADM = "address-dependent"
const APDM = "address-and-port-dependent"

export const natTypes = [
  [EIM, EIM],
  [EIM, ADM],
  [EIM, APDM],
  [ADM, APDM],
  [APDM, EIM],
  [APDM, APDM]
] as const

export const deltas: ReadonlyArray<Rules["delta"]> = [
  { kind: "equal", step: 0 },
  ...[1000, -1000, 20_011, -3].map((step) => ({ kind: "preserving", step }) as const),
  ...[1, 2, 5, -1, -2, -5].flatMap((step) => [
    { kind: "independent", step } as const,
    { kind: "dependent", step } as const
  ]),
  { kind: "random", step: 0 }
]

const ranges = [
  [1024, 65_535],
  [32_768, 60_999],
  [49_152, 65_535],
  [20_000, 20_999],
  [40_000, 42_047]
] as const

export const base: Rules = {
  translated: true,
  mapping: EIM,
  filtering: EIM,
  delta: { kind: "equal", step: 0 },
  range: [1024, 65_535],
  unsolicited: "drop",
  hairpin: false,
  blocked: false
}

const policies = ["drop", "rst", "icmp"] as const

/** UDP and TCP of one device differ in their delta, so that one is never taken for the other. */
export const profiles: ReadonlyArray<Record<Transport, Rules>> = [
  ...natTypes.flatMap(([mapping, filtering]) =>
    ranges.flatMap((range) =>
      deltas.map((delta, index) => {
        const fits = (wanted: Rules["delta"]): boolean => Math.abs(wanted.step) <= range[1] - range[0]
        const rules = (own: Rules["delta"], nth: number): Rules => ({
          ...base,
          mapping,
          filtering,
          range,
          delta: fits(own) ? own : { ...own, step: Math.sign(own.step) * 7 },
          unsolicited: policies[nth % 3]!,
          hairpin: nth % 2 === 0
        })
        return { udp: rules(delta, index), tcp: rules(deltas[(index + 7) % deltas.length]!, index + 1) }
      })
    )
  ),
  { udp: { ...base, translated: false }, tcp: { ...base, translated: false } },
  { udp: { ...base, translated: false, filtering: APDM }, tcp: { ...base, translated: false, filtering: ADM } },
  { udp: { ...base, blocked: true }, tcp: base },
  { udp: base, tcp: { ...base, blocked: true } },
  { udp: { ...base, blocked: true }, tcp: { ...base, blocked: true } }
]
