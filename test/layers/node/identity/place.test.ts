/** Where the key file is, on every system. */
import { assert, describe, it } from "@effect/vitest"
import { type Machine, placeOf } from "../../../../src/layers/node/identity/place.ts"

const linux: Machine = { platform: "linux", env: {}, home: () => "/home/alice", cwd: () => "/srv" }
const mac: Machine = { ...linux, platform: "darwin", home: () => "/Users/alice" }
const windows: Machine = { ...linux, platform: "win32", home: () => "C:\\Users\\alice", cwd: () => "D:\\work" }

describe("the place of the key file", () => {
  it("is the system's folder for data of programs", () => {
    assert.strictEqual(placeOf(linux), "/home/alice/.local/share/effect-p2p/identity.key")
    assert.strictEqual(placeOf({ ...linux, env: { XDG_DATA_HOME: "/data" } }), "/data/effect-p2p/identity.key")
    assert.strictEqual(placeOf(mac), "/Users/alice/Library/Application Support/effect-p2p/identity.key")
    assert.strictEqual(placeOf(windows), "C:\\Users\\alice\\AppData\\Local\\effect-p2p\\identity.key")
    const local = { LOCALAPPDATA: "E:\\local" }
    assert.strictEqual(placeOf({ ...windows, env: local }), "E:\\local\\effect-p2p\\identity.key")
  })

  it("is P2P_HOME where that is set, from the current folder on", () => {
    const env = { P2P_HOME: "here", XDG_DATA_HOME: "/data", LOCALAPPDATA: "E:\\local" }
    assert.strictEqual(placeOf({ ...linux, env }), "/srv/here/identity.key")
    assert.strictEqual(placeOf({ ...mac, env }), "/srv/here/identity.key")
    assert.strictEqual(placeOf({ ...windows, env }), "D:\\work\\here\\identity.key")
    assert.strictEqual(placeOf({ ...linux, env: { P2P_HOME: "/srv/p2p" } }), "/srv/p2p/identity.key")
  })

  it("takes no variable that is empty, and no XDG_DATA_HOME that is relative", () => {
    for (const env of [{ P2P_HOME: "" }, { XDG_DATA_HOME: "" }, { XDG_DATA_HOME: "data" }]) {
      assert.strictEqual(placeOf({ ...linux, env }), "/home/alice/.local/share/effect-p2p/identity.key")
    }
  })

  it("does not ask for the user's folder where it is not needed", () => {
    const home = () => {
      throw new Error("no such user")
    }
    assert.strictEqual(placeOf({ ...linux, home, env: { P2P_HOME: "/srv" } }), "/srv/identity.key")
    assert.throws(() => placeOf({ ...linux, home }), "no such user")
  })
})
