import { assert, describe, it } from "@effect/vitest"
import { type Event, initial, type State, step } from "../../../src/protocols/connect/nomination.ts"
import {
  explore,
  type LinkPlan,
  livePipes,
  type Moment,
  type Name,
  names,
  other,
  EACH,
  type Scenario
} from "./interleavings.ts"

const direct = (dialler: "senior" | "junior", attempt: string): LinkPlan => ({ dialler, kind: "direct", attempt })
const reverse = (dialler: "senior" | "junior", attempt: string): LinkPlan => ({ dialler, kind: "reverse", attempt })

const tell = (moment: Moment): string => JSON.stringify(moment, null, 1)

/** Connects that are under way together end with one pipe; one that begins where there is a pipe already has its own. */
const mostPipes = ({ attempts = EACH }: Scenario, { sides }: Moment): number =>
  names.some((name) => sides[name].isLater)
    ? attempts.senior.length + attempts.junior.length
    : Math.max(attempts.senior.length, attempts.junior.length)

const checkMoment = (scenario: Scenario, moment: Moment): void => {
  for (const name of names) {
    assert.isAtMost(
      livePipes(moment, name).length,
      mostPipes(scenario, moment),
      `too many pipes at the ${name}: ${tell(moment)}`
    )
    const given = moment.sides[name].pipes.flatMap(({ attempt }) => attempt ?? [])
    assert.strictEqual(new Set(given).size, given.length, `an attempt got two pipes: ${tell(moment)}`)
  }
}

/** Whether a side waits for no pipe, and so need not take one. */
const isIdle = (moment: Moment, name: Name): boolean => moment.sides[name].state.pending.length === 0

/** What must hold when all is said. */
const checkLast = (scenario: Scenario, moment: Moment): void => {
  const [a, b] = names.map((name) => livePipes(moment, name))
  assert.deepStrictEqual(a, b, `they do not agree: ${tell(moment)}`)
  if ((scenario.losses ?? 0) + (scenario.ends ?? 0) === 0) {
    for (const name of names) {
      const made = moment.sides[name].pipes.map(({ link }) => link).toSorted((a, b) => a - b)
      assert.deepStrictEqual(
        livePipes(moment, name),
        made,
        `the other has let go of a pipe of the ${name}: ${tell(moment)}`
      )
    }
  }
  // A pipe that broke at once is a pipe all the same for who made it.
  if (names.some((name) => moment.sides[name].pipes.some(({ link }) => moment.wires[link]!.lost))) return
  for (const name of names) {
    assert.deepStrictEqual(moment.sides[name].state.links, [], `links left: ${tell(moment)}`)
    assert.deepStrictEqual(moment.sides[name].state.taken, [], `never confirmed: ${tell(moment)}`)
    for (const attempt of moment.sides[name].state.pending) {
      // What the other refuses, it refuses: but who connects itself to a peer refuses it nothing.
      if (scenario.strict?.includes(other(name)) === true && isIdle(moment, other(name))) continue
      const survivor = scenario.links.findIndex((link, at) => link.attempt === attempt && !moment.wires[at]!.lost)
      assert.strictEqual(survivor, -1, `${attempt} has no pipe, and a link of it survived: ${tell(moment)}`)
    }
  }
}

interface Case extends Scenario {
  readonly name: string
}

const ways = {
  S: direct("senior", "s"),
  J: direct("junior", "j"),
  /** The junior dials back for the senior, and the reverse. */
  Rs: reverse("junior", "s"),
  Rj: reverse("senior", "j")
}

// Every choice of up to four links, some of them twice, with as many losses as can be gone through in a moment.
const both: ReadonlyArray<Case> = [
  { name: "both dial", links: [ways.S, ways.J], losses: 2 },
  { name: "both dial twice", links: [ways.S, ways.S, ways.J, ways.J] },
  { name: "both dial back", links: [ways.Rs, ways.Rj], losses: 2 },
  { name: "both dial back twice", links: [ways.Rs, ways.Rj, ways.Rs, ways.Rj] },
  { name: "the senior dials and is dialled back", links: [ways.S, ways.Rs], losses: 2 },
  { name: "the junior dials and is dialled back", links: [ways.J, ways.Rj], losses: 2 },
  { name: "the senior dials and dials back", links: [ways.S, ways.Rj], losses: 2 },
  { name: "the junior dials and dials back", links: [ways.J, ways.Rs], losses: 2 },
  { name: "both dial and the junior dials back", links: [ways.S, ways.J, ways.Rs], losses: 1 },
  { name: "both dial and the senior dials back", links: [ways.S, ways.J, ways.Rj], losses: 1 },
  { name: "the senior dials and both dial back", links: [ways.S, ways.Rs, ways.Rj], losses: 1 },
  { name: "the junior dials and both dial back", links: [ways.J, ways.Rs, ways.Rj], losses: 1 },
  { name: "both dial and both dial back", links: [ways.S, ways.J, ways.Rs, ways.Rj] }
]

