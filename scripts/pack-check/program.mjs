// Runs, and is type-checked, in a project where only the packed package is installed.
import assert from "node:assert/strict"
import * as P2P from "effect-p2p"
import * as Tcp from "effect-p2p/services/Tcp"

assert.equal(P2P.Tcp.Tcp, Tcp.Tcp, "the barrel and the deep import give the same service")
const closed = "effect-p2p/cli/bin"
await assert.rejects(import(closed), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" })

console.log(`program: ${Object.keys(P2P).length} modules exported`)
