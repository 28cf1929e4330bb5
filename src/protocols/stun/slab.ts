/**
 * Memory for encoded messages: pieces of a slab that is dropped when used up. A small `Uint8Array` made for one message
 * costs several times what encoding it does, as soon as a view of it is taken or a socket sends it, since it then needs
 * an `ArrayBuffer` of its own. No byte is handed out twice; a message kept keeps its slab.
 */

const SLAB = 8192

let slab = new Uint8Array(0)
let used = 0

/** `size` bytes, all 0, that belong to the caller. */
export const take = (size: number): Uint8Array => {
  if (size > SLAB >> 2) return new Uint8Array(size)
  if (used + size > slab.length) {
    slab = new Uint8Array(SLAB)
    used = 0
  }
  const taken = slab.subarray(used, used + size)
  used += size
  return taken
}
