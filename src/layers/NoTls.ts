/**
 * `Tls` where there is none: every handshake fails with kind `Unsupported`. For simulated networks, whose virtual time the
 * real handshake would not wait for.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { TcpConnection } from "../services/Tcp.ts"
import { Tls, TlsError } from "../services/Tls.ts"

const refuse = (op: TlsError["op"], ends: Partial<Pick<TcpConnection, "local" | "remote">>) =>
  Effect.fail(
    new TlsError({
      op,
      kind: "Unsupported",
      local: ends.local,
      remote: ends.remote,
      detail: "this network was put together without TLS: open the pipe without it"
    })
  )

export const layer: Layer.Layer<Tls> = Layer.succeed(
  Tls,
  Tls.of({ client: (connection) => refuse("client", connection), server: () => refuse("server", {}) })
)
