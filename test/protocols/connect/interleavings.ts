/**
 * Every order in which two nomination machines can hear of each other: words on their way in each direction of each link, links
 * that come up and are lost at any moment, connects that begin and end.
 */
import * as Nomination from "../../../src/protocols/connect/nomination.ts"

export type Name = "senior" | "junior"

export interface LinkPlan {
  readonly dialler: Name
  readonly kind: Nomination.Kind
  readonly attempt: string
}

export type Attempts = { readonly [N in Name]: ReadonlyArray<string> }

export const EACH: Attempts = { senior: ["s"], junior: ["j"] }

export interface Scenario {
  /** Default: one of each side, `s` and `j`. */
  readonly attempts?: Attempts
  readonly links: ReadonlyArray<LinkPlan>
  /** Links that may be lost, in all. Default none. */
  readonly losses?: number
  /** Attempts that may be given up, in all. Default none. */
  readonly ends?: number
  /** Sides whose policy lets nobody in. */
  readonly strict?: ReadonlyArray<Name>
  /** Sides without a policy, which may say that any link is welcome. Default: none. */
  readonly welcoming?: ReadonlyArray<Name>
  /** Whether a connect may begin when the other's is done already. Default: all have begun before the first word arrives. */
  readonly apart?: boolean
}

type Word =
  | { readonly _tag: "Open"; readonly kind: Nomination.Kind; readonly attempt: string }
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Go" }
  | { readonly _tag: "Take"; readonly attempt: string }
  | { readonly _tag: "Refuse" }
  /** The end of the connection. */
  | { readonly _tag: "Gone" }
  /** Policy answers. */
  | { readonly _tag: "Judged"; readonly kind: Nomination.Kind; readonly attempt: string }

interface Made {
  readonly link: number
  readonly attempt: string | undefined
}

interface Side {
  readonly state: Nomination.State
  readonly begun: number
  /** Whether a connect of it began when it had a pipe already: then another one is for another purpose. */
  readonly isLater: boolean
  readonly pipes: ReadonlyArray<Made>
}

interface Wire {
  /** What who was dialled said in the handshake. */
  readonly welcome: boolean | undefined
  readonly up: boolean
  readonly lost: boolean
  /** Which of the two have let go of it. */
  readonly left: ReadonlyArray<Name>
  readonly to: { readonly [N in Name]: ReadonlyArray<Word> }
}

export interface Moment {
  readonly sides: { readonly [N in Name]: Side }
  readonly wires: ReadonlyArray<Wire>
  readonly losses: number
  readonly ends: number
}

export const names: ReadonlyArray<Name> = ["senior", "junior"]
export const other = (name: Name): Name => (name === "senior" ? "junior" : "senior")

const start = ({ apart, attempts = EACH, ends = 0, links, losses = 0, welcoming = [] }: Scenario): Moment => {
  const side = (name: Name): Side => ({
    state: Nomination.initial(name === "senior"),
    begun: 0,
    isLater: false,
    pipes: []
  })
  const wire = ({ dialler }: LinkPlan): Wire => ({
    welcome: welcoming.includes(other(dialler)) ? undefined : false,
    up: false,
    lost: false,
    left: [],
    to: { senior: [], junior: [] }
  })
  const nothing: Moment = {
    sides: { senior: side("senior"), junior: side("junior") },
    wires: links.map(wire),
    losses,
    ends
  }
  if (apart === true) return nothing
  const all = names.flatMap((name) => attempts[name].map((attempt) => [name, attempt] as const))
  return all.reduce((moment, [name, attempt]) => begin(moment, name, attempt), nothing)
}

const begin = (moment: Moment, name: Name, attempt: string): Moment => {
  const side = moment.sides[name]
  const isLater = side.isLater || side.pipes.length > 0
  const begun: Moment = { ...moment, sides: { ...moment.sides, [name]: { ...side, begun: side.begun + 1, isLater } } }
  return hear(begun, name, { _tag: "Began", attempt })
}

const withWire = (moment: Moment, link: number, change: (wire: Wire) => Wire): Moment => ({
  ...moment,
  wires: moment.wires.map((wire, at) => (at === link ? change(wire) : wire))
})

const say = (moment: Moment, link: number, to: Name, word: Word): Moment =>
  withWire(moment, link, (wire) =>
    wire.lost ? wire : { ...wire, to: { ...wire.to, [to]: [...wire.to[to], word] } as Wire["to"] }
  )

const leave = (moment: Moment, link: number, name: Name): Moment =>
  withWire(moment, link, (wire) => ({ ...wire, left: [...wire.left, name] }))

const refuse = (moment: Moment, name: Name, link: number): Moment =>
  leave(say(say(moment, link, other(name), { _tag: "Refuse" }), link, other(name), { _tag: "Gone" }), link, name)

const wordOf = (said: Nomination.Word, attempt: string | undefined): Word =>
  said === "Take" ? { _tag: said, attempt: attempt! } : { _tag: said }

const act = (moment: Moment, name: Name, action: Nomination.Action): Moment => {
  const { link } = action
  const there = other(name)
  switch (action._tag) {
    case "Open":
      return say(moment, link, there, { _tag: "Open", kind: action.kind, attempt: action.attempt })
    case "Accept":
      return say(moment, link, there, { _tag: "Accept" })
    case "Pipe": {
      const said = action.say === undefined ? moment : say(moment, link, there, wordOf(action.say, action.attempt))
      const side = said.sides[name]
      const pipes = [...side.pipes, { link, attempt: action.attempt }]
      return { ...said, sides: { ...said.sides, [name]: { ...side, pipes } } }
    }
    case "Refuse":
      return refuse(moment, name, link)
    case "Ask": {
      const judged: Word = { _tag: "Judged", kind: "direct", attempt: action.attempt }
      // What comes meanwhile is read afterwards.
      return withWire(moment, link, (wire) => ({
        ...wire,
        to: { ...wire.to, [name]: [judged, ...wire.to[name]] } as Wire["to"]
      }))
    }
    case "Close":
      return leave(say(moment, link, there, { _tag: "Gone" }), link, name)
  }
}

