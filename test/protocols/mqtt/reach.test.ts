/** Where brokers are, and to which of them one goes for somebody else. */
import { assert, describe, it } from "@effect/vitest"
import { problemOf, type Reach, reachOf } from "../../../src/protocols/mqtt/reach.ts"

const hosts: Record<Reach, ReadonlyArray<string>> = {
  internet: ["broker.example", "localhost.example", "8.8.8.8", "203.0.113.7", "2a00:1450::1", "64:ff9b::808:808"],
  local: [
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.1.1",
    "fe80::1",
    "fd00::1",
    "::ffff:a00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1"
  ],
  loopback: [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "::ffff:7f00:1",
    "2002:7f00:1::1",
    "0.0.0.0",
    "::",
    "localhost",
    "a.localhost"
  ],
  nowhere: ["0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", "100::1"]
}

describe("a broker of somebody else", () => {
  for (const [reach, names] of Object.entries(hosts) as ReadonlyArray<[Reach, ReadonlyArray<string>]>) {
    it.each(names)(`${reach}: %s`, (host) => {
      assert.strictEqual(reachOf(host), reach)
      const others = new Set<Reach>(["internet", "local", "loopback", "nowhere"])
      others.delete(reach)
      const all = new Set<Reach>([...others, reach])
      assert.strictEqual(problemOf(host, others) === undefined, reach === "internet")
      assert.strictEqual(problemOf(host, all) === undefined, reach !== "nowhere")
      if (reach !== "internet") assert.include(problemOf(host, others), host)
    })
  }
})
