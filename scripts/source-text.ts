/**
 * Reads TypeScript as text, without a parser: which characters are code, and which modules a file names.
 *
 * `codeOnly` keeps every offset, so a position found in its answer is the same position in the source.
 */

const regexMayFollow = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|yield|await|throw|else|do))$/
// A line break inside the brackets is never part of a regular expression.
const regexLiteral = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])*\//y

const blank = (text: string): string => text.replace(/[^\n]/g, " ")

/** The source with comments, and the insides of strings, templates and regular expressions, replaced by blanks. */
export const codeOnly = (source: string): string => {
  let out = ""
  let at = 0
  // One entry for each template literal whose `${` is open: the depth of braces inside it.
  const templates: Array<number> = []

  const skipTo = (end: number): void => {
    out += blank(source.slice(at, end))
    at = end
  }
  const keep = (length: number): void => {
    out += source.slice(at, at + length)
    at += length
  }
  const text = (close: string): void => {
    let end = at
    while (end < source.length && source[end] !== close && !(close === "`" && source.startsWith("${", end))) {
      end += source[end] === "\\" ? 2 : 1
    }
    skipTo(Math.min(end, source.length))
    if (close === "`" && source.startsWith("${", at)) {
      templates.push(0)
      keep(2)
    } else {
      keep(1)
    }
  }

  while (at < source.length) {
    const char = source[at]!
    const depth = templates.at(-1)
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at)
      skipTo(end < 0 ? source.length : end)
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2)
      skipTo(end < 0 ? source.length : end + 2)
    } else if (char === '"' || char === "'" || char === "`") {
      keep(1)
      text(char)
    } else if (char === "/" && regexMayFollow.test(out.trimEnd().slice(-12))) {
      regexLiteral.lastIndex = at
      const literal = regexLiteral.exec(source)?.[0] ?? "/"
      keep(1)
      if (literal.length > 1) {
        skipTo(at + literal.length - 2)
        keep(1)
      }
    } else if (depth !== undefined && char === "}" && depth === 0) {
      templates.pop()
      keep(1)
      text("`")
    } else {
      if (depth !== undefined && char === "{") templates[templates.length - 1] = depth + 1
      if (depth !== undefined && char === "}") templates[templates.length - 1] = depth - 1
      keep(1)
    }
  }
  return out
}

export interface Import {
  /** `undefined` where the module is not a plain string, as in `import(name)`. */
  readonly specifier: string | undefined
  readonly line: number
}

export const lineAt = (source: string, offset: number): number => source.slice(0, offset).split("\n").length

/** Every module named by `import`, `export … from`, `import("…")` or a type's `import("…")`, in order. */
export const importsOf = (source: string): ReadonlyArray<Import> => {
  const named = /(?<![.\w$])(?:from\s*(?=["'])|import\s*(?=["'])|import\s*\(\s*)(["'])?/g
  return Array.from(codeOnly(source).matchAll(named), (match) => {
    const start = match.index + match[0].length
    const quote = match[1]
    return {
      specifier: quote === undefined ? undefined : source.slice(start, source.indexOf(quote, start)),
      line: lineAt(source, match.index)
    }
  })
}
