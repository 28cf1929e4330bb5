import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SimulatedWorld from "../../../src/layers/simulated/SimulatedWorld.ts"
import type { World } from "../../../src/schemas/World.ts"

const problems = (world: unknown) =>
  Effect.match(SimulatedWorld.make(world as World), {
    onFailure: (error) => error.message.split("\n"),
    onSuccess: () => []
  })

describe("bad worlds", () => {
  const bad: ReadonlyArray<readonly [name: string, world: unknown, message: string | RegExp]> = [
    [
      "an unknown network at a link's end",
      { hosts: { alice: { network: "nowhere" } } },
      'hosts.alice.network: no network is called "nowhere"; there are internet'
    ],
    [
      "an unknown device",
      { hosts: { alice: { behind: "linux-routr" } } },
      /^hosts\.alice\.behind: No device is called "linux-routr"\. Close to it: linux-router\./
    ],
    [
      "a NAT without an outside",
      { hosts: {}, gateways: { home: { device: "linux-router" } } },
      'gateways.home.outside: "home" has no outside: name the network it leads to, "internet" perhaps'
    ],
    [
      "a NAT whose outside is its inside",
      { hosts: {}, networks: { lan: {} }, gateways: { home: { inside: ["lan"], outside: "lan" } } },
      'gateways.home.inside[0]: "lan" is its outside as well'
    ],
    [
      "NATs in a circle",
      {
        hosts: {},
        networks: { a: {}, b: {} },
        gateways: { x: { inside: ["a"], outside: "b" }, y: { inside: ["b"], outside: "a" } }
      },
      "gateways.x: its outside is behind itself: x > y > x"
    ],
    [
      "the same address twice",
      { hosts: { alice: { addresses: ["5.5.5.5"] }, bob: { addresses: ["5.5.5.5"] } } },
      'hosts.bob.addresses[0]: 5.5.5.5 is alice\'s address on "internet" already'
    ],
    [
      "overlapping prefixes",
      { hosts: {}, networks: { lan: { prefixes: ["10.0.0.0/8", "10.1.0.0/16"] } } },
      "networks.lan.prefixes[1]: 10.1.0.0/16 overlaps another prefix of lan"
    ],
    [
      "prefixes that overlap where no NAT keeps them apart",
      {
        hosts: {},
        networks: { a: { prefixes: ["20.0.0.0/16"] }, b: { prefixes: ["20.0.1.0/24"] } },
        gateways: { x: { inside: ["a"], outside: "internet" }, y: { inside: ["b"], outside: "internet" } }
      },
      'gateways.y.inside[0]: 20.0.1.0/24 of "b" overlaps 20.0.0.0/16 of "a", both reached by "internet"'
    ],
    [
      "an address of another network",
      {
        hosts: { alice: { network: "lan", addresses: ["10.9.9.9"] } },
        networks: { lan: { prefixes: ["10.1.0.0/24"] } }
      },
      'hosts.alice.addresses[0]: 10.9.9.9 is not of the network "lan" (10.1.0.0/24)'
    ],
    [
      "an address nobody can have",
      { hosts: { alice: { addresses: ["224.0.0.1"] } } },
      "hosts.alice.addresses[0]: 224.0.0.1 is nobody's own address"
    ],
    [
      "negative latency",
      { hosts: { alice: { link: { latency: -5 } } } },
      "hosts.alice.link.latency: -5 ms is less than no time"
    ],
    [
      "a loss of 200 %",
      { hosts: { alice: { link: { loss: 2 } } } },
      /^hosts\.alice\.link\.loss: Expected a value between 0 and 1/
    ],
    ["a word that is none", { hosts: { alice: { link: { latncy: 2 } } } }, /^hosts\.alice\.link\.latncy: /],
    [
      "a name used twice",
      { hosts: { home: {} }, gateways: { home: { outside: "internet" } } },
      'hosts.home: "home" is the name of a gateway already'
    ],
    [
      "a change of nobody",
      { hosts: {}, changes: [{ at: 5, node: "alice", up: false }] },
      'changes[0].node: no host or gateway is called "alice"'
    ],
    [
      "a change of an unknown card",
      { hosts: { alice: {} }, changes: [{ at: 5, node: "alice", interface: "wlan0", up: false }] },
      "changes[0].interface: alice has eth0"
    ],
    [
      "a name for nobody",
      { hosts: {}, dns: { "chat.example": ["alice"] } },
      'dns.chat.example[0]: "alice" is neither an IP address nor a host'
    ],
    [
      "two cards on one network",
      { hosts: { alice: { interfaces: { eth0: {}, eth1: {} } } } },
      'hosts.alice.interfaces.eth1: another card of alice is on "internet" already'
    ],
    [
      "a gateway that does not serve the network",
      { hosts: { alice: { interfaces: { eth0: { gateway: "home" } } } }, gateways: { home: { outside: "internet" } } },
      'hosts.alice.interfaces.eth0.gateway: "home" does not serve "internet"; nobody does'
    ],
    [
      "more hosts than addresses",
      {
        hosts: { a: { network: "lan" }, b: { network: "lan" }, c: { network: "lan" } },
        networks: { lan: { prefixes: ["10.0.0.0/30"] } }
      },
      'hosts.c: no address is free on "lan" (10.0.0.0/30)'
    ],
    ["a beginning that is no time", { hosts: {}, start: "yesterday" }, /^start: "yesterday" is no time/]
  ]

  for (const [name, world, message] of bad) {
    it.effect(`refuses ${name}`, () =>
      Effect.gen(function* () {
        const found = yield* problems(world)
        assert.strictEqual(found.length, 1, found.join("\n"))
        if (typeof message === "string") assert.strictEqual(found[0], message)
        else assert.match(found[0]!, message)
      })
    )
  }

  it.effect("names every problem, not the first alone", () =>
    Effect.gen(function* () {
      const found = yield* problems({
        hosts: { alice: { network: "x" }, bob: { network: "y" } },
        gateways: { home: {} }
      })
      assert.strictEqual(found.length, 3)
    })
  )
})
