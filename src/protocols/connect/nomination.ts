/**
 * Which of the links between two peers become pipes: the same ones for both sides, however many they open towards each
 * other at once and in whatever order their words arrive.
 *
 * On a link, after it is secured:
 *
 *     direct    dialler (who called connect)   OPEN ->   <- ACCEPT   GO ->
 *     reverse   dialler (who was asked to)     OPEN ->   <- ACCEPT
 *     welcome   dialler (who called connect)   TAKE ->   <- ACCEPT
 *
 * Who is dialled may say in the handshake, before it knows by whom, that any link is welcome: it does so while it calls nobody
 * itself and every pipe it took has been confirmed. A dialler that is welcome makes the pipe at once by TAKE, and gives it to the
 * program; the ACCEPT that follows confirms it.
 *
 * A side is *bound* by a link when the other alone can make it a pipe: by its ACCEPT on a direct link, by its OPEN on a
 * reverse one. The other *holds* its word then, and makes the pipe by GO or ACCEPT. Each side gives the pipe to an attempt
 * of its own if it has one, else to who accepts. Where both call connect at once, five rules keep that to one pipe. The
 * smaller peer id is the senior.
 *
 *  1. Who is bound makes no pipe.
 *  2. Who is bound opens no direct link, and who has a direct link open does not dial back.
 *  3. A senior with a direct link open answers no OPEN; a junior answers at once.
 *  4. Who dials back, and has an attempt of its own, opens that link as a direct one of that attempt.
 *  5. Who took a pipe answers no OPEN and dials nobody back before the pipe is confirmed.
 *
 * Whoever connects to a peer wants a pipe with it, whatever its policy says: so an OPEN that comes meanwhile is accepted without
 * asking, but for no more than those attempts. The rest is asked about when no attempt is left. Who has no policy to ask, and only who
 * has none says welcome, allows all it has room for: an OPEN that was accepted for an attempt which a TAKE then serves must stay.
 *
 * One pipe: who makes it is not bound, so the other cannot make one; and the other becomes unbound by that very pipe, which
 * is its own from then on. No waiting for each other: with a direct link open one is not bound, but for a junior by the
 * senior's direct links, and the senior resolves those as soon as it has the junior's word; and nobody binds himself by
 * dialling back who has a link open or an attempt to make a pipe for. A welcome binds nobody: who takes a pipe by it called before
 * the other did, so the other is not welcome on its own link in turn, and has to ask on it; by rule 5 the answer waits until the
 * pipe that was taken is there. A link dialled back is there for the other's sake, and so
 * stays when the attempt it was opened for is given up.
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
  /** The attempt of the other it was dialled back for. */
  readonly back: AttemptId | undefined
  /** Whether the other may have a pipe by it; else it is for an attempt of this side alone. */
  readonly allowed: boolean
  /** Dialled here, and welcome. */
  readonly welcome: boolean
}

export interface State {
  readonly senior: boolean
  /** Attempts of this side that have no pipe yet, oldest first. */
  readonly pending: ReadonlyArray<AttemptId>
  /** In the order in which they came. */
  readonly links: ReadonlyArray<Link>
  /** Pipes taken by this side, as long as they are not confirmed. */
  readonly taken: ReadonlyArray<LinkId>
}

export type Event =
  /** A connect of this side begins, or is over without a pipe of these links. */
  | { readonly _tag: "Began"; readonly attempt: AttemptId }
  | { readonly _tag: "Ended"; readonly attempt: AttemptId }
  /** A link dialled here is secured: for an own attempt where direct, for the other's where reverse. */
  | {
      readonly _tag: "Dialled"
      readonly link: LinkId
      readonly kind: Kind
      readonly attempt: AttemptId
      readonly welcome: boolean
    }
  /** OPEN came on a link the other dialled. `allowed`: policy says yes; else it was not asked, as this side connects. */
  | {
      readonly _tag: "Opened"
      readonly link: LinkId
      readonly kind: Kind
      readonly attempt: AttemptId
      readonly allowed: boolean
    }
  /** TAKE came on a link the other dialled, and was welcome on. */
  | { readonly _tag: "Taken"; readonly link: LinkId; readonly attempt: AttemptId }
  /** ACCEPT, also of what was taken. */
  | { readonly _tag: "Accepted"; readonly link: LinkId }
  | { readonly _tag: "Going"; readonly link: LinkId }
  | { readonly _tag: "Refused"; readonly link: LinkId }
  /** The connection is gone. */
  | { readonly _tag: "Lost"; readonly link: LinkId }