const alone: ReadonlyArray<Case> = (["senior", "junior"] as const).flatMap((name) => {
  const links = [direct(name, "a"), direct(name, "a"), reverse(other(name), "a")]
  const attempts = { senior: [], junior: [], [name]: ["a"] }
  return [
    { name: `the ${name} alone, three ways`, attempts, links, losses: 2 },
    { name: `the ${name} alone, and gives up`, attempts, links, ends: 1 }
  ]
})

const two = {
  senior: { attempts: { senior: ["s", "s2"], junior: ["j"] } },
  junior: { attempts: { senior: ["s"], junior: ["j", "j2"] } },
  both: { attempts: { senior: ["s", "s2"], junior: ["j", "j2"] } }
}
const [Rs2, Rj2] = [reverse("junior", "s2"), reverse("senior", "j2")]

const more: ReadonlyArray<Case> = [
  { name: "one connects after the other, or at once", links: [ways.S, ways.J], apart: true },
  { name: "the same with a dial back", links: [ways.S, ways.J, ways.Rj], apart: true },
  {
    name: "two connects of the senior, one of the junior",
    attempts: { senior: ["s", "s2"], junior: ["j"] },
    links: [ways.S, direct("senior", "s2"), ways.J]
  },
  {
    name: "two connects of the junior, one of the senior",
    attempts: { senior: ["s"], junior: ["j", "j2"] },
    links: [ways.S, ways.J, direct("junior", "j2")]
  },
  { name: "both dial, one dials back, one gives up", links: [ways.S, ways.J, ways.Rs], ends: 1 },
  { name: "both dial, the other dials back, one gives up", links: [ways.S, ways.J, ways.Rj], ends: 1 },
  { name: "the junior dials and dials back, one gives up", links: [ways.Rs, ways.J], ends: 1 },
  { name: "the senior dials and dials back, one gives up", links: [ways.Rj, ways.S], ends: 1 },
  { name: "both dial back, one gives up", links: [ways.Rs, ways.Rj], ends: 1 },
  { name: "one is dialled back for each of its two connects", ...two.senior, links: [ways.Rs, Rs2] },
  { name: "so is the junior, which dials back as well", ...two.junior, links: [ways.Rs, ways.Rj, Rj2] },
  { name: "the junior is, and the senior dials", ...two.junior, links: [ways.S, ways.Rj, Rj2] },
  {
    name: "the junior dials for both, and dials back",
    ...two.junior,
    links: [ways.J, direct("junior", "j2"), ways.Rs]
  },
  { name: "two connects each, and dials back alone", ...two.both, links: [ways.Rs, Rs2, ways.Rj, Rj2] },
  { name: "three links of one side", links: [ways.S, ways.S, ways.S], losses: 2 },
  { name: "three links of both", links: [ways.S, ways.J, ways.Rs], losses: 2 }
]

/** Where one lets nobody in of its own accord. */
const strictly: ReadonlyArray<Case> = (["senior", "junior"] as const).flatMap((name): ReadonlyArray<Case> => {
  const strict = [name]
  const mine = name === "senior" ? "s" : "j"
  const [dials, back] = [direct(other(name), name === "senior" ? "j" : "s"), reverse(other(name), mine)]
  return [
    { name: `the ${name} lets nobody in, and is dialled back`, strict, links: [back], losses: 1 },
    { name: `the ${name} lets nobody in, and is dialled`, strict, links: [dials, dials], losses: 1 },
    { name: `the ${name} lets nobody in, dials and is dialled`, strict, links: [dials, direct(name, mine), back] },
    { name: `the ${name} lets nobody in, and gives up`, strict, links: [dials, back], ends: 1 },
    { name: `the ${name} lets nobody in, both when they like`, strict, links: [dials, back], apart: true },
    {
      name: `the ${name} lets nobody in, and is dialled for two connects`,
      strict,
      attempts: name === "senior" ? two.junior.attempts : two.senior.attempts,
      links: [dials, direct(other(name), name === "senior" ? "j2" : "s2"), back]
    }
  ]
})

