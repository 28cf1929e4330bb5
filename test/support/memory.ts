/** What this process holds, whatever garbage the tests beside it have made. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as NodeJS.GCFunction

/** Bytes in the heap and outside it after a collection. */
export const heldBytes = (): number => {
  // What the first finds is freed by the time the second is over.
  collect()
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
