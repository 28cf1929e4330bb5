/**
 * Bytes a program wrote that its kernel had no room for yet, and the fibres that wait until it has.
 */
import * as Effect from "effect/Effect"
import * as Open from "../../../protocols/tcp/open.ts"
import type { TcpError } from "../../../services/Tcp.ts"
import type { KernelSocket } from "./KernelSocket.ts"

type Resume = (effect: Effect.Effect<void, TcpError>) => void

export class Outgoing {
  private readonly socket: KernelSocket
  private chunks: Array<Uint8Array> = []
  private writers: Array<Resume> = []

  constructor(socket: KernelSocket) {
    this.socket = socket
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0
  }

  /** Whether somebody waits for room. */
  get isAwaited(): boolean {
    return this.writers.length > 0
  }

  push(chunks: ReadonlyArray<Uint8Array>): void {
    for (const chunk of chunks) if (chunk.length > 0) this.chunks.push(chunk)
  }

  /** Hands bytes to the kernel as far as it has room; the caller sends what that made. */
  feed(): void {
    const { now, tcb } = this.socket
    let taken = 0
    for (const chunk of this.chunks) {
      const accepted = Open.write(tcb, chunk, now)
      if (accepted < chunk.length) {
        this.chunks[taken] = chunk.subarray(accepted)
        break
      }
      taken++
    }
    this.chunks.splice(0, taken)
  }

  clear(): void {
    this.chunks = []
  }

  /** Waits for `settle`. */
  readonly wait: Effect.Effect<void, TcpError> = Effect.callback<void, TcpError>((resume) => {
    this.writers.push(resume)
    return Effect.sync(() => {
      const at = this.writers.indexOf(resume)
      if (at >= 0) this.writers.splice(at, 1)
    })
  })

  /** Tells everybody who waits that there is room, or that there never will be. */
  settle(outcome: Effect.Effect<void, TcpError>): void {
    if (this.writers.length === 0) return
    const { writers } = this
    this.writers = []
    for (const resume of writers) resume(outcome)
  }
}