const j2 = direct("junior", "j2")
const s2 = direct("senior", "s2")

const welcomed = (scenario: Case, welcoming: ReadonlyArray<Name>): Case => {
  const name = `welcome at the ${welcoming.join(" and the ")}: ${scenario.name}`
  return { ...scenario, name, apart: true, welcoming }
}

/** Where a side has no policy, and says that any link is welcome. */
const welcoming: ReadonlyArray<Case> = [
  { name: "one connects after the other, or at once", links: [ways.S, ways.J], losses: 2 },
  { name: "the senior twice, the junior", links: [ways.S, ways.S, ways.J], losses: 1 },
  { name: "the senior, the junior twice", links: [ways.S, ways.J, ways.J], losses: 1 },
  { name: "the senior dials and both dial back", links: [ways.S, ways.Rs, ways.Rj] },
  { name: "both dial and the junior dials back", links: [ways.S, ways.J, ways.Rs], losses: 1 },
  { name: "both dial and the senior dials back", links: [ways.S, ways.J, ways.Rj], losses: 1 },
  { name: "the junior dials and both dial back", links: [ways.J, ways.Rs, ways.Rj] },
  { name: "both dial, the junior dials back, one gives up", links: [ways.S, ways.J, ways.Rs], ends: 1 },
  { name: "both dial, the senior dials back, one gives up", links: [ways.S, ways.J, ways.Rj], ends: 1 },
  { name: "two connects of the senior", ...two.senior, links: [ways.S, s2, ways.J] },
  { name: "two connects of the junior", ...two.junior, links: [ways.S, ways.J, j2] },
  { name: "two connects of the senior, with a loss", ...two.senior, links: [ways.S, s2, ways.J], losses: 1 },
  { name: "two connects of the junior, with a loss", ...two.junior, links: [ways.S, ways.J, j2], losses: 1 },
  { name: "two connects of the senior, one gives up", ...two.senior, links: [ways.S, s2, ways.J], ends: 1 },
  { name: "two connects of the junior, one gives up", ...two.junior, links: [ways.S, ways.J, j2], ends: 1 }
].flatMap((scenario) => [names, ["senior"] as const, ["junior"] as const].map((sides) => welcomed(scenario, sides)))

// With `P2P_FULL=1`, as CI does, all of them; else those of two sides without a policy where nothing is lost or given up.
const isSimple = ({ ends, losses }: Case, at: number): boolean =>
  at % 3 === 0 && losses === undefined && ends === undefined
const chosen = process.env["P2P_FULL"] === "1" ? welcoming : welcoming.filter(isSimple)

describe("nomination: every order of events", () => {
  for (const scenario of [...both, ...alone, ...more, ...strictly, ...chosen]) {
    it(`${scenario.name}`, () => {
      const { last, moments } = explore(scenario, (moment, isLast) => {
        checkMoment(scenario, moment)
        if (isLast) checkLast(scenario, moment)
      })
      assert.isAbove(last, 0)
      assert.isAbove(moments, 10)
    })
  }
})

/** As many different words as there are about six links and three attempts, most of which no honest peer says then. */
const anyWord = (pick: (count: number) => number, dialled: number, began: number): Event => {
  const link = 1 + pick(6)
  const said = (["Accepted", "Going", "Refused", "Lost"] as const)[pick(4)]!
  const kind = pick(2) === 0 ? "direct" : "reverse"
  const [mine, theirs] = [`a${pick(3)}`, `b${pick(3)}`]
  const words: ReadonlyArray<Event> = [
    { _tag: said, link },
    { _tag: said, link },
    { _tag: "Ended", attempt: mine },
    began < 3 ? { _tag: "Began", attempt: `a${began}` } : { _tag: said, link },
    {
      _tag: "Dialled",
      link: dialled + 1,
      kind,
      attempt: kind === "direct" ? mine : theirs,
      welcome: pick(2) === 0
    },
    { _tag: "Taken", link: dialled + 1, attempt: theirs },
    { _tag: "Opened", link: dialled + 1, kind, attempt: kind === "direct" ? theirs : mine, allowed: pick(2) === 0 }
  ]
  return words[pick(dialled < 6 ? 7 : 4)]!
}

