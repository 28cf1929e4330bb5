/**
 * What a pipe keeps of the options it was opened with, and hands to the clients of a server.
 */
import type { CommonOptions } from "../../services/Pipes.ts"

export type Settings = Pick<CommonOptions, "framing" | "queue" | "dropDuplicates" | "handlerConcurrency">

export const settingsOf = ({ dropDuplicates, framing, handlerConcurrency, queue }: Settings): Settings => ({
  framing,
  queue,
  dropDuplicates,
  handlerConcurrency
})
