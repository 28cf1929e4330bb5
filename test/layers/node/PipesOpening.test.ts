/**
 * Opening pipes on this machine's sockets, and all the ways it can fail: bodies of `test/shared` on the real network.
 */
import { badInputTests } from "../../shared/badInput.ts"
import { pipeOpeningTests } from "../../shared/pipeOpening.ts"
import { realWorld } from "../../support/realWorld.ts"

pipeOpeningTests(realWorld)
badInputTests(realWorld)
