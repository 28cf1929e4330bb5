/**
 * `Udp` on `node:dgram`: the bodies of `test/shared` on the real network, with and without native options.
 */
import { udpSocketsTests } from "../../shared/udpSockets.ts"
import { plainWorld, realWorld } from "../../support/realWorld.ts"

udpSocketsTests(realWorld)
udpSocketsTests(plainWorld)
