/**
 * Leaving a socket: what is waited for before it is destroyed.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type * as net from "node:net"
import { LINGER, type TcpConnection } from "../../../services/Tcp.ts"

/**
 * Waits until everything has left, or for as long as a close may. The peer takes its time by the real clock, so the limit is
 * real time too, whatever `Clock` the program has.
 */
export const flushed = (socket: net.Socket): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const stop = () => {
      clearTimeout(timer)
      socket.off("finish", finish).off("close", finish)
    }
    const finish = () => {
      stop()
      resume(Effect.void)
    }
    const timer = setTimeout(finish, LINGER)
    socket.once("finish", finish).once("close", finish)
    return Effect.sync(stop)
  })

const nextTurn = Effect.callback<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** To free what OpenSSL still reads into crashes the process: once it is to be left, it will be. */
export const afterHandshake = (leave: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.andThen(nextTurn, leave))

/** For the log. */
export const lossOf = ({ local, remote }: TcpConnection, bytes: number): string => {
  const ends = `${NetAddress.formatInet(local)} -> ${NetAddress.formatInet(remote)}`
  return `tcp close ${ends}: ${bytes} bytes did not leave in ${LINGER} ms and are lost`
}
