/** STUN servers that do what none should. */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { decode } from "../../../src/protocols/stun/decode.ts"
import { Deframer } from "../../../src/protocols/stun/Deframer.ts"
import { encode } from "../../../src/protocols/stun/encode.ts"
import { get, type Message, success } from "../../../src/protocols/stun/Message.ts"
import { Tcp } from "../../../src/services/Tcp.ts"
import { Udp } from "../../../src/services/Udp.ts"

const ip = NetAddress.ipFromStringUnsafe
const PORT = 3478

/** What a server says to a request, and how it ends connections. */
export interface Manners {
  readonly say: (request: Message, from: NetAddress.InetAddress) => Uint8Array | undefined
  /** Over UDP, from another address than was asked. */
  readonly from?: string
  /** After its answer. */
  readonly closes?: boolean
}

export const right = (request: Message, mapped: NetAddress.InetAddress): Uint8Array =>
  Result.getOrThrow(encode(success(request, [{ _tag: "XorMappedAddress", value: mapped }])))

export const otherTransaction = (request: Message, mapped: NetAddress.InetAddress): Uint8Array =>
  right({ ...request, transactionId: request.transactionId.map((byte) => byte ^ 0xff) }, mapped)

export const garbage = (): Uint8Array => Uint8Array.from({ length: 64 }, (_, at) => (at * 89 + 200) & 0xff)

export const truncated = (request: Message, mapped: NetAddress.InetAddress): Uint8Array =>
  right(request, mapped).subarray(0, 25)

export const seenAt =
  (address: string) =>
  (request: Message, { port }: NetAddress.InetAddress): Uint8Array =>
    right(request, NetAddress.inetAddressUnsafe(ip(address), port))

/** Silent where it should answer from there. */
export const naming =
  (other: string) =>
  (request: Message, mapped: NetAddress.InetAddress): Uint8Array | undefined => {
    if (get(request, "ChangeRequest") !== undefined) return undefined
    const named = NetAddress.inetAddressFromStringUnsafe(other)
    const said = success(request, [
      { _tag: "XorMappedAddress", value: mapped },
      { _tag: "OtherAddress", value: named }
    ])
    return Result.getOrThrow(encode(said))
  }

/** Never ends. */
export const serve = (address: string, { closes = false, from, say }: Manners) =>
  Effect.gen(function* () {
    const udp = yield* Udp
    const tcp = yield* Tcp
    const socket = yield* udp.bind({ address: ip(address), port: PORT })
    const mouth = from === undefined ? socket : yield* udp.bind({ address: ip(from), port: PORT })
    const answer = Effect.flatMap(socket.pull, (datagrams) =>
      Effect.forEach(datagrams, ({ bytes, from: asker }) =>
        Effect.suspend(() => {
          const request = decode(bytes)
          const said = Result.isSuccess(request) ? say(request.success, asker) : undefined
          return said === undefined ? Effect.void : mouth.send(said, asker)
        })
      )
    )
    yield* Effect.forkScoped(Effect.forever(answer))
    const listener = yield* tcp.listen({ address: ip(address), port: PORT })
    yield* Stream.runForEach(listener.connections, (connection) =>
      Effect.gen(function* () {
        const deframer = new Deframer()
        for (;;) {
          for (const chunk of yield* connection.pull) deframer.push(chunk)
          const frame = deframer.next()
          if (frame?._tag !== "Message") continue
          const said = say(Result.getOrThrow(decode(frame.bytes)), connection.remote)
          if (said !== undefined) yield* connection.write(said)
          if (closes) yield* connection.end
        }
      }).pipe(Effect.ignore, Effect.forkScoped)
    )
  }).pipe(Effect.scoped, Effect.orDie)
