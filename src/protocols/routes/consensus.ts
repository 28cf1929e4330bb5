/**
 * What several STUN servers say about one local address, as one verdict. A single server can lie, be broken or stand behind
 * the same NAT; so the address is the one most of them saw, and where two are seen equally often none is chosen.
 */
import * as NetAddress from "effect/net/NetAddress"

/** What one server said. */
export type Answer =
  | { readonly _tag: "Saw"; readonly server: string; readonly address: NetAddress.IpAddress }
  | { readonly _tag: "Failed"; readonly server: string; readonly problem: string }

export interface Dissent {
  readonly server: string
  readonly said: string
}

export type Consensus =
  | {
      readonly _tag: "Agreed"
      readonly external: NetAddress.IpAddress
      readonly agreed: ReadonlyArray<string>
      readonly dissent: ReadonlyArray<Dissent>
    }
  /** As many saw one address as another. */
  | { readonly _tag: "Disagreed"; readonly dissent: ReadonlyArray<Dissent> }
  /** Nobody saw any. */
  | { readonly _tag: "Unknown"; readonly dissent: ReadonlyArray<Dissent> }

const keyOf = (address: NetAddress.IpAddress): string => NetAddress.formatIp(address)

// Servers by the address they saw, the most often seen first.
const seen = (answers: ReadonlyArray<Answer>) => {
  const groups = new Map<string, Array<Extract<Answer, { _tag: "Saw" }>>>()
  for (const answer of answers) {
    if (answer._tag !== "Saw") continue
    const key = keyOf(answer.address)
    groups.set(key, [...(groups.get(key) ?? []), answer])
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length)
}

/** Whether more answers would change nothing: enough servers agree, or all have spoken. */
export const isSettled = (answers: ReadonlyArray<Answer>, agree: number, asked: number): boolean =>
  answers.length >= asked || (seen(answers)[0]?.length ?? 0) >= agree

/** The answers when nobody is waited for any more: who has not spoken did not answer, unless others had settled it. */
export const completed = (
  answers: ReadonlyArray<Answer>,
  agree: number,
  asked: ReadonlyArray<string>
): ReadonlyArray<Answer> =>
  isSettled(answers, agree, asked.length)
    ? answers
    : [
        ...answers,
        ...asked
          .filter((server) => !answers.some((answer) => answer.server === server))
          .map((server) => ({ _tag: "Failed", server, problem: "no answer in time" }) as const)
      ]

export const consensus = (answers: ReadonlyArray<Answer>): Consensus => {
  const [first, second] = seen(answers)
  const dissent = answers
    .filter((answer) => first === undefined || first.length === second?.length || !first.includes(answer as never))
    .map((answer) => ({
      server: answer.server,
      said: answer._tag === "Saw" ? keyOf(answer.address) : answer.problem
    }))
  if (first === undefined) return { _tag: "Unknown", dissent }
  if (first.length === second?.length) return { _tag: "Disagreed", dissent }
  return { _tag: "Agreed", external: first[0]!.address, agreed: first.map(({ server }) => server), dissent }
}
