/**
 * Sends back what it gets (RFC 862), on every transport and address asked for.
 */
import * as Effect from "effect/Effect"
import type { MessageHandler } from "../services/Pipe.ts"
import * as Daemon from "./Daemon.ts"

/** Where to listen; see `Daemon`. */
export type Options = Omit<Daemon.Options, "onMessage" | "onOpen" | "onClose">

/**
 * The handler. Over UDP it does not answer privileged ports or its own port number: a forged packet could otherwise set two
 * echo servers on each other for ever.
 */
export const echo: MessageHandler = (message, sender, pipe) =>
  pipe.transport === "udp" && (sender.port < 1024 || sender.port === pipe.local.port)
    ? Effect.void
    : pipe.send(message.data, sender)

/** Runs until the scope closes. */
export const serve = (options: Options) => Daemon.serve({ ...options, onMessage: echo })