/**
 * In the order in which they are to be done. After all but `Open` and `Accept` the link is forgotten, but for one that was taken: what
 * becomes of that is still to be told.
 */
export type Action =
  | { readonly _tag: "Open"; readonly link: LinkId; readonly kind: Kind; readonly attempt: AttemptId }
  | { readonly _tag: "Accept"; readonly link: LinkId }
  /** It is a pipe: for an own attempt, or for who accepts. `say`: what the other is told first. */
  | {
      readonly _tag: "Pipe"
      readonly link: LinkId
      readonly attempt: AttemptId | undefined
      readonly say: Word | undefined
      /** Whether it was opened for an attempt of this side. */
      readonly own: boolean
    }
  | { readonly _tag: "Refuse"; readonly link: LinkId }
  /** Nobody here waits for it any more: policy is to be asked, and the link opened anew, as another, or refused. */
  | { readonly _tag: "Ask"; readonly link: LinkId; readonly attempt: AttemptId }
  | { readonly _tag: "Close"; readonly link: LinkId }

/** What makes a pipe, or confirms it. */
export type Word = "Go" | "Accept" | "Take"

export interface Outcome {
  readonly state: State
  readonly actions: ReadonlyArray<Action>
}

/** `senior`: whether this side's peer id is the smaller one. */
export const initial = (senior: boolean): State => ({ senior, pending: [], links: [], taken: [] })

const without = (state: State, id: LinkId): State => ({ ...state, links: state.links.filter((link) => link.id !== id) })

const inPhase = (state: State, id: LinkId, phase: Phase): State => ({
  ...state,
  links: state.links.map((link) => (link.id === id ? { ...link, phase } : link))
})

/** Whether whoever dials is welcome. */
export const isWelcoming = ({ pending, taken }: State): boolean => pending.length === 0 && taken.length === 0

const known = (state: State, id: LinkId): Link | undefined => state.links.find((link) => link.id === id)

const isPending = (state: State, attempt: AttemptId): boolean => state.pending.includes(attempt)

const bound = ({ links }: State): ReadonlyArray<Link> => links.filter(({ phase }) => phase === "bound")

const isBound = (state: State): boolean => bound(state).length > 0

/** Whether a direct link dialled here is open: asked for, and not decided. */
const isOpening = ({ links }: State): boolean =>
  links.some(({ kind, phase }) => kind === "direct" && (phase === "open" || phase === "held"))

const unchanged = (state: State): Outcome => ({ state, actions: [] })

/** The attempt has its pipe: its other links go. */
const over = (state: State, attempt: AttemptId): Outcome => {
  const mine = state.links.filter((link) => link.own && link.attempt === attempt)
  const links = state.links.filter((link) => !mine.includes(link))
  const actions = mine.map(({ id, kind }): Action => ({ _tag: kind === "reverse" ? "Refuse" : "Close", link: id }))
  return { state: { ...state, pending: state.pending.filter((id) => id !== attempt), links }, actions }
}

/** The attempt is given up. What was dialled back with goes on, for the next attempt or for the other alone. */
const ended = (state: State, attempt: AttemptId): Outcome => {
  const next = state.pending.find((id) => id !== attempt)
  const links = state.links.map((link): Link => {
    if (link.back === undefined || !link.own || link.attempt !== attempt) return link
    return next === undefined ? { ...link, own: false, attempt: link.back } : { ...link, attempt: next }
  })
  return over({ ...state, links }, attempt)
}

const pipe = (
  state: State,
  link: Pick<Link, "id" | "own" | "attempt">,
  attempt: AttemptId | undefined,
  say: Word | undefined
): Outcome => {
  const { id, own } = link
  const left = without(state, id)
  const rest = say === "Take" ? { ...left, taken: [...left.taken, id] } : left
  const done = attempt === undefined ? unchanged(rest) : over(rest, attempt)
  // What was dialled back for the same attempt of the other serves nobody any more.
  const spare = own ? [] : done.state.links.filter((one) => !one.own && one.back === link.attempt)
  return {
    state: { ...done.state, links: done.state.links.filter((one) => !spare.includes(one)) },
    actions: [
      { _tag: "Pipe", link: id, attempt, say, own },
      ...done.actions,
      ...spare.map((one): Action => ({ _tag: "Close", link: one.id }))
    ]
  }
}

/** The attempt a pipe is for that was opened for none of them: one that cannot make one itself, if there is such. */
const neediest = ({ links, pending }: State): AttemptId | undefined =>
  pending.find((id) => !links.some(({ attempt, own, phase }) => own && phase === "held" && attempt === id)) ??
  pending[0]

/** The other made it a pipe. */
const given = (state: State, link: Link): Outcome => pipe(state, link, neediest(state), undefined)