const hear = (moment: Moment, name: Name, event: Nomination.Event): Moment => {
  const side = moment.sides[name]
  const { actions, state } = Nomination.step(side.state, event)
  const heard: Moment = { ...moment, sides: { ...moment.sides, [name]: { ...side, state } } }
  return actions.reduce((now, action) => act(now, name, action), heard)
}

const eventOf = (link: number, word: Word, allowed: boolean): Nomination.Event => {
  switch (word._tag) {
    case "Open":
    case "Judged":
      return { _tag: "Opened", link, kind: word.kind, attempt: word.attempt, allowed }
    case "Accept":
      return { _tag: "Accepted", link }
    case "Take":
      return { _tag: "Taken", link, attempt: word.attempt }
    case "Go":
      return { _tag: "Going", link }
    case "Refuse":
      return { _tag: "Refused", link }
    case "Gone":
      return { _tag: "Lost", link }
  }
}

/** What comes to a side goes through its policy, unless it connects itself or asked for it. */
const listen = (
  { strict = [], welcoming = [] }: Scenario,
  moment: Moment,
  name: Name,
  link: number,
  word: Word
): Moment => {
  const isDirect = (word._tag === "Open" || word._tag === "Judged") && word.kind === "direct"
  const isAsked = isDirect && (word._tag === "Judged" || moment.sides[name].state.pending.length === 0)
  if (isAsked && strict.includes(name)) return refuse(moment, name, link)
  return hear(moment, name, eventOf(link, word, !isDirect || isAsked || welcoming.includes(name)))
}

const has = (side: Side, link: number): boolean => side.pipes.some((pipe) => pipe.link === link)

/** Everything that can happen next. */
const nexts = (scenario: Scenario, moment: Moment): ReadonlyArray<Moment> => {
  const { attempts = EACH, links } = scenario
  const found: Array<Moment> = []
  for (const name of names) {
    const side = moment.sides[name]
    const attempt = attempts[name][side.begun]
    if (attempt !== undefined) found.push(begin(moment, name, attempt))
    if (moment.ends > 0) {
      for (const pending of side.state.pending) {
        found.push(hear({ ...moment, ends: moment.ends - 1 }, name, { _tag: "Ended", attempt: pending }))
      }
    }
  }
  links.forEach(({ attempt, dialler, kind }, link) => {
    const wire = moment.wires[link]!
    if (!wire.up) {
      // Nobody dials before the connect began whose attempt it is.
      const owner = kind === "direct" ? dialler : other(dialler)
      if (attempts[owner].indexOf(attempt) >= moment.sides[owner].begun) return
      if (wire.welcome === undefined) {
        const welcome = Nomination.isWelcoming(moment.sides[other(dialler)].state)
        found.push(withWire(moment, link, (before) => ({ ...before, welcome })))
        return
      }
      const up = withWire(moment, link, (before) => ({ ...before, up: true }))
      found.push(hear(up, dialler, { _tag: "Dialled", link, kind, attempt, welcome: wire.welcome }))
      return
    }
    for (const name of names) {
      const [word, ...rest] = wire.to[name]
      if (word === undefined) continue
      const taken = withWire(moment, link, (before) => ({
        ...before,
        to: { ...before.to, [name]: rest } as Wire["to"]
      }))
      // A pipe is no business of the machine any more, and who has left hears nothing.
      const side = moment.sides[name]
      const deaf = (has(side, link) && !side.state.taken.includes(link)) || wire.left.includes(name)
      found.push(deaf ? taken : listen(scenario, taken, name, link, word))
    }
    if (moment.losses > 0 && !wire.lost) {
      const gone: ReadonlyArray<Word> = [{ _tag: "Gone" }]
      const lost: Moment = withWire({ ...moment, losses: moment.losses - 1 }, link, (before) => ({
        ...before,
        lost: true,
        to: { senior: gone, junior: gone }
      }))
      found.push(lost)
    }
  })
  return found
}

export const livePipes = (moment: Moment, name: Name): ReadonlyArray<number> =>
  moment.sides[name].pipes
    .map(({ link }) => link)
    .filter((link) => !moment.wires[link]!.lost && !moment.wires[link]!.left.includes(other(name)))
    .toSorted((a, b) => a - b)

/** Visits every moment there can be; `last` are those after which nothing more happens. */
export const explore = (
  scenario: Scenario,
  visit: (moment: Moment, last: boolean) => void
): { readonly moments: number; readonly last: number } => {
  const seen = new Set<string>()
  const open: Array<Moment> = [start(scenario)]
  let last = 0
  while (open.length > 0) {
    const moment = open.pop()!
    const key = JSON.stringify(moment)
    if (seen.has(key)) continue
    seen.add(key)
    const following = nexts(scenario, moment)
    // A loss or an end may also not come: what is left then is a last moment too.
    const must = nexts(scenario, { ...moment, losses: 0, ends: 0 })
    if (must.length === 0) last++
    visit(moment, must.length === 0)
    open.push(...following)
  }
  return { moments: seen.size, last }
}
