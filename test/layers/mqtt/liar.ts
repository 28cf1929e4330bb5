/** Brokers that do not behave: raw bytes on a socket, and how to count what a test leaves open. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { once } from "node:events"
import * as net from "node:net"

export interface Client {
  readonly socket: net.Socket
  /** 4 for MQTT 3.1.1, 5. */
  readonly version: number
  /** The topic it subscribed to, when it has. */
  readonly topic: Promise<string>
}

export const connack = (version: number): Buffer => Buffer.from(version === 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0])

const suback = (version: number, id: Buffer): Buffer =>
  Buffer.from(version === 5 ? [0x90, 4, id[0]!, id[1]!, 0, 1] : [0x90, 3, id[0]!, id[1]!, 1])

const lengthOf = (value: number): ReadonlyArray<number> =>
  value < 128 ? [value] : [(value % 128) | 0x80, ...lengthOf(Math.floor(value / 128))]

/** PUBLISH packets, as a broker would send them. */
export const publish = (version: number, topic: string, payload: Uint8Array, qos = 0): Buffer => {
  const name = Buffer.from(topic)
  const head = [name.length >> 8, name.length & 255, ...name, ...(qos > 0 ? [0, 9] : []), ...(version === 5 ? [0] : [])]
  return Buffer.from([0x30 | (qos << 1), ...lengthOf(head.length + payload.length), ...head, ...payload])
}

/** Listens on the loopback interface and does with each client what it is told; gives the URI. */
export const liar = (
  behave: (client: Client) => void,
  { greet = true, subscribe = true }: { readonly greet?: boolean; readonly subscribe?: boolean } = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const sockets = new Set<net.Socket>()
      const server = net.createServer((socket) => {
        sockets.add(socket)
        socket.on("error", () => {}).on("close", () => sockets.delete(socket))
        let version = 0
        let hear: (topic: string) => void = () => {}
        const topic = new Promise<string>((resolve) => (hear = resolve))
        socket.on("data", (data: Buffer) => {
          if (version === 0) {
            version = data[data.indexOf("MQTT") + 4]!
            if (greet) socket.write(connack(version))
            behave({ socket, version, topic })
            data = data.subarray(2 + data[1]!)
          }
          // SUBSCRIBE: id, properties of MQTT 5, topic.
          if (data[0] !== 0x82) return
          const at = version === 5 ? 5 : 4
          hear(data.subarray(at + 2, at + 2 + data.readUInt16BE(at)).toString())
          if (subscribe) socket.write(suback(version, data.subarray(2, 4)))
        })
      })
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        server.close()
        await once(server, "close")
      })
  ).pipe(Effect.map(({ server }) => `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`))
