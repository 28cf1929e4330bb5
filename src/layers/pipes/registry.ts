/**
 * Things registered on a pipe. The list is replaced, never changed: whoever walks through it may remove himself.
 */
const none: ReadonlyArray<never> = []

export class Registry<A> {
  entries: ReadonlyArray<A> = none
  /** Lets the clients of a server notice a change without being told. */
  version = 0

  add(entry: A) {
    this.entries = [...this.entries, entry]
    this.version++
  }

  remove(entry: A) {
    this.entries = this.entries.filter((other) => other !== entry)
    this.version++
  }
}
