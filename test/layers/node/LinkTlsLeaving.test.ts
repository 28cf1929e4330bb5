/**
 * Links that are left in the very moment they are secured: Node frees at once what OpenSSL still reads into then, unless the
 * closing waits. Without that these tests end by a crash of their process.
 */
import { describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { SecuredLink } from "../../../src/services/LinkSecurity.ts"
import * as LinkTls from "../../../src/layers/node/LinkTls.ts"
import { both, connected, ids, peer } from "../../shared/linkKit.ts"
import { leavingNothing, testIn } from "../../shared/World.ts"
import { realWorld } from "../../support/realWorld.ts"

const tls = { protection: "tls1.3", layer: LinkTls.layer } as const

describe("leaving a link as soon as it is secured", () => {
  const test = testIn(realWorld)
  for (const how of ["close", "reset"] as const) {
    test(`by ${how}`, (hosts) =>
      Effect.gen(function* () {
        const [alice, bob] = yield* Effect.all([peer(tls, "alice"), peer(tls, "bob")])
        const leave = ({ connection }: SecuredLink) => connection[how]
        const meet = Effect.gen(function* () {
          const { far, near } = yield* connected(hosts)
          yield* both(
            Effect.flatMap(alice.client(near, { expect: ids.bob }), leave),
            Effect.flatMap(bob.server(far), leave)
          )
        })
        yield* Effect.repeat(Effect.scoped(meet), { times: 50 })
      }).pipe(leavingNothing(hosts)))
  }
})
