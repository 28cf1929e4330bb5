/**
 * Pipes and connections as `node:stream` duplexes, for the many libraries that take one.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as stream from "node:stream"
import type { Pipe, PipeError } from "../../services/Pipe.ts"
import type { TcpConnection, TcpError } from "../../services/Tcp.ts"

interface Ends<E> {
  readonly pull: Pull.Pull<ReadonlyArray<Uint8Array>, E>
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, E>
  readonly end: Effect.Effect<void, E>
  readonly close: Effect.Effect<void>
}

// Reads when the duplex asks and completes a write when the other side took it: back-pressure goes through both ways.
const make = <E extends Error>(ends: Ends<E>): Effect.Effect<stream.Duplex, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.contextWith((context: Parameters<typeof Effect.runForkWith<never>>[0]) =>
      Effect.sync(() => {
        const run = Effect.runForkWith(context)
        let reading: Fiber.Fiber<void> | undefined
        const settle = (effect: Effect.Effect<void, E>, done: (error?: Error | null) => void) =>
          run(effect).addObserver((exit) => done(Exit.isSuccess(exit) ? null : (Cause.squash(exit.cause) as Error)))
        return new stream.Duplex({
          allowHalfOpen: true,
          read() {
            reading = run(
              Effect.matchCause(ends.pull, {
                onSuccess: (chunks) => {
                  for (const chunk of chunks) this.push(chunk)
                },
                onFailure: (cause) => {
                  if (Cause.hasInterruptsOnly(cause)) return
                  const error = Cause.squash(cause)
                  if (Cause.isDone(error)) this.push(null)
                  else this.destroy(error as Error)
                }
              })
            )
          },
          write: (chunk: Uint8Array, _encoding, done) => {
            settle(ends.write(chunk), done)
          },
          final: (done) => {
            settle(ends.end, done)
          },
          destroy: (error, done) => {
            reading?.interruptUnsafe()
            run(ends.close).addObserver(() => done(error))
          }
        })
      })
    ),
    (duplex) => Effect.sync(() => duplex.destroy())
  )

/** The bytes of a pipe as a duplex. Destroying it closes the pipe; so does the scope. */
export const toDuplex = (pipe: Pipe): Effect.Effect<stream.Duplex, never, Scope.Scope> =>
  make<PipeError>({
    pull: Effect.catch(
      Effect.map(pipe.receive(), (message) => [message.data]),
      (error): Effect.Effect<never, PipeError | Cause.Done> =>
        error.reason.kind === "Closed" ? Cause.done() : Effect.fail(error)
    ),
    write: (bytes) => pipe.send(bytes),
    end: pipe.end,
    close: pipe.close
  })

/** The bytes of a connection as a duplex, which is its only reader from then on. */
export const fromConnection = (connection: TcpConnection): Effect.Effect<stream.Duplex, never, Scope.Scope> =>
  make<TcpError>({
    pull: connection.pull,
    write: (bytes) => connection.write(bytes),
    end: connection.end,
    close: connection.close
  })
