/** Messages with something done to them, to feed to what must bear anything. */
import { fingerprint } from "../../../src/protocols/stun/fingerprint.ts"
import { write32 } from "../../../src/protocols/stun/header.ts"
import type { Luck } from "../../lab/support/random.ts"

const arena = new Uint8Array(8192)

/** A message with something done to it; where it is to look like one, with a header and fingerprint that fit again. */
export const damaged = (random: Luck, from: ReadonlyArray<Uint8Array>): Uint8Array => {
  const message = from[random.below(from.length)]!
  let length = message.length
  arena.set(message)
  const place = (): number => random.below(length)
  for (let changes = 1 + random.below(3); changes > 0 && length > 0; changes--) {
    switch (random.below(6)) {
      case 0:
        arena[place()]! ^= 1 << random.below(8)
        break
      case 1:
        arena[place()] = random.below(256)
        break
      case 2: // What looks like a type or a length.
        arena[(place() & ~3) + 1 + (random.below(2) << 1)] = random.below(48)
        break
      case 3: // Cut.
        length = random.chance(0.5) ? length & (random.below(256) << 2) : place()
        break
      case 4: // Longer.
        if (length < 4096) length += random.below(5) << 2
        break
      default: // Some of it again, in another place.
        arena.copyWithin(place(), place(), length)
    }
  }
  if (random.chance(0.8) && length >= 20) {
    length &= ~3
    arena[2] = (length - 20) >> 8
    arena[3] = length - 20
    if (random.chance(0.5) && length >= 28) {
      write32(arena, length - 8, 0x80280004)
      write32(arena, length - 4, fingerprint(arena, length - 8))
    }
  }
  return arena.subarray(0, length)
}
