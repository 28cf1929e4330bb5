/**
 * Which of the links between two peers become pipes: the same ones for both sides, however many they open towards each
 * other at once and in whatever order their words arrive.
 *
 * On a link, after it is secured:
 *
 *     direct    dialler (who called connect)   OPEN ->   <- ACCEPT   GO ->
 *     reverse   dialler (who was asked to)     OPEN ->   <- ACCEPT
 *
 * A side is *bound* by a link when the other alone can make it a pipe: by its ACCEPT on a direct link, by its OPEN on a
 * reverse one. The other *holds* its word then, and makes the pipe by GO or ACCEPT. Each side gives the pipe to an attempt
 * of its own if it has one, else to who accepts. Where both call connect at once, four rules keep that to one pipe. The
 * smaller peer id is the senior.
 *
 *  1. Who is bound makes no pipe.
 *  2. Who is bound opens no direct link, and who has a direct link open does not dial back.
 *  3. A senior with a direct link open answers no OPEN; a junior answers at once.
 *  4. Who dials back, and has an attempt of its own, opens that link as a direct one of that attempt.
 *
 * One pipe: who makes it is not bound, so the other cannot make one; and the other becomes unbound by that very pipe, which
 * is its own from then on. No waiting for each other: with a direct link open one is not bound, but for a junior by the
 * senior's direct links, and the senior resolves those as soon as it has the junior's word; and nobody binds himself by
 * dialling back who has a link open or an attempt to make a pipe for.
 */

/** An attempt: the id of one connect, as text. */
export type AttemptId = string

/** A link: a number the caller chooses, never used twice. */
export type LinkId = number

export type Kind = "direct" | "reverse"

/**
 * `ready`: dialled here, nothing sent. `open`: OPEN sent on a direct link. `asked`: OPEN came on a direct link. `bound`:
 * the other can make it a pipe. `held`: this side can.
 */
export type Phase = "ready" | "open" | "asked" | "bound" | "held"

export interface Link {
  readonly id: LinkId
  readonly kind: Kind
  readonly attempt: AttemptId
  /** Whether the attempt is one of this side's. */
  readonly own: boolean
  readonly phase: Phase
}

export interface State {
  readonly senior: boolean
  /** Attempts of this side that have no pipe yet, oldest first. */
  readonly pending: ReadonlyArray<AttemptId>
  /** In the order in which they came. */
  readonly links: ReadonlyArray<Link>
}

export type Event =
  /** A connect of this side begins, or is over without a pipe of these links. */
  | { readonly _tag: "Began"; readonly attempt: AttemptId }
  | { readonly _tag: "Ended"; readonly attempt: AttemptId }
  /** A link dialled here is secured: for an own attempt where direct, for the other's where reverse. */
  | { readonly _tag: "Dialled"; readonly link: LinkId; readonly kind: Kind; readonly attempt: AttemptId }
  /** OPEN came on a link the other dialled, and policy says yes. */
  | { readonly _tag: "Opened"; readonly link: LinkId; readonly kind: Kind; readonly attempt: AttemptId }
  | { readonly _tag: "Accepted"; readonly link: LinkId }
  | { readonly _tag: "Going"; readonly link: LinkId }
  | { readonly _tag: "Refused"; readonly link: LinkId }
  /** The connection is gone. */
  | { readonly _tag: "Lost"; readonly link: LinkId }

/** In the order in which they are to be done. After `Pipe`, `Refuse` and `Close` the link is forgotten. */
export type Action =
  | { readonly _tag: "Open"; readonly link: LinkId; readonly kind: Kind; readonly attempt: AttemptId }
  | { readonly _tag: "Accept"; readonly link: LinkId }
  /** It is a pipe: for an own attempt, or for who accepts. `say`: what the other is told first; nothing where it decided. */
  | {
      readonly _tag: "Pipe"
      readonly link: LinkId
      readonly attempt: AttemptId | undefined
      readonly say: "Go" | "Accept" | undefined
    }
  | { readonly _tag: "Refuse"; readonly link: LinkId }
  | { readonly _tag: "Close"; readonly link: LinkId }

export interface Outcome {
  readonly state: State
  readonly actions: ReadonlyArray<Action>
}

/** `senior`: whether this side's peer id is the smaller one. */
export const initial = (senior: boolean): State => ({ senior, pending: [], links: [] })

const without = (state: State, id: LinkId): State => ({ ...state, links: state.links.filter((link) => link.id !== id) })

const inPhase = (state: State, id: LinkId, phase: Phase): State => ({
  ...state,
  links: state.links.map((link) => (link.id === id ? { ...link, phase } : link))
})

const known = (state: State, id: LinkId): Link | undefined => state.links.find((link) => link.id === id)

const isPending = (state: State, attempt: AttemptId): boolean => state.pending.includes(attempt)

const isBound = ({ links }: State): boolean => links.some(({ phase }) => phase === "bound")

