/**
 * Links that are proved and not encrypted, on real sockets and on the simulated internet.
 */
import * as LinkPlain from "../../src/layers/LinkPlain.ts"
import * as LinkTls from "../../src/layers/node/LinkTls.ts"
import { linkFailureTests } from "../shared/linkFailures.ts"
import { linkTests } from "../shared/links.ts"
import { linkTimeTests } from "../shared/linkTimes.ts"
import { realWorld } from "../support/realWorld.ts"
import { simulatedWorld } from "./simulated/simulatedWorld.ts"

const tls = { protection: "tls1.3", layer: LinkTls.layer } as const
const plain = { protection: "plain", layer: LinkPlain.layer } as const

for (const world of [realWorld, simulatedWorld]) {
  linkTests(world, plain)
  linkFailureTests(world, plain, tls)
}
linkTimeTests(plain)
