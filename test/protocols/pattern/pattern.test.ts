import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Pattern from "../../../src/protocols/pattern/Pattern.ts"

const test = (pattern: string, message: Uint8Array | string): boolean =>
  Result.getOrThrow(Pattern.compile(pattern)).test(
    typeof message === "string" ? new TextEncoder().encode(message) : message
  )

const refused = (pattern: string): string => {
  const result = Pattern.compile(pattern)
  assert(Result.isFailure(result), `${pattern.slice(0, 40)} was to be refused`)
  assert.strictEqual(result.failure._tag, "PatternError")
  assert.notStrictEqual(result.failure.message, "")
  return result.failure.message
}

describe("a pattern", () => {
  it("matches any part of a message unless it is anchored", () => {
    assert.isTrue(test("b", "abc"))
    assert.isFalse(test("^b", "abc"))
    assert.isTrue(test("^abc$", "abc"))
    assert.isFalse(test("^abc$", "abcd"))
    assert.isTrue(test("", ""))
    assert.isTrue(test("^$", ""))
    assert.isTrue(test("(?i)HELLO", "well, hello"))
    assert.isTrue(test("^(GET|POST) /[a-z]+", "POST /form HTTP/1.1"))
  })

  it("sees bytes, not characters", () => {
    for (let byte = 0; byte < 256; byte++) {
      const escaped = `^\\x${byte.toString(16).padStart(2, "0")}$`
      assert.isTrue(test(escaped, Uint8Array.of(byte)), escaped)
      assert.isFalse(test(escaped, Uint8Array.of(byte ^ 1)), escaped)
      assert.strictEqual(test("^.$", Uint8Array.of(byte)), byte !== 10)
      assert.isTrue(test("(?s)^.$", Uint8Array.of(byte)))
    }
    assert.isTrue(test("^.{4}$", Uint8Array.of(0xff, 0x00, 0x80, 0xfe)))
    assert.isTrue(test("^[\\x80-\\xff]+$", Uint8Array.of(0x80, 0xff)))
    assert.isFalse(test("^[\\x80-\\xff]+$", Uint8Array.of(0x80, 0x7f)))
  })

  it("takes text beyond ASCII as its UTF-8 bytes", () => {
    assert.isTrue(test("grüße", "viele grüße aus 京都"))
    assert.isTrue(test("京.{3}$", "aus 京都"))
    assert.isTrue(test("^\\xc3\\xbc$", "ü"))
    assert.isTrue(test("🌍", Uint8Array.of(0xf0, 0x9f, 0x8c, 0x8d)))
    assert.isFalse(test("ü", "u"))
  })

  it("works on messages longer than one piece of the conversion", () => {
    const long = new Uint8Array(20_000).fill(97)
    long[8191] = 98
    long[8192] = 99
    assert.isTrue(test("bc", long))
    assert.isFalse(test("cb", long))
  })

  it("may be as long as it says, where it is plain", () => {
    assert.isTrue(Result.isSuccess(Pattern.compile("x".repeat(Pattern.MAX_LENGTH))))
    assert.include(refused("x".repeat(Pattern.MAX_LENGTH + 1)), String(Pattern.MAX_LENGTH))
  })

  it("that cannot be read is refused with a reason", () => {
    for (const pattern of ["(", ")", "[", "a{2,1}", "*", "a**", "\\", "(?P<", "a{1001}"]) refused(pattern)
    // What no linear matcher can do.
    for (const pattern of ["(?=a)", "(?!a)", "(?<=a)", "(a)\\1"]) refused(pattern)
  })

  it.prop(
    "never throws, whatever the pattern and the message",
    [Schema.String, Schema.Uint8Array],
    ([pattern, message]) => {
      const compiled = Pattern.compile(pattern)
      if (Result.isSuccess(compiled)) assert.isBoolean(compiled.success.test(message))
      else assert.isString(compiled.failure.message)
    }
  )
})

// The best of several runs: what the work itself takes, whatever else the machine does.
const milliseconds = (work: () => void): number => {
  let best = Infinity
  for (let run = 0; run < 3; run++) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

describe("a pattern from a stranger", () => {
  const as = new TextEncoder().encode(`${"a".repeat(65_536)}b`)

  it("takes time in proportion to the message", () => {
    // A backtracking matcher needs 2^65536 steps for the first of these.
    const base = Math.max(
      1,
      milliseconds(() => test("[^ab]", as))
    )
    for (const pattern of ["(a+)+$", "(a|aa)+$", "(a|a)+$", "(.*)*x", "^(([a-z])+.)+[A-Z]([a-z])+$"]) {
      assert.isFalse(test(pattern, as))
      assert.isBelow(
        milliseconds(() => test(pattern, as)),
        100 * base,
        pattern
      )
    }
  })

  it("is refused where it is short but large", () => {
    const base = Math.max(
      1,
      milliseconds(() => Pattern.compile("x{900}"))
    )
    for (const pattern of [
      "a{1000}".repeat(140),
      `${"(?:a.{0,1000}b)".repeat(20)}[^ab]`,
      "(?:a{30}){30}".repeat(70),
      `(?:${"x{0,999}".repeat(100)})`,
      `(?:${"a{9}".repeat(100)}){100}`,
      `(?:${"a{2}".repeat(250)}){500}`
    ]) {
      assert.isAtMost(pattern.length, Pattern.MAX_LENGTH)
      // Saying no must not cost what compiling would.
      assert.isBelow(
        milliseconds(() => refused(pattern)),
        20 * base,
        pattern.slice(0, 20)
      )
    }
    // What people write is not.
    for (const pattern of [
      "^[0-9a-f]{64}$",
      "a{100}",
      "^(?:[0-9]{1,3}\\.){3}[0-9]{1,3}:[0-9]{1,5}$",
      "(?i)^hello .{0,200}$"
    ]) {
      assert.isTrue(Result.isSuccess(Pattern.compile(pattern)), pattern)
    }
  })
})
