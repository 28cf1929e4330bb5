import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Uri from "../../../src/protocols/stun/uri.ts"

describe("stun: URIs", () => {
  // What is written, and how it reads: the shortest form, then the transports.
  const good: ReadonlyArray<readonly [string, string, string]> = [
    ["stun:Stun.Example.ORG", "stun:stun.example.org", "udp tcp"],
    ["STUN:stun.example.org:3478", "stun:stun.example.org", "udp tcp"],
    ["stun:stun.example.org:19302", "stun:stun.example.org:19302", "udp tcp"],
    ["stun:192.0.2.1", "stun:192.0.2.1", "udp tcp"],
    ["stun:192.0.2.1:1", "stun:192.0.2.1:1", "udp tcp"],
    ["stun:[2001:DB8::1]", "stun:[2001:db8::1]", "udp tcp"],
    ["stun:[2001:db8::1]:65535", "stun:[2001:db8::1]:65535", "udp tcp"],
    ["stun:[::ffff:192.0.2.1]", "stun:192.0.2.1", "udp tcp"],
    ["stun:a?transport=udp", "stun:a?transport=udp", "udp"],
    ["stun:[::1]:9?transport=TCP", "stun:[::1]:9?transport=tcp", "tcp"]
  ]
  for (const [input, shortest, transports] of good) {
    it(`reads ${input}`, () => {
      const uri = Result.getOrThrow(Uri.fromString(input))
      assert.strictEqual(Uri.format(uri), shortest)
      assert.strictEqual((["udp", "tcp"] as const).filter((transport) => uri[transport]).join(" "), transports)
      assert.deepStrictEqual(Uri.fromString(shortest), Result.succeed(uri))
    })
  }

  const bad: ReadonlyArray<readonly [string, RegExp]> = [
    ["", /does not begin with stun:/],
    ["stun.example.org:3478", /does not begin with stun:/],
    ["turn:a", /does not begin with stun:/],
    ["stuns:a", /TLS is not spoken/],
    ["stun:", /must not be empty/],
    ["stun://a", /no \/\/ after stun:/],
    ["stun:2001:db8::1", /must be bracketed/],
    ["stun:[192.0.2.1]", /only IPv6 addresses use brackets/],
    ["stun:[2001:db8::1", /expected \[IPv6\]:port/],
    ["stun:[fe80::1%2]", /zone/],
    ["stun:a:0", /0 is not a destination port/],
    ["stun:a:65536", /0 through 65535/],
    ["stun:a:0x10", /decimal/],
    ["stun:a:", /decimal/],
    ["stun:user@a", /invalid domain name/],
    ["stun:a b", /invalid domain name/],
    ["stun:a\n", /invalid domain name/],
    ["stun:a#b", /invalid domain name/],
    ["stun:a?transport=sctp", /transport=udp or transport=tcp/],
    ["stun:a?", /transport=udp or transport=tcp/],
    ["stun:a?transport=udp&x=y", /transport=udp or transport=tcp/],
    [`stun:${"a".repeat(400)}`, /longer than 320/]
  ]
  for (const [input, problem] of bad) {
    it(`refuses ${JSON.stringify(input.slice(0, 40))}`, () => {
      const refused = Result.flip(Uri.fromString(input))
      assert.match(Result.getOrThrow(refused).message, problem)
    })
  }
})