/** Whether a direct link dialled here is open: asked for, and not decided. */
const isOpening = ({ links }: State): boolean =>
  links.some(({ kind, phase }) => kind === "direct" && (phase === "open" || phase === "held"))

const unchanged = (state: State): Outcome => ({ state, actions: [] })

/** The attempt has its pipe, or needs none any more: its other links go. */
const over = (state: State, attempt: AttemptId): Outcome => {
  const mine = state.links.filter((link) => link.own && link.attempt === attempt)
  const links = state.links.filter((link) => !mine.includes(link))
  const actions = mine.map(({ id, kind }): Action => ({ _tag: kind === "reverse" ? "Refuse" : "Close", link: id }))
  return { state: { ...state, pending: state.pending.filter((id) => id !== attempt), links }, actions }
}

const pipe = (state: State, id: LinkId, attempt: AttemptId | undefined, say: "Go" | "Accept" | undefined): Outcome => {
  const rest = without(state, id)
  const done = attempt === undefined ? unchanged(rest) : over(rest, attempt)
  return { state: done.state, actions: [{ _tag: "Pipe", link: id, attempt, say }, ...done.actions] }
}

/** The other made it a pipe. */
const given = (state: State, { id }: Link): Outcome => pipe(state, id, state.pending[0], undefined)

/** This side makes it one. */
const made = (state: State, { attempt, id, kind }: Link): Outcome =>
  pipe(state, id, attempt, kind === "direct" ? "Go" : "Accept")

const withLink = (state: State, link: Link): Outcome => ({
  state: { ...state, links: [...state.links, link] },
  actions: []
})

const closed = (state: State, id: LinkId): Outcome => ({
  state: without(state, id),
  actions: [{ _tag: "Close", link: id }]
})

/** What an event changes by itself. */
const heard = (state: State, event: Event): Outcome => {
  if (event._tag === "Began") return unchanged({ ...state, pending: [...state.pending, event.attempt] })
  if (event._tag === "Ended") return over(state, event.attempt)
  const { link: id } = event
  const link = known(state, id)
  switch (event._tag) {
    case "Dialled": {
      const { attempt, kind } = event
      const own = kind === "direct"
      // Too late: its attempt is over.
      if (own && !isPending(state, attempt)) return { state, actions: [{ _tag: "Close", link: id }] }
      return withLink(state, { id, kind, attempt, own, phase: "ready" })
    }
    case "Opened": {
      const { attempt, kind } = event
      const own = kind === "reverse"
      if (own && !isPending(state, attempt)) return { state, actions: [{ _tag: "Refuse", link: id }] }
      return withLink(state, { id, kind, attempt, own, phase: own ? "held" : "asked" })
    }
    case "Accepted":
      if (link?.phase === "open") return unchanged(inPhase(state, id, "held"))
      if (link?.phase === "bound" && link.kind === "reverse") return given(state, link)
      break
    case "Going":
      if (link?.phase === "bound" && link.kind === "direct") return given(state, link)
      break
    case "Refused":
      break
    case "Lost":
      return unchanged(without(state, id))
  }
  // A refusal, or a word that does not belong here.
  return link === undefined ? unchanged(state) : closed(state, id)
}

const opened = (state: State, link: Link): Outcome => ({
  state: { ...state, links: state.links.map((each) => (each.id === link.id ? link : each)) },
  actions: [{ _tag: "Open", link: link.id, kind: link.kind, attempt: link.attempt }]
})

/** The next thing the rules allow, if any. */
const next = (state: State): Outcome | undefined => {
  const find = (phase: Phase, kind?: Kind): Link | undefined =>
    state.links.find((link) => link.phase === phase && (kind === undefined || link.kind === kind))
  const held = find("held")
  if (held !== undefined && !isBound(state)) return made(state, held)
  const asked = find("asked")
  if (asked !== undefined && (!state.senior || !isOpening(state))) {
    return { state: inPhase(state, asked.id, "bound"), actions: [{ _tag: "Accept", link: asked.id }] }
  }
  const bound = isBound(state)
  const ready = find("ready", "direct")
  // Those who wait for an answer are not kept waiting by ever new links.
  if (ready !== undefined && asked === undefined && !bound) return opened(state, { ...ready, phase: "open" })
  const back = find("ready", "reverse")
  if (back === undefined) return undefined
  const [attempt] = state.pending
  if (attempt === undefined) return isOpening(state) ? undefined : opened(state, { ...back, phase: "bound" })
  return asked !== undefined || bound
    ? undefined
    : opened(state, { ...back, kind: "direct", attempt, own: true, phase: "open" })
}

export const step = (before: State, event: Event): Outcome => {
  const first = heard(before, event)
  const actions = [...first.actions]
  let { state } = first
  for (let more = next(state); more !== undefined; more = next(state)) {
    state = more.state
    actions.push(...more.actions)
  }
  return { state, actions }
}