describe("a peer that says whatever it likes", () => {
  it("gets no attempt two pipes, and no link used after it was let go", () => {
    let seed = 7
    const pick = (count: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 16) % count
    }
    let pipes = 0
    for (let run = 0; run < 20_000; run++) {
      let state = initial(pick(2) === 0)
      let began = 0
      let dialled = 0
      const served = new Set<string>()
      const gone = new Set<number>()
      for (let count = 0; count < 25; count++) {
        const event = anyWord(pick, dialled, began)
        if ("link" in event && gone.has(event.link)) continue
        if (event._tag === "Began") began++
        if (event._tag === "Dialled" || event._tag === "Opened" || event._tag === "Taken") dialled++
        const outcome = step(state, event)
        state = outcome.state
        if (event._tag === "Lost") gone.add(event.link)
        for (const action of outcome.actions) {
          assert.isFalse(gone.has(action.link), `a link that is gone: ${JSON.stringify({ event, action })}`)
          if (action._tag !== "Open" && action._tag !== "Accept") gone.add(action.link)
          if (action._tag !== "Pipe" || action.attempt === undefined) continue
          assert.isFalse(served.has(action.attempt), "an attempt got two pipes")
          served.add(action.attempt)
          pipes++
        }
      }
      assert.isTrue(state.links.every(({ id }) => !gone.has(id)))
    }
    assert.isAbove(pipes, 5000)
  })

  it("has no pipe that policy was not asked about, unless it serves an attempt", () => {
    const connecting = step(initial(false), { _tag: "Began", attempt: "a" }).state
    const opened = (state: State, link: number) =>
      step(state, { _tag: "Opened", link, kind: "direct", attempt: `b${link}`, allowed: false })
    const one = opened(connecting, 1)
    assert.deepStrictEqual(one.actions, [{ _tag: "Accept", link: 1 }])
    // The second waits, and is asked about when the first was enough.
    const two = opened(one.state, 2)
    assert.deepStrictEqual(two.actions, [])
    assert.deepStrictEqual(step(two.state, { _tag: "Going", link: 1 }).actions, [
      { _tag: "Pipe", link: 1, attempt: "a", say: undefined, own: false },
      { _tag: "Ask", link: 2, attempt: "b2" }
    ])
    // Who gives up before the other has decided takes back what it said.
    assert.deepStrictEqual(step(one.state, { _tag: "Ended", attempt: "a" }).actions, [{ _tag: "Close", link: 1 }])
  })
})

describe("nomination", () => {
  it("closes a link whose word does not belong there", () => {
    const began = step(initial(true), { _tag: "Began", attempt: "a" }).state
    const open = step(began, { _tag: "Dialled", link: 1, kind: "direct", attempt: "a", welcome: false })
    assert.deepStrictEqual(open.actions, [{ _tag: "Open", link: 1, kind: "direct", attempt: "a" }])
    for (const word of ["Going", "Refused"] as const) {
      assert.deepStrictEqual(step(open.state, { _tag: word, link: 1 }).actions, [{ _tag: "Close", link: 1 }])
    }
  })

  it("refuses to be dialled back for an attempt that is over, and dials for none", () => {
    const state = initial(false)
    const late = step(state, { _tag: "Opened", link: 1, kind: "reverse", attempt: "a", allowed: true })
    assert.deepStrictEqual(late.actions, [{ _tag: "Refuse", link: 1 }])
    const useless = step(state, { _tag: "Dialled", link: 2, kind: "direct", attempt: "a", welcome: false })
    assert.deepStrictEqual(useless.actions, [{ _tag: "Close", link: 2 }])
    assert.deepStrictEqual([late.state, useless.state], [state, state])
  })

  it("takes words about links it does not know for nothing", () => {
    for (const word of ["Accepted", "Going", "Refused", "Lost"] as const) {
      assert.deepStrictEqual(step(initial(true), { _tag: word, link: 9 }), { state: initial(true), actions: [] })
    }
  })
})