/** Or gone: it is on its way to the other no more. */
const confirmed = (state: State, id: LinkId): State => ({ ...state, taken: state.taken.filter((each) => each !== id) })

/** This side makes it one. */
const made = (state: State, link: Link): Outcome =>
  pipe(state, link, link.own ? link.attempt : neediest(state), link.kind === "direct" ? "Go" : "Accept")

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
  if (event._tag === "Ended") return ended(state, event.attempt)
  const { link: id } = event
  const link = known(state, id)
  switch (event._tag) {
    case "Dialled": {
      const { attempt, kind, welcome } = event
      const own = kind === "direct"
      // Too late: its attempt is over.
      if (own && !isPending(state, attempt)) return { state, actions: [{ _tag: "Close", link: id }] }
      const back = own ? undefined : attempt
      return withLink(state, { id, kind, attempt, own, phase: "ready", back, allowed: true, welcome: own && welcome })
    }
    case "Opened": {
      const { allowed, kind } = event
      const own = kind === "reverse"
      // For one that is over: another one is served by it as well.
      const attempt = own && !isPending(state, event.attempt) ? state.pending[0] : event.attempt
      if (attempt === undefined) return { state, actions: [{ _tag: "Refuse", link: id }] }
      const phase = own ? "held" : "asked"
      return withLink(state, { id, kind, attempt, own, phase, back: undefined, allowed, welcome: false })
    }
    case "Taken":
      return pipe(state, { id, own: false, attempt: event.attempt }, neediest(state), "Accept")
    case "Accepted":
      if (state.taken.includes(id)) return unchanged(confirmed(state, id))
      if (link?.phase === "open") return unchanged(inPhase(state, id, "held"))
      if (link?.phase === "bound" && link.kind === "reverse") return given(state, link)
      break
    case "Going":
      if (link?.phase === "bound" && link.kind === "direct") return given(state, link)
      break
    case "Refused":
      break
    case "Lost":
      return unchanged(confirmed(without(state, id), id))
  }
  // A refusal, or a word that does not belong here.
  return link === undefined ? unchanged(confirmed(state, id)) : closed(state, id)
}

const opened = (state: State, link: Link): Outcome => ({
  state: { ...state, links: state.links.map((each) => (each.id === link.id ? link : each)) },
  actions: [{ _tag: "Open", link: link.id, kind: link.kind, attempt: link.attempt }]
})

/** The first link that may be accepted. */
const acceptable = (state: State): Link | undefined =>
  (state.senior && isOpening(state)) || state.taken.length > 0
    ? undefined
    : state.links.find(
        ({ allowed, phase }) => phase === "asked" && (allowed || state.pending.length > bound(state).length)
      )

/** What came without asking, as this side connects, when it no longer does. */
const uninvited = (state: State): Outcome | undefined => {
  const asked = state.links.find(({ allowed, phase }) => phase === "asked" && !allowed)
  if (asked !== undefined && state.pending.length === 0) {
    return { state: without(state, asked.id), actions: [{ _tag: "Ask", link: asked.id, attempt: asked.attempt }] }
  }
  const excess = bound(state).filter(({ allowed }) => !allowed)[state.pending.length]
  return excess === undefined ? undefined : closed(state, excess.id)
}

/** The next thing the rules allow, if any. */
const next = (state: State): Outcome | undefined => {
  const find = (phase: Phase, kind?: Kind): Link | undefined =>
    state.links.find((link) => link.phase === phase && (kind === undefined || link.kind === kind))
  const unwanted = uninvited(state)
  if (unwanted !== undefined) return unwanted
  const held = find("held")
  if (held !== undefined && !isBound(state)) return made(state, held)
  const accepted = acceptable(state)
  if (accepted !== undefined) {
    return { state: inPhase(state, accepted.id, "bound"), actions: [{ _tag: "Accept", link: accepted.id }] }
  }
  // Those who wait for an answer are not kept waiting by ever new links.
  const isWaitedFor = find("asked") !== undefined || isBound(state)
  const ready = find("ready", "direct")
  if (ready !== undefined && !isWaitedFor) {
    return ready.welcome ? pipe(state, ready, ready.attempt, "Take") : opened(state, { ...ready, phase: "open" })
  }
  const back = find("ready", "reverse")
  if (back === undefined || isOpening(state) || state.taken.length > 0) return undefined
  const [attempt] = state.pending
  if (attempt === undefined) return opened(state, { ...back, phase: "bound" })
  return isWaitedFor ? undefined : opened(state, { ...back, kind: "direct", attempt, own: true, phase: "open" })
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
