/**
 * Regular expressions over bytes, for choosing messages.
 *
 * The syntax is RE2's, and so is the promise: matching takes time linear in the message, whatever the pattern, so that a
 * pattern may come from a stranger. Each byte is one character (`\xff` is the byte 255, `.` any byte but LF); text
 * beyond ASCII in a pattern stands for its UTF-8 bytes. A pattern matches when any part of the message does.
 */
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import { RE2JS } from "re2js"
import { sizeOf } from "./size.ts"

/** Characters a pattern may have: compiling takes time and memory in proportion. */
export const MAX_LENGTH = 1024

/** Instructions a compiled pattern may have: matching takes, at worst, this many steps a byte. */
export const MAX_INSTRUCTIONS = 1100

export class PatternError extends Data.TaggedError("PatternError")<{
  readonly pattern: string
  readonly message: string
}> {}

export interface Pattern {
  readonly source: string
  readonly test: (bytes: Uint8Array) => boolean
}

// One character for each byte, in pieces, because a call takes only so many arguments.
const PIECE = 4096
const latin1 = (bytes: Uint8Array): string => {
  let text = ""
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  }
  return text
}

const encoder = new TextEncoder()

/** Compiles a pattern, or says what is wrong with it. */
export const compile = (source: string): Result.Result<Pattern, PatternError> => {
  const refuse = (message: string) => Result.fail(new PatternError({ pattern: source.slice(0, 64), message }))
  if (source.length > MAX_LENGTH) return refuse(`the pattern is longer than ${MAX_LENGTH} characters`)
  const tooMuch = `the pattern is too large: it would take more than ${MAX_INSTRUCTIONS} steps a byte`
  if (sizeOf(source) > MAX_INSTRUCTIONS) return refuse(tooMuch)
  const compiled = Result.try({
    try: () => RE2JS.compile(latin1(encoder.encode(source))),
    catch: (cause) => (cause instanceof Error ? cause.message : String(cause))
  })
  if (Result.isFailure(compiled)) return refuse(compiled.failure)
  const program = compiled.success
  if (program.programSize() > MAX_INSTRUCTIONS) return refuse(tooMuch)
  return Result.succeed({ source, test: (bytes) => program.test(latin1(bytes)) })
}
