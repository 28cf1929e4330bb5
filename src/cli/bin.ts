#!/usr/bin/env node
/**
 * The `p2p` command on this machine.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Runtime from "effect/Runtime"
import * as NodeP2P from "../layers/node/NodeP2P.ts"
import * as Main from "./main.ts"

// Standard output belongs to what the command gives.
const logs = Layer.succeed(References.LogToStderr, true)

// The exit codes shells know an interrupted and a terminated program by.
let interrupted = 130
process.once("SIGTERM", () => {
  interrupted = 143
})

NodeRuntime.runMain(Main.main.pipe(Effect.provide(Layer.mergeAll(NodeServices.layer, NodeP2P.layer, logs))), {
  disableErrorReporting: true,
  teardown: (exit, onExit) =>
    Runtime.defaultTeardown(exit, (code) => {
      // Standard input that nobody reads any more would keep the process alive.
      process.stdin.destroy()
      onExit(code === 130 ? interrupted : code)
    })
})
