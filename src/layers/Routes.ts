/**
 * `Routes` on the contracts: one UDP socket for each local address, all servers asked from each, the verdict pure
 * (`protocols/routes`).
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { canReach } from "../protocols/addresses/loop.ts"
import { assemble } from "../protocols/routes/assemble.ts"
import { type Answer, completed, isSettled } from "../protocols/routes/consensus.ts"
import * as RoutePool from "../protocols/routes/RoutePool.ts"
import { sources } from "../protocols/routes/sources.ts"
import * as NetAddress from "effect/net/NetAddress"
import { Interfaces, InterfacesError, UnknownInterface } from "../services/Interfaces.ts"
import { Routes } from "../services/Routes.ts"
import { StunClient } from "../services/StunClient.ts"
import { Udp } from "../services/Udp.ts"
import { askFrom } from "./routes/ask.ts"

const TIMEOUT = Duration.seconds(3)
const PATIENCE = Duration.seconds(1)

/** Servers that agree by default: one alone may lie, or stand behind the same NAT. */
const AGREE = 2

/** Before the whole is over, in milliseconds: so that each server's failure is told in its own words. */
const LAST_WORD = 20

const make = Effect.gen(function* () {
  const interfaces = yield* Interfaces
  const stun = yield* StunClient
  const udp = yield* Udp

  const discover: Routes["Service"]["discover"] = Effect.fn("Routes.discover")(function* (options) {
    const { servers, timeout = TIMEOUT, patience = PATIENCE } = options
    const list = yield* interfaces.list
    const names = list.map(({ name }) => name)
    const name = options.interfaces?.find((name) => !names.includes(name))
    if (name !== undefined) {
      return yield* new InterfacesError({ reason: new UnknownInterface({ op: "byName", name, known: names }) })
    }
    if (servers.length === 0) {
      const problem = "no STUN server is named, and nobody else can say what this machine looks like from outside"
      return { pool: RoutePool.empty, failures: [], problems: [problem] }
    }
    const { ask, failures, problems } = sources(list, {
      ...options,
      servers: servers.map(({ endpoint }) => endpoint.address)
    })

    const limit = Duration.toMillis(Duration.fromInputUnsafe(timeout))
    const known = Deferred.makeUnsafe<void>()
    const all = ask.map((source) => {
      const reachable = servers.filter(
        ({ endpoint }) =>
          NetAddress.familyOf(endpoint.address) === source.family && canReach(source.address.address, endpoint.address)
      )
      const agree = Math.min(options.agree ?? AGREE, reachable.length)
      const answers: Array<Answer> = []
      const settled = Deferred.makeUnsafe<void>()
      const take = (answer: Answer) => {
        answers.push(answer)
        if (answer._tag === "Saw") Deferred.doneUnsafe(known, Effect.void)
        if (isSettled(answers, agree, reachable.length)) Deferred.doneUnsafe(settled, Effect.void)
      }
      const asking = askFrom({ stun, udp }, source, reachable, Math.max(0, limit - LAST_WORD), take)
      return {
        asking: Effect.raceFirst(asking, Deferred.await(settled)),
        asked: () => ({
          source,
          answers: completed(
            answers,
            agree,
            reachable.map(({ id }) => id)
          )
        })
      }
    })
    yield* Effect.raceAllFirst([
      Effect.forEach(all, ({ asking }) => asking, { concurrency: "unbounded", discard: true }),
      Effect.andThen(Deferred.await(known), Effect.sleep(patience)),
      Effect.sleep(timeout)
    ])
    const found = assemble(all.map(({ asked }) => asked()))
    return { pool: RoutePool.make(found.routes), failures: [...failures, ...found.failures], problems }
  })

  return Routes.of({ discover })
})

export const layer: Layer.Layer<Routes, never, Interfaces | StunClient | Udp> = Layer.effect(Routes, make)
