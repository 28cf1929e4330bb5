/** The devices of `/proc/net/dev`: every network device of the namespace, up or down, with or without an address. */

/** The device names in the text of `/proc/net/dev`, in its order. Lines that are not counters of a device are skipped. */
export const deviceNames = (procNetDev: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const line of procNetDev.split("\n")) {
    // Old kernels print the first counter right after the colon. A device name holds neither colon nor space.
    const match = /^\s*([^\s:]+):\s*\d/.exec(line)
    if (match?.[1] !== undefined) names.push(match[1])
  }
  return names
}
