/**
 * `NatDetector` on the socket contracts: the same code on real and simulated networks. What to ask and what it means is decided in
 * `protocols/natprofile`; here it is asked.
 */
import * as Effect from "effect/Effect"
import { SecureRandom } from "effect/crypto/SecureRandom"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { canReach } from "../protocols/addresses/loop.ts"
import type { Subject } from "../protocols/natprofile/facts.ts"
import type { Route } from "../protocols/natprofile/Plan.ts"
import { routesOf } from "../protocols/natprofile/routes.ts"
import { verdict } from "../protocols/natprofile/verdict.ts"
import type { Transport } from "../schemas/NatObservation.ts"
import type { NatProfile } from "../schemas/NatProfile.ts"
import { Interfaces } from "../services/Interfaces.ts"
import { type DetectOptions, NatDetector, type Progress, type Report } from "../services/NatDetector.ts"
import { Tcp } from "../services/Tcp.ts"
import { Udp } from "../services/Udp.ts"
import { Journal } from "./natdetector/Journal.ts"
import { Lanes, measure } from "./natdetector/measure.ts"

const TRANSPORTS: ReadonlyArray<Transport> = ["udp", "tcp"]

/** Interfaces and families measured at once. */
const ROUTES_AT_ONCE = 8

const make = Effect.gen(function* () {
  const sockets = { tcp: yield* Tcp, udp: yield* Udp }
  const interfaces = yield* Interfaces
  const { randomBytes } = yield* SecureRandom

  const detect = Effect.fnUntraced(function* (options: DetectOptions, tell: (progress: Progress) => void) {
    const { lifetime = false, servers, transports = TRANSPORTS } = options
    const { problems, routes } = routesOf(yield* interfaces.list, options)
    const luck = yield* Random.Random
    let ended = 0
    const journal = new Journal((observation, { planned }) =>
      tell({ _tag: "Observed", observation, ended: ++ended, planned })
    )
    const lanes = new Lanes()
    const serversFrom = ({ address }: Route) => servers.filter(({ endpoint }) => canReach(address, endpoint.address))
    const able = routes.filter((route) => serversFrom(route).length > 0)
    const unable = servers.length === 0 ? [] : routes.filter((route) => !able.includes(route))
    const setting = { sockets, randomBytes, journal, servers, random: () => luck.nextDoubleUnsafe(), lanes, lifetime }
    const profileOf = (subject: Subject): NatProfile => verdict({ subject, observations: journal.observations })
    const measured = (route: Route) =>
      Effect.forEach(
        transports,
        (transport) =>
          Effect.map(measure(route, transport, { ...setting, servers: serversFrom(route) }), () =>
            tell({ _tag: "Profiled", profile: profileOf(subjectOf(route, transport)) })
          ),
        { concurrency: "unbounded", discard: true }
      )
    yield* Effect.forEach(able, measured, { concurrency: ROUTES_AT_ONCE, discard: true })
    const report: Report = {
      profiles: routes.flatMap((route) => transports.map((transport) => profileOf(subjectOf(route, transport)))),
      observations: journal.observations,
      problems: [
        ...problems,
        ...(servers.length === 0 ? ["no STUN server was named, and without one nothing can be measured"] : []),
        ...unable.map(
          ({ address, interface: device }) =>
            `${device}: none of the STUN servers can be asked from ${NetAddress.formatIp(address)}`
        ),
        ...lanes.shared.map(
          ({ external, interfaces }) =>
            `${interfaces.join(" and ")} are seen at one address, ${external}: they share a NAT, and were sampled in turn`
        )
      ]
    }
    tell({ _tag: "Done", report })
    return report
  })

  return NatDetector.of({
    detect: Effect.fn("NatDetector.detect")((options) => detect(options, () => {})),
    watch: (options) =>
      Stream.callback<Progress, Effect.Error<ReturnType<typeof detect>>>((queue) =>
        Effect.andThen(
          detect(options, (progress) => Queue.offerUnsafe(queue, progress)),
          Queue.end(queue)
        )
      )
  })
})

const subjectOf = ({ family, interface: device }: Route, transport: Transport): Subject => ({
  interface: device,
  family,
  transport
})

export const layer: Layer.Layer<NatDetector, never, Tcp | Udp | Interfaces | SecureRandom> = Layer.effect(
  NatDetector,
  make
)
