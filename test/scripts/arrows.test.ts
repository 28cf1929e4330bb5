import { assert, describe, it } from "@effect/vitest"
import { check } from "../../scripts/arrows.ts"
import { codeOnly, importsOf } from "../../scripts/source-text.ts"

const good = {
  "index.ts": `export * as Tcp from "./services/Tcp.ts"\nexport * as NodeTcp from "./layers/node/NodeTcp.ts"`,
  "schemas/Endpoint.ts": `import * as Schema from "effect/Schema"\nimport * as NetAddress from "effect/net/NetAddress"`,
  "protocols/stun/Message.ts": `import * as Result from "effect/Result"\nimport type { Endpoint } from "../../schemas/Endpoint.ts"`,
  "services/Tcp.ts": `import * as Effect from "effect/Effect"\nexport * from "../schemas/Endpoint.ts"`,
  "layers/Daemon.ts": `import * as Tcp from "../services/Tcp.ts"`,
  "layers/mqtt/Broker.ts": `import { connect } from "mqtt"`,
  "layers/node/NodeTcp.ts": `import * as net from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as Tcp from "../../services/Tcp.ts"
const koffi = () => import("koffi")
const timer = setTimeout(() => Date.now(), 1)`,
  "servers/Stun.ts": `import * as Tcp from "../services/Tcp.ts"`,
  "api/Routes.ts": `import * as Stun from "../servers/Stun.ts"`,
  "cli/bin.ts": `import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeTcp from "../layers/node/NodeTcp.ts"
import * as Routes from "../api/Routes.ts"
process.exitCode = 1`
}

/** What the check says when these files are added to, or replace, the good ones. */
const broken = (changed: Record<string, string>): ReadonlyArray<string> =>
  check(new Map(Object.entries({ ...good, ...changed }))).map(({ file, line, message }) => `${file}:${line} ${message}`)

const breaks = (file: string, source: string, message: RegExp, line = 1): void => {
  const found = broken({ [file]: source })
  assert.strictEqual(found.length, 1, found.join("\n"))
  assert.match(found[0]!, message)
  assert.isTrue(found[0]!.startsWith(`src/${file}:${line} `), found[0])
}

describe("arrows", () => {
  it("accepts a tree that keeps the rules", () => assert.deepStrictEqual(broken({}), []))

  it.each([
    ["schemas/A.ts", `import "../protocols/stun/Message.ts"`, "schemas may not import protocols"],
    ["protocols/A.ts", `import * as Tcp from "../services/Tcp.ts"`, "protocols may not import services"],
    ["services/A.ts", `export * from "../layers/Daemon.ts"`, "services may not import layers"],
    ["services/A.ts", `import type { X } from '../layers/node/NodeTcp.ts'`, "services may not import layers"],
    ["layers/A.ts", `const a = import("../servers/Stun.ts")`, "layers may not import servers"],
    ["servers/A.ts", `import {\n  a\n} from "../api/Routes.ts"`, "servers may not import api", 3],
    ["api/A.ts", `import "../cli/bin.ts"`, "api may not import cli"],
    ["index.ts", `export * from "./cli/bin.ts"`, "index.ts may not import cli"],
    ["cli/A.ts", `import * as A from "../index.ts"`, "in no room"]
  ])("%s: %s", (file, source, message, line = 1) => breaks(file, source, new RegExp(message), line))

  it("keeps layers/node to itself and to the faces", () => {
    const source = `import * as A from "../layers/node/NodeTcp.ts"`
    breaks("servers/A.ts", source, /only index\.ts, cli, layers\/node and layers\/mqtt/)
    breaks(
      "layers/A.ts",
      `import * as A from "./node/NodeTcp.ts"`,
      /only index\.ts, cli, layers\/node and layers\/mqtt/
    )
    assert.deepStrictEqual(broken({ "cli/A.ts": source }), [])
  })

  it.each(["node:net", "@effect/platform-node/NodeSocket", "koffi"])(
    "keeps %s in layers/node, layers/mqtt and the entry",
    (name) => {
      for (const file of ["services/A.ts", "layers/A.ts", "cli/A.ts", "index.ts"]) {
        breaks(file, `\nimport * as A from "${name}"`, /only layers\/node, layers\/mqtt and cli\/bin\.ts may import/, 2)
      }
    }
  )

  it("keeps mqtt in layers/mqtt, and other packages out", () => {
    breaks("layers/node/A.ts", `import mqtt from "mqtt"`, /only layers\/mqtt/)
    breaks("layers/A.ts", `import net from "net"`, /net is not a module that src may import/)
    breaks("cli/A.ts", `import * as P2P from "effect-p2p"`, /effect-p2p is not a module/)
  })

  it.each(["Effect", "Context", "Clock", "Random", "Stream", "net/Dns", "crypto/SecureRandom"])(
    "keeps effect/%s out of schemas and protocols",
    (name) => {
      breaks("protocols/A.ts", `import * as A from "effect/${name}"`, /pure data modules/)
      breaks("schemas/A.ts", `import type * as A from "effect/${name}"`, /pure data modules/)
    }
  )

  it("wants deep imports and real files", () => {
    breaks("services/A.ts", `import { Effect } from "effect"`, /import deep/)
    breaks("services/A.ts", `import * as Tcp from "./Tcp.js"`, /is not a file/)
    breaks("services/A.ts", `import * as T from "../../test/x.ts"`, /outside src/)
    breaks("services/A.ts", `const a = import(name)`, /cannot be checked/)
    breaks("helpers.ts", ``, /in no room/)
    breaks("internal/a.ts", ``, /in no room/)
  })

  it.each(["Date.now()", "new Date()", "Math.random()", "performance.now()", "setTimeout(f, 1)", "setInterval(f, 1)"])(
    "keeps %s out",
    (call) => {
      breaks("layers/A.ts", `const a = 1\nconst b = ${call}`, /come from Effect services/, 2)
      breaks("protocols/A.ts", `const a = \`\${${call}}\``, /come from Effect services/)
    }
  )

  it("fails a file of more than 400 lines", () => {
    assert.deepStrictEqual(broken({ "services/A.ts": "const a = 1\n".repeat(400) }), [])
    breaks("services/A.ts", "const a = 1\n".repeat(401), /401 lines/, 401)
  })

  it("does not take comments, strings, patterns or method names for code", () => {
    const source = `// import "../cli/bin.ts"
/** Date.now() \`import "node:net"\` */
const a = "import 'node:net'", b = 'from "node:net"', c = \`from "node:net" \${\`}\` + "Math.random()"} Math.random()\`
const d = a.match(/["'\`/]/) ?? 4 / 2 / 1, e = Array.from("node:net"), f = clock.setTimeout(1)`
    assert.deepStrictEqual(broken({ "services/A.ts": source }), [])
  })
})

describe("source text", () => {
  it("keeps every offset", () => {
    const source = 'a /* " */ = "x\\"y" // z\n; /`/.test(`${b + `}`}c`)'
    assert.strictEqual(codeOnly(source), 'a         = "    "     \n; / /.test(`${b + ` `} `)')
  })

  it("names each module with its line", () => {
    const source = `import a from "a"\nexport {\n  b } from 'b'\ntype C = typeof import("c")\nimport "d"`
    assert.deepStrictEqual(
      importsOf(source).map(({ specifier, line }) => `${specifier}:${line}`),
      ["a:1", "b:3", "c:4", "d:5"]
    )
  })
})
