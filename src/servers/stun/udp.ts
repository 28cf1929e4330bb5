/** Answers the datagrams of one socket, some of them by another one. */
import * as Effect from "effect/Effect"
import { decide } from "../../protocols/stun/server/decide.ts"
import type { Corner } from "../../protocols/stun/server/layout.ts"
import type { Datagram, UdpError, UdpSocket } from "../../services/Udp.ts"
import type { Desk } from "./Desk.ts"

/** Until the socket closes. What is wrong with one answer is not the server's end. */
export const serveUdp = (
  desk: Desk,
  at: Corner,
  socketAt: (corner: Corner) => UdpSocket
): Effect.Effect<void, UdpError> => {
  const answer = ({ bytes, from }: Datagram) =>
    Effect.suspend(() => {
      const decision = decide(desk.settings, { bytes, from, at, transport: "udp" })
      if (decision?._tag !== "Answer") {
        desk.ignored++
        return Effect.void
      }
      if (!desk.mayAnswer(from, decision.bytes.length)) return Effect.void
      desk.answered++
      return Effect.catch(socketAt(decision.by).send(decision.bytes, decision.to), (error) => {
        desk.answered--
        desk.notSent++
        return Effect.logDebug("an answer was not sent", error)
      })
    })
  return socketAt(at).pull.pipe(
    Effect.flatMap((datagrams) => Effect.forEach(datagrams, answer, { discard: true })),
    Effect.forever,
    Effect.catchTag("Done", () => Effect.void)
  )
}
