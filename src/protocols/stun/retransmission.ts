/** When a client sends its request, and how long it waits for the answer (RFC 8489 section 6.2). Times in milliseconds. */

/** From the first transmission to the second; every further one waits twice as long. */
export const RTO = 500

/** Transmissions of one request. */
export const RC = 7

/** How long after the last transmission an answer is waited for, in RTOs. */
export const RM = 16

/** How long an answer over TCP is waited for, from the SYN on. */
export const TI = 39_500

/**
 * How long to wait after each transmission over UDP: 500, 1000 … 16000, and 8000 after the last. Cut so that they add up to
 * `limit` at most; nothing is sent when the limit is reached.
 */
export const waits = (rto: number = RTO, limit: number = Infinity): ReadonlyArray<number> => {
  const made: Array<number> = []
  let left = limit
  for (let sent = 1; sent <= RC && (left > 0 || sent === 1); sent++) {
    const wait = Math.min(sent === RC ? RM * rto : rto * 2 ** (sent - 1), left)
    made.push(wait)
    left -= wait
  }
  return made
}
