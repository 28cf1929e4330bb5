/** A NAT profile in the words of a person who wants to be reached. */
import type { Delta, Measured, NatProfile } from "../../schemas/NatProfile.ts"
import { CONFIDENT } from "./confidence.ts"
import { classicName } from "./names.ts"

const by = (step: number): string => (step > 0 ? `+${step}` : `−${-step}`)

const deltaWords = ({ kind, step }: Delta): string => {
  switch (kind) {
    case "equal":
      return "keeps the port of each connection"
    case "preserving":
      return step === 0
        ? "keeps the port of each connection where it can"
        : `moves the port of each connection by ${by(step)}`
    case "independent":
      return `gives each new connection the ${step > 0 ? "next" : "previous"} port, ${by(step)}`
    case "dependent":
      return `gives connections from neighbouring ports neighbouring ones, ${by(step)}, and others random ones`
    case "random":
      return "gives each new connection a random port"
  }
}

const perhaps = (measured: Measured<unknown>): string =>
  measured._tag === "Known" && measured.confidence < CONFIDENT
    ? ` (${Math.round(measured.confidence * 100)} % sure)`
    : ""

/** What it means for peers, in one or two sentences. */
export const inWords = (profile: NatProfile): string => {
  const { delta, filtering, mapping, transport } = profile
  const type = classicName(profile)
  const name = transport.toUpperCase()
  if (type._tag === "Unknown" && profile.blocked._tag === "Unknown")
    return `Nothing is known of ${name}: ${type.detail}.`
  if (profile.external._tag === "Unknown" && profile.external.reason === "too-few-answers")
    return `${name} gets through, and nothing else is known of it: ${profile.external.detail}.`
  if (type._tag === "Known" && type.value === "blocked") {
    return `${name} does not get through${perhaps(type)}: peers can be reached over it by no way at all.`
  }
  if (type._tag === "Known" && type.value === "open-internet") {
    return `Nothing stands between this machine and the internet: peers can reach it at its own address${perhaps(type)}.`
  }
  if (type._tag === "Known" && type.value === "symmetric-firewall") {
    return `A firewall, and no NAT: peers get in once this machine has sent to them${perhaps(type)}.`
  }
  if (mapping._tag === "Unknown") return `A NAT of unknown kind: ${mapping.detail}.`
  const rule = delta._tag === "Known" ? `your router ${deltaWords(delta.value)}${perhaps(delta)}` : undefined
  const subject = rule ?? "how your router chooses ports is unknown"
  if (mapping.value !== "endpoint-independent") {
    const predictable = delta._tag === "Known" && delta.value.kind !== "random"
    const chance =
      delta._tag === "Unknown"
        ? `whether prediction works is unknown: ${delta.detail}`
        : predictable
          ? "peers can reach you by prediction"
          : "peers can reach you only by many guesses, or by a relay"
    return sentence(`${subject}, and another one for each peer; ${chance}`)
  }
  if (filtering._tag === "Unknown") return sentence(`${subject}, the same one for all peers; ${filtering.detail}`)
  const reach = {
    "endpoint-independent": "anybody can reach you there",
    "address-dependent": "peers can reach you there once you have sent to their address",
    "address-and-port-dependent": "peers can reach you there once you have sent to them"
  }[filtering.value]
  return sentence(`${subject}, the same one for all peers; ${reach}${perhaps(filtering)}`)
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`
