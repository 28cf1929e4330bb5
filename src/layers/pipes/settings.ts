/**
 * What a pipe keeps of the options it was opened with, and hands to the clients of a server.
 */
import type { QueueLimits } from "../../services/Pipe.ts"
import type { CommonOptions } from "../../services/Pipes.ts"

export type Settings = Pick<CommonOptions, "framing" | "queue" | "dropDuplicates" | "handlerConcurrency">

export const settingsOf = ({ dropDuplicates, framing, handlerConcurrency, queue }: Settings): Settings => ({
  framing,
  queue,
  dropDuplicates,
  handlerConcurrency
})

type Limits = Readonly<Record<string, number | undefined>>

const firstBad = (limits: Limits): string | undefined => {
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    return `${name} is ${value}: write a whole number above 0`
  }
  return undefined
}

/** What is wrong with the limits of a queue: one that never fills is as bad as one that takes nothing. */
export const badQueue = (queue: QueueLimits | undefined): string | undefined =>
  firstBad({ "queue.messages": queue?.messages, "queue.bytes": queue?.bytes })

/** The first limit that makes no sense, by the name of its option. */
export const badLimit = (options: Settings & { readonly maxConnections?: number | undefined }): string | undefined => {
  const { dropDuplicates, framing, handlerConcurrency, maxConnections, queue } = options
  const remembered = typeof dropDuplicates === "object" ? dropDuplicates : undefined
  return (
    badQueue(queue) ??
    firstBad({
      handlerConcurrency,
      maxConnections,
      "framing.limit": typeof framing === "object" ? framing.limit : undefined,
      "dropDuplicates.messages": remembered?.messages,
      "dropDuplicates.bytes": remembered?.bytes
    })
  )
}
