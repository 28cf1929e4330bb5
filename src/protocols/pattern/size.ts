/**
 * How large a pattern compiles, read off its text: repetitions are written short and compiled long, so a pattern from a
 * stranger must be measured before it is compiled.
 */

const REPETITION = /\{(\d+)(?:,(\d*))?\}/y
const QUOTED = /\\Q([^]*?)(?:\\E|$)/y
// An escape, with the braces some of them have: `\x{1F600}`, `\pN`, `\p{Greek}`.
const ESCAPE = /\\(?:[xpP]\{[^}]*\}|[^])/y
// `]` is a character of the class where it comes first; classes have names like `[:alpha:]`.
const CLASS = /\[\^?\]?(?:\[:\^?\w+:\]|\\[^]|[^\]\\])*\]/y
const GROUP = /\((?:\?(?:P?<\w*>|[imsU-]*[:)]))?/y

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** Instructions the pattern needs, about; exact enough to tell large from small. */
export const sizeOf = (source: string): number => {
  const around: Array<number> = []
  let sum = 0
  let last = 0
  const add = (size: number) => {
    sum += size
    last = size
  }
  for (let at = 0; at < source.length;) {
    const rest = source[at]!
    const quoted = matchAt(QUOTED, source, at)
    const found = quoted ?? matchAt(ESCAPE, source, at) ?? matchAt(CLASS, source, at)
    const repetition = matchAt(REPETITION, source, at)
    const group = matchAt(GROUP, source, at)
    if (found !== null) {
      add(quoted === null ? 1 : quoted[1]!.length)
      at += found[0].length
    } else if (repetition !== null) {
      const [text, least, most] = repetition
      // `{2,}` repeats once more and for ever; `{0}` still compiles to something.
      const times = Math.max(1, most === "" ? Number(least) + 1 : Number(most ?? least))
      sum += last * (times - 1)
      last *= times
      at += text.length
    } else if (group !== null) {
      if (!group[0].endsWith(")")) {
        around.push(sum)
        sum = 2
      }
      at += group[0].length
    } else if (rest === ")") {
      last = sum
      sum += around.pop() ?? 0
      at++
    } else {
      if ("*+?|".includes(rest)) sum++
      else add(1)
      at++
    }
  }
  return around.reduce((total, size) => total + size, sum)
}
