/**
 * What peers say on a secured link before it is a pipe. `nomination` has the order; what follows the last frame is the
 * program's.
 *
 *     OPEN     01  version  kind  attempt (16 bytes)      kind: 01 direct, 02 reverse
 *     ACCEPT   02
 *     REFUSE   03  why                                    the numbers of REFUSALS
 *     GO       04
 *     WAIT     05                                         no word yet, and somebody is there
 *     TAKE     06  version  attempt (16 bytes)            a pipe, as any link was welcome; ACCEPT or REFUSE follows
 *
 * A frame of any version has the size that its first byte says, so that one can be refused that says more than is known here.
 */
import type { Kind } from "./nomination.ts"

export const VERSION = 1

/** Bytes of the id of an attempt. */
export const ATTEMPT_BYTES = 16

/** By their numbers, from 1. */
export const REFUSALS = ["version", "busy", "not-allowed", "over"] as const
export type Refusal = (typeof REFUSALS)[number]

/** For people on the other side. */
export const refusalWords: { readonly [R in Refusal]: string } = {
  version: "it speaks another version of this protocol",
  busy: "it has as many connections as it takes",
  "not-allowed": "it does not allow this peer",
  over: "it has a pipe already, or gave up"
}

export type Frame =
  | { readonly _tag: "Open"; readonly kind: Kind; readonly attempt: Uint8Array }
  | { readonly _tag: "Take"; readonly attempt: Uint8Array }
  /** An OPEN or a TAKE that cannot be understood. */
  | { readonly _tag: "OpenUnknown" }
  | { readonly _tag: "Accept" }
  | { readonly _tag: "Refuse"; readonly why: Refusal | undefined }
  | { readonly _tag: "Go" }
  | { readonly _tag: "Wait" }

const OPEN = 1
const ACCEPT = 2
const REFUSE = 3
const GO = 4
const WAIT = 5
const TAKE = 6

const KINDS: ReadonlyArray<Kind> = ["direct", "reverse"]

/** Bytes that follow the first one; `undefined` where that begins no frame. */
export const restOf = (first: number): number | undefined => {
  switch (first) {
    case OPEN:
      return 2 + ATTEMPT_BYTES
    case TAKE:
      return 1 + ATTEMPT_BYTES
    case REFUSE:
      return 1
    case ACCEPT:
    case GO:
    case WAIT:
      return 0
    default:
      return undefined
  }
}

export const encode = (frame: Exclude<Frame, { readonly _tag: "OpenUnknown" }>): Uint8Array => {
  switch (frame._tag) {
    case "Open":
      return Uint8Array.of(OPEN, VERSION, KINDS.indexOf(frame.kind) + 1, ...frame.attempt)
    case "Accept":
      return Uint8Array.of(ACCEPT)
    case "Refuse":
      return Uint8Array.of(REFUSE, frame.why === undefined ? 0 : REFUSALS.indexOf(frame.why) + 1)
    case "Go":
      return Uint8Array.of(GO)
    case "Wait":
      return Uint8Array.of(WAIT)
    case "Take":
      return Uint8Array.of(TAKE, VERSION, ...frame.attempt)
  }
}

/** A whole frame; `undefined` for bytes that are none. */
export const decode = (bytes: Uint8Array): Frame | undefined => {
  const [first, ...rest] = bytes
  if (first === undefined || restOf(first) !== rest.length) return undefined
  switch (first) {
    case OPEN: {
      const kind = KINDS[rest[1]! - 1]
      return rest[0] !== VERSION || kind === undefined
        ? { _tag: "OpenUnknown" }
        : { _tag: "Open", kind, attempt: bytes.slice(3) }
    }
    case TAKE:
      return rest[0] === VERSION ? { _tag: "Take", attempt: bytes.slice(2) } : { _tag: "OpenUnknown" }
    case ACCEPT:
      return { _tag: "Accept" }
    case REFUSE:
      return { _tag: "Refuse", why: REFUSALS[rest[0]! - 1] }
    case GO:
      return { _tag: "Go" }
    default:
      return { _tag: "Wait" }
  }
}
