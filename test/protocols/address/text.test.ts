/** An address on its way through chat programs, mail and people. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeText, encodeText } from "../../../src/protocols/address/PeerAddress.ts"
import { checkWords } from "../../../src/protocols/address/letters.ts"
import { toWords } from "../../../src/schemas/bech32m.ts"
import { realistic } from "./examples.ts"
import * as Kit from "./kit.ts"

const signed = Kit.signWith(Kit.ALICE, realistic)
const text = encodeText(signed)

const lines = (width: number, end: string, start = ""): string =>
  text.replace(new RegExp(`.{${width}}`, "g"), `$&${end}${start}`)

const arrived: Record<string, string> = {
  "as it was": text,
  "in capitals": text.toUpperCase(),
  "with its first letter a capital": text[0]!.toUpperCase() + text.slice(1),
  "without its colon": text.replace(":", ""),
  "as a URI with slashes": `${text.replace(":", "://")}/`,
  "in angle brackets": `<${text}>`,
  "in quotes of any kind": `\u201c\u00ab'"\`${text}\`"'\u00bb\u201d`,
  "at the end of a sentence": `${text}.`,
  "in bold": `**${text}**`,
  "in a block of code": `\`\`\`\n${text}\n\`\`\`\n`,
  "in a Markdown link": `[${text}]`,
  "with spaces around": `  \t${text}\u00a0 \n`,
  "in lines": lines(76, "\n"),
  "in lines of another system": lines(76, "\r\n"),
  "in lines of quoted mail": `> ${lines(72, "\r\n", "> ")}`,
  "in lines of mail quoted twice": `>> ${lines(72, "\n", ">> ")}`,
  "in quoted-printable lines": lines(75, "=\r\n"),
  hyphenated: lines(40, "-\n"),
  "with soft hyphens": lines(8, "\u00ad"),
  "with spaces of no width": lines(4, "\u200b"),
  "with joiners and marks of direction": `\u202a${lines(30, "\u2060")}\u202c\ufeff`,
  "in groups": lines(5, " "),
  "in groups with dashes": lines(4, "\u2013")
}

describe("decodeText", () => {
  it.each(Object.entries(arrived))("reads an address that arrived %s", (_, given) => {
    assert.deepStrictEqual(Result.getOrThrow(decodeText(given, Kit.options)), signed)
  })

  const other: Record<string, string> = {
    'peer address: it begins with "", an address with "p2p:"': "",
    'peer address: it begins with "hellothe", an address with "p2p:"': "hello there",
    'peer address: it begins with "httpsexa", an address with "p2p:"': "https://example.org",
    'peer address: a peer id says who, not where: ask for the address, which begins with "p2p:"': Kit.alice,
    "peer address: 0 letters: copy all of it": "p2p:",
    "peer address: 8 letters: copy all of it": "p2p:abcdefgh",
    "peer address: 20000 letters: an address has fewer": "p2p:".padEnd(20_000, "a"),
    'peer address, letter 9 after "p2p:": "1" in "hcui1poxi" is mistyped: an address has letters from a to z and digits from 2 to 7': `${text.slice(0, 12)}1${text.slice(13)}`,
    'peer address, letter 9 after "p2p:": "\u{1d50}" in "hcui\u{1d50}poxi" is mistyped: an address has letters from a to z and digits from 2 to 7': `${text.slice(0, 12)}\u{1d50}${text.slice(13)}`
  }
  it.each(Object.entries(other))("says what else it is: %s", (message, given) => {
    assert.strictEqual(Kit.messageOf(decodeText(given, Kit.options)), message)
  })

  it("says when a text goes on behind an address", () => {
    const result = decodeText(`${text}, call me`, Kit.options)
    assert.strictEqual(Kit.messageOf(result), "peer address: 6 letters are too many: copy it again")
  })

  it("names both letters of a pair that are wrong", () => {
    const letters = [...text]
    const before = letters.slice(14, 16).join("")
    letters[14] = letters[14] === "x" ? "y" : "x"
    letters[15] = letters[15] === "x" ? "y" : "x"
    const damaged = letters.join("")
    const message = Kit.messageOf(decodeText(damaged, Kit.options))
    assert.include(
      message,
      `"${damaged.slice(14, 16)}" in "${damaged.slice(10, 20)}" is mistyped: "${before}" would fit`
    )
  })

  it("takes no other text for the same bytes: the last bits are zero", () => {
    const words = toWords(signed.bytes)
    assert.isAbove((words.length * 5) % 8, 0)
    words[words.length - 1]! |= 1
    const other = [...words, ...checkWords(words)].map((word) => "abcdefghijklmnopqrstuvwxyz234567"[word]!).join("")
    const message = "peer address: its last bits are not zero: copy it again"
    assert.strictEqual(Kit.messageOf(decodeText(`p2p:${other}`, Kit.options)), message)
  })
})
