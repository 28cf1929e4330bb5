import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import { assemble, type Asked } from "../../../src/protocols/routes/assemble.ts"
import type { Answer } from "../../../src/protocols/routes/consensus.ts"
import { sources } from "../../../src/protocols/routes/sources.ts"
import * as IpRange from "../../../src/protocols/addresses/IpRange.ts"
import { Route, RouteFailure } from "../../../src/schemas/Route.ts"
import { card, ip } from "./kit.ts"

/** What each server says to each local address: an address, or why not. */
type Said = Readonly<Record<string, Readonly<Record<string, string>>>>

const assembled = (cards: ReadonlyArray<ReturnType<typeof card>>, said: Said) => {
  const { ask } = sources(cards, { servers: ["192.0.2.99", "2001:db8::99", "127.0.0.1"].map(ip) })
  const all = ask.map((source): Asked => {
    const answers = Object.entries(said[NetAddress.formatIp(source.address.address)] ?? {})
    return {
      source,
      answers: answers.map(([server, text]): Answer =>
        /^[\da-f]*[.:]/.test(text)
          ? { _tag: "Saw", server, address: ip(text) }
          : { _tag: "Failed", server, problem: text }
      )
    }
  })
  const { failures, routes } = assemble(all)
  return {
    routes: routes.map(({ agreed, dissent, external, interface: name, linkLocal, local, public: open }) =>
      [
        `${name} ${[...local, ...linkLocal].map(({ address }) => NetAddress.formatIp(address)).join(",")}`,
        `-> ${IpRange.format(external)}${open ? " public" : ""}`,
        `(${agreed.join("")}${dissent.map(({ said, server }) => ` ${server}:${said}`).join("")})`
      ].join(" ")
    ),
    failures: failures.map(({ address, problem }) => `${NetAddress.formatIp(address)}: ${problem}`)
  }
}

describe("routes from what servers said", () => {
  it("join the private addresses of one interface that leave by one external address", () => {
    assert.deepStrictEqual(
      assembled(
        [
          card("eth0", ["192.168.1.2/24", "192.168.1.3/24", "192.168.1.4/24", "192.168.1.5/24"]),
          card("eth1", ["10.0.0.2/8"])
        ],
        {
          "192.168.1.2": { a: "203.0.113.1", b: "203.0.113.1" },
          "192.168.1.3": { a: "203.0.113.1", c: "dead" },
          "192.168.1.4": { a: "203.0.113.2", b: "203.0.113.2" },
          "192.168.1.5": { a: "dead", b: "dead", c: "no way" },
          "10.0.0.2": { a: "203.0.113.1", b: "203.0.113.1" }
        }
      ),
      {
        routes: [
          "eth0 192.168.1.2,192.168.1.3 -> 203.0.113.1 (ab c:dead)",
          "eth0 192.168.1.4 -> 203.0.113.2 (ab)",
          "eth1 10.0.0.2 -> 203.0.113.1 (ab)"
        ],
        failures: ["192.168.1.5: a, b: dead; c: no way"]
      }
    )
  })

  it("call public only what the servers see as the interface's own", () => {
    assert.deepStrictEqual(
      assembled(
        [card("eth0", ["203.0.113.5/24", "203.0.113.6/24", "203.0.113.7/24", "192.168.1.2/24", "127.0.0.5/8"])],
        {
          "203.0.113.5": { a: "203.0.113.5", b: "203.0.113.5", c: "198.51.100.1" },
          // Public by its looks, and translated all the same.
          "203.0.113.6": { a: "198.51.100.1", b: "198.51.100.1" },
          "203.0.113.7": { a: "203.0.113.7", b: "198.51.100.1" },
          // A server on the same private network.
          "192.168.1.2": { a: "192.168.1.2", b: "192.168.1.2" },
          "127.0.0.5": { a: "127.0.0.5" }
        }
      ),
      {
        routes: [
          "eth0 203.0.113.5 -> 203.0.113.5 public (ab c:198.51.100.1)",
          "eth0 203.0.113.6 -> 198.51.100.1 (ab)",
          "eth0 192.168.1.2 -> 192.168.1.2 (ab)",
          "eth0 127.0.0.5 -> 127.0.0.5 (a)"
        ],
        failures: ["203.0.113.7: the servers disagree; a: 203.0.113.7; b: 198.51.100.1"]
      }
    )
  })

  it("take a block for one route where its first address is its own, and for one address where it is not", () => {
    assert.deepStrictEqual(
      assembled([card("eth0", ["203.0.113.8/29", "198.51.100.8/29", "2001:db8:1::/48"])], {
        "203.0.113.8": { a: "203.0.113.8", b: "203.0.113.8" },
        "198.51.100.8": { a: "192.0.2.1", b: "192.0.2.1" },
        "2001:db8:1::": { a: "2001:db8:1::", b: "2001:db8:1::" }
      }),
      {
        routes: [
          "eth0 203.0.113.8 -> 203.0.113.8/29 public (ab)",
          "eth0 198.51.100.8 -> 192.0.2.1 (ab)",
          "eth0 2001:db8:1:: -> 2001:db8:1::/48 public (ab)"
        ],
        failures: []
      }
    )
  })

  it("keep each global IPv6 address by itself, temporary ones too, and a unique local one by what translates it", () => {
    const cards = [
      card("eth0", ["2001:db8::5/64", "2001:db8::a1b2/64", "fd00::5/64", "fd00::6/64", "fd01::5/64", "fe80::5/64"])
    ]
    assert.deepStrictEqual(
      assembled(cards, {
        "2001:db8::5": { a: "2001:db8::5", b: "2001:db8::5" },
        "2001:db8::a1b2": { a: "2001:db8::a1b2", b: "2001:db8::a1b2" },
        "fd00::5": { a: "2001:db8:9::1", b: "2001:db8:9::1" },
        "fd00::6": { a: "2001:db8:9::1", b: "2001:db8:9::1" },
        "fd01::5": { a: "there is no way to it" }
      }),
      {
        routes: [
          "eth0 2001:db8::5,fe80::5 -> 2001:db8::5 public (ab)",
          "eth0 2001:db8::a1b2,fe80::5 -> 2001:db8::a1b2 public (ab)",
          "eth0 fd00::5,fd00::6,fe80::5 -> 2001:db8:9::1 (ab)"
        ],
        failures: ["fd01::5: a: there is no way to it"]
      }
    )
  })

  it("are JSON and back", () => {
    const { ask } = sources([card("eth0", ["203.0.113.8/29"]), card("eth1", ["10.0.0.1/8"])], {
      servers: [ip("192.0.2.99")]
    })
    const { failures, routes } = assemble(
      ask.map((source, at) => ({
        source,
        answers: at === 0 ? [{ _tag: "Saw", server: "a", address: ip("203.0.113.8") }] : []
      }))
    )
    const codec = Schema.fromJsonString(
      Schema.Struct({ routes: Schema.Array(Route), failures: Schema.Array(RouteFailure) })
    )
    const text = Schema.encodeSync(codec)({ routes, failures })
    assert.deepStrictEqual(JSON.parse(text).routes[0].external, { first: "203.0.113.8", last: "203.0.113.15" })
    assert.deepStrictEqual(Schema.decodeSync(codec)(text), { routes, failures })
  })
})
