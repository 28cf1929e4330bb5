/** Whatever the sources print, the readers give a value: they never throw, and what they give can be encoded as JSON. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Snapshot } from "../../../src/protocols/interfaces/facts.ts"
import { type LinuxSources, linuxSnapshot } from "../../../src/protocols/interfaces/linux.ts"
import { macosSnapshot } from "../../../src/protocols/interfaces/macos.ts"
import { windowsSnapshot } from "../../../src/protocols/interfaces/windows.ts"
import { NetworkInterfaces } from "../../../src/schemas/NetworkInterface.ts"
import { fixture, linuxFixture } from "./fixtures.ts"

const encode = Schema.encodeSync(NetworkInterfaces)
const decode = Schema.decodeUnknownSync(NetworkInterfaces)

// The result is sound: it encodes, decodes to itself, and has one default interface a family at most.
const sound = ({ value }: Snapshot): void => {
  assert.deepStrictEqual(decode(JSON.parse(JSON.stringify(encode(value)))), value)
  for (const family of ["IPv4", "IPv6"] as const) {
    assert.isAtMost(value.filter((entry) => entry.isDefault[family]).length, 1)
  }
}

/** An edit of a text: at a place told as a share of its length, replace some characters by others. */
const Edit = Schema.Struct({
  place: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9999 })),
  remove: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 })),
  insert: Schema.Union([
    Schema.String,
    Schema.Literals([
      "\n",
      "\t",
      " ",
      ":",
      "%",
      "/",
      "-1",
      "0",
      "99999999999999999999",
      "ffffffff",
      "::",
      "default",
      "{",
      "}",
      "[",
      "null",
      '"'
    ])
  ])
})
const Edits = Schema.NonEmptyArray(Edit)

const mutate = (text: string, edits: typeof Edits.Type): string => {
  let result = text
  for (const { place, remove, insert } of edits) {
    const at = Math.floor((place / 10_000) * result.length)
    result = result.slice(0, at) + insert + result.slice(at + remove)
  }
  return result
}

const mac = (ifconfig: string, netstat: string): void => {
  const result = macosSnapshot({ ifconfig, netstat })
  if (Result.isSuccess(result)) sound(result.success)
  else assert.isNotEmpty(result.failure.detail)
}

const windows = (text: string): void => {
  const result = windowsSnapshot(text)
  if (Result.isSuccess(result)) sound(result.success)
  else assert.isNotEmpty(result.failure.detail)
}

const options = { arbitrary: { runs: 300 } }

describe("random text", () => {
  it.prop("macOS", [Schema.String, Schema.String], ([a, b]) => mac(a, b), options)
  it.prop("Windows", [Schema.String], ([a]) => windows(a), options)
  it.prop(
    "Windows, any JSON",
    [Schema.Json],
    ([value]) => {
      windows(JSON.stringify({ adapters: value, interfaces: value, addresses: value, routes: value }))
      windows(JSON.stringify({ interfaces: [{ InterfaceAlias: value, InterfaceIndex: 1, AddressFamily: value }] }))
    },
    options
  )
  it.prop(
    "Linux",
    [Schema.String],
    ([text]) => {
      const sysfs = new Map([
        [text, { entries: [text], ifindex: text, type: text, flags: text, mtu: text, address: text }]
      ])
      sound(
        linuxSnapshot({
          addresses: [],
          littleEndian: true,
          dev: text,
          route: text,
          ipv6Route: text,
          ifInet6: text,
          sysfs
        })
      )
    },
    options
  )
})

describe("fixtures with edits", () => {
  const macos = ["laptop", "old", "server"].map(
    (name) => [fixture(`macos/${name}.ifconfig.txt`), fixture(`macos/${name}.netstat.txt`)] as const
  )
  it.prop(
    "macOS",
    [Edits, Edits],
    ([a, b]) => {
      for (const [ifconfig, netstat] of macos) mac(mutate(ifconfig, a), mutate(netstat, b))
    },
    options
  )

  const texts = ["laptop", "server", "offline"].map((name) => fixture(`windows/${name}.json`))
  it.prop(
    "Windows",
    [Edits],
    ([edits]) => {
      for (const text of texts) windows(mutate(text, edits))
    },
    options
  )

  const linux = linuxFixture("two-uplinks")
  it.prop(
    "Linux",
    [Edits],
    ([edits]) => {
      const edited = (text: string | undefined) => mutate(text ?? "", edits)
      const sysfs = new Map(
        [...(linux.sysfs ?? [])].map(([name, facts]) => [
          name,
          {
            ...facts,
            ifindex: edited(facts.ifindex),
            flags: edited(facts.flags),
            mtu: edited(facts.mtu),
            uevent: edited(facts.uevent)
          }
        ])
      )
      const sources: LinuxSources = {
        ...linux,
        dev: edited(linux.dev),
        route: edited(linux.route),
        ipv6Route: edited(linux.ipv6Route),
        ifInet6: edited(linux.ifInet6)
      }
      sound(linuxSnapshot(sources))
      sound(linuxSnapshot({ ...linux, sysfs }))
    },
    options
  )
})
