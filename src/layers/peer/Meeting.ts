/**
 * All links between this peer and others that are not decided yet, and the attempts that wait for one: what `nomination`
 * decides is done here. Synchronous, so that a decision and its consequences are one.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Nomination from "../../protocols/connect/nomination.ts"
import type { PeerId } from "../../schemas/PeerId.ts"
import type { SecuredLink } from "../../services/LinkSecurity.ts"
import type { TcpConnection } from "../../services/Tcp.ts"

/** How often who owes a word on a link says that he is there. */
export const WAIT_EVERY = "1 second"

/** Nobody says a word for so many times `WAIT_EVERY`, and a second at most, though it is their turn. */
export const PATIENCE = 3

/** A link that became a pipe. Whoever is given it owns its scope. */
export interface Won {
  readonly link: SecuredLink
  readonly scope: Scope.Closeable
  readonly kind: Nomination.Kind
  /** Whether it was opened for an attempt of this side. */
  readonly own: boolean
  /** Milliseconds from its connection until it was decided. */
  readonly milliseconds: number
  /** Says the last word, and gives the connection to go on with. */
  readonly finish: Effect.Effect<TcpConnection>
  /** What is to be read from it first: until that has come, or how it failed. */
  readonly readAfter: Effect.Effect<void, SessionError> | undefined
}

/** The link became no pipe; `reason` as in `AttemptRecord`. */
export class SessionError extends Data.TaggedError("SessionError")<{
  readonly reason: string
  readonly problem: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.problem
  }
}

/** A link in the meeting. */
export interface Member {
  readonly act: (action: Exclude<Nomination.Action, { readonly _tag: "Pipe" }>) => void
  /** It became a pipe: from here on its scope belongs to who gets the answer. */
  readonly win: (action: Extract<Nomination.Action, { readonly _tag: "Pipe" }>) => Won
  /** Somebody has it. */
  readonly given: () => void
  /** Time goes by. `isContested`: other links wait for what becomes of this one. */
  readonly tick: (isContested: boolean) => void
}

/** A connect that waits for a pipe. */
export class Attempting {
  readonly id: Nomination.AttemptId
  /** What it has won. Whoever finds it owns it. */
  won: Won | undefined = undefined
  /** Told when it has. */
  onWon: () => void = () => {}

  constructor(id: Nomination.AttemptId) {
    this.id = id
  }
}

/** With one other peer. */
export class Meeting {
  private state: Nomination.State
  private readonly members = new Map<Nomination.LinkId, Member>()
  private readonly attempts = new Map<Nomination.AttemptId, Attempting>()
  private readonly quieted: Array<Deferred.Deferred<void>> = []
  private readonly heard: Array<Nomination.Event> = []
  /** For how many ticks nothing came of what was taken. */
  private unconfirmed: ReadonlyMap<Nomination.LinkId, number> = new Map()
  private isActing = false
  private readonly arrived: (won: Won) => void
  private readonly left: () => void

  constructor(senior: boolean, arrived: (won: Won) => void, left: () => void) {
    this.state = Nomination.initial(senior)
    this.arrived = arrived
    this.left = left
  }

  get size(): number {
    return this.state.links.length
  }

  isPending(attempt: Nomination.AttemptId): boolean {
    return this.attempts.has(attempt)
  }

  get isConnecting(): boolean {
    return this.attempts.size > 0
  }

  /** Whether a link waits for words here; what came for others is not for this. */
  knows(link: Nomination.LinkId): boolean {
    return this.members.has(link)
  }

  /** Whether the other waits for a word of this side, or this side for one of the other. */
  turnOf(link: Nomination.LinkId): "here" | "there" | undefined {
    switch (this.state.links.find(({ id }) => id === link)?.phase) {
      case "asked":
      case "held":
        return "here"
      case "open":
      case "bound":
        return "there"
      default:
        return undefined
    }
  }

  /** Whether whoever dials this side is welcome, as far as this peer is concerned. */
  get isWelcoming(): boolean {
    return Nomination.isWelcoming(this.state)
  }

  tick(): void {
    const { links, taken } = this.state
    for (const { id } of links) this.members.get(id)?.tick(links.length > 1)
    // Links wait for what becomes of those that were taken. A connection that is dead tells nobody.
    this.unconfirmed = new Map(taken.map((id) => [id, (this.unconfirmed.get(id) ?? 0) + 1]))
    if (links.length === 0) return
    for (const [link, silence] of this.unconfirmed) if (silence > PATIENCE) this.hear({ _tag: "Lost", link })
  }

