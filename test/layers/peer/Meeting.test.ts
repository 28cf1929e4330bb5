/** What becomes of meetings when one thing happens while another is acted on. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Attempting, Meetings, type Member } from "../../../src/layers/peer/Meeting.ts"
import type { PeerId } from "../../../src/schemas/PeerId.ts"

const own = "a" as PeerId
const other = "b" as PeerId

const making = () =>
  new Meetings(
    own,
    () => {},
    (effect) => void Effect.runFork(effect)
  )

const member: Member = { act: () => {}, win: () => assert.fail("nothing was won"), given: () => {}, tick: () => {} }

describe("meetings", () => {
  it("one that is over does not take the next one with it", () => {
    const meetings = making()
    const meeting = meetings.with(other)
    const first = new Attempting("first")
    meeting.begin(first)
    const link = meetings.enter()
    meeting.join(link, member, { _tag: "Opened", link, kind: "direct", attempt: "theirs", allowed: true })
    // Who waits for the end of everything gives up then, and begins again at once.
    Effect.runFork(
      Effect.map(meeting.quiet, () => {
        meetings.with(other).end(first)
        meetings.with(other).begin(new Attempting("second"))
      })
    )
    meeting.hear({ _tag: "Lost", link })
    assert.isTrue(meetings.find(other)?.isPending("second"))
  })

  it("one whose member is broken goes on with the others", () => {
    const meetings = making()
    const meeting = meetings.with(other)
    meeting.begin(new Attempting("mine"))
    const broken = () => {
      throw new Error("broken")
    }
    const dialled = (member: Member) => {
      const link = meetings.enter()
      meeting.join(link, member, { _tag: "Dialled", link, kind: "direct", attempt: "mine", welcome: false })
    }
    assert.throws(() => dialled({ ...member, act: broken }), "broken")
    let acted = 0
    dialled({ ...member, act: () => acted++ })
    assert.strictEqual(acted, 1)
  })
})