  begin(attempting: Attempting): void {
    this.attempts.set(attempting.id, attempting)
    this.hear({ _tag: "Began", attempt: attempting.id })
  }

  end({ id }: Attempting): void {
    this.attempts.delete(id)
    this.hear({ _tag: "Ended", attempt: id })
  }

  join(link: Nomination.LinkId, member: Member, event: Nomination.Event): void {
    this.members.set(link, member)
    this.hear(event)
  }

  /** What happens while an event is acted on comes after it. */
  hear(event: Nomination.Event): void {
    if (event._tag === "Lost") this.members.delete(event.link)
    this.heard.push(event)
    if (this.isActing) return
    this.isActing = true
    try {
      for (let next = this.heard.shift(); next !== undefined; next = this.heard.shift()) this.actOn(next)
    } finally {
      this.isActing = false
    }
    if (this.isQuiet) for (const quiet of this.quieted.splice(0)) Deferred.doneUnsafe(quiet, Effect.void)
    if (this.size === 0 && this.state.pending.length === 0 && this.state.taken.length === 0) this.left()
  }

  private actOn(event: Nomination.Event): void {
    const { actions, state } = Nomination.step(this.state, event)
    this.state = state
    for (const action of actions) this.perform(action)
  }

  private perform(action: Nomination.Action): void {
    const member = this.members.get(action.link)
    if (member === undefined) return
    if (action._tag === "Open" || action._tag === "Accept") return member.act(action)
    this.members.delete(action.link)
    if (action._tag !== "Pipe") return member.act(action)
    this.give(member.win(action), action.attempt)
    member.given()
  }

  private give(won: Won, attempt: Nomination.AttemptId | undefined): void {
    const waiting = attempt === undefined ? undefined : this.attempts.get(attempt)
    if (waiting === undefined) return this.arrived(won)
    this.attempts.delete(attempt!)
    waiting.won = won
    waiting.onWon()
  }

  private get isQuiet(): boolean {
    return this.state.links.every(({ phase }) => phase === "ready" || phase === "open")
  }

  /** Waits until no link could become a pipe by itself. */
  get quiet(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isQuiet) return Effect.void
      const quiet = Deferred.makeUnsafe<void>()
      this.quieted.push(quiet)
      return Deferred.await(quiet)
    })
  }
}

/** With all of them. */
export class Meetings {
  private readonly own: PeerId
  private readonly meetings = new Map<PeerId, Meeting>()
  private readonly arrived: (peer: PeerId, won: Won) => void
  private readonly run: (effect: Effect.Effect<void>) => void
  private lastLink = 0
  private undecided = 0
  private isWatched = false

  /** `run`: what goes on by itself. */
  constructor(own: PeerId, arrived: (peer: PeerId, won: Won) => void, run: (effect: Effect.Effect<void>) => void) {
    this.own = own
    this.arrived = arrived
    this.run = run
  }

  /** To take part in at once: who is there is forgotten when nobody takes part any more. */
  with(peer: PeerId): Meeting {
    const known = this.meetings.get(peer)
    if (known !== undefined) return known
    const made = new Meeting(
      this.own < peer,
      (won) => this.arrived(peer, won),
      () => {
        // By now there may be another: who waited for the end of one may have begun it.
        if (this.meetings.get(peer) === made) this.meetings.delete(peer)
      }
    )
    this.meetings.set(peer, made)
    return made
  }

  /** `undefined` where there is nothing to decide. */
  find(peer: PeerId): Meeting | undefined {
    return this.meetings.get(peer)
  }

  /** Whether whoever dials is welcome: who it is does not show before it has said something itself. */
  get isWelcoming(): boolean {
    for (const meeting of this.meetings.values()) if (!meeting.isWelcoming) return false
    return true
  }

  /** A number for a link, for as long as it is not decided. */
  enter(): Nomination.LinkId {
    this.undecided++
    if (!this.isWatched) {
      this.isWatched = true
      this.run(this.watch)
    }
    return ++this.lastLink
  }

  leave(): void {
    this.undecided--
  }

  private readonly watch: Effect.Effect<void> = Effect.whileLoop({
    while: () => (this.isWatched = this.undecided > 0),
    body: () => Effect.sleep(WAIT_EVERY),
    step: () => {
      for (const meeting of this.meetings.values()) meeting.tick()
    }
  })
}
