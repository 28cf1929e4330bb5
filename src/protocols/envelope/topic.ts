/**
 * The MQTT topic a peer is reached at (docs/protocol-envelope.md).
 *
 *     p2p1/ base32(SHA-256("effect-p2p topic v1" | key))        RFC 4648, small letters, no filling: 52 letters
 *
 * Who knows the peer id can compute it; a broker, or who watches one, does not learn the id from it.
 */
import { type PeerId, toKey } from "../../schemas/PeerId.ts"
import type { Primitives } from "../crypto/Primitives.ts"

/** Every topic begins with it; the number is the version of the envelopes that go there. */
export const PREFIX = "p2p1/"

const LABEL = Uint8Array.from("effect-p2p topic v1", (letter) => letter.charCodeAt(0))
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567"

// RFC 4648 section 6.
const base32 = (bytes: Uint8Array): string => {
  let text = ""
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    for (; bits >= 5; bits -= 5) text += LETTERS[(held >> (bits - 5)) & 31]
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + LETTERS[(held << (5 - bits)) & 31]
}

export const topicOf = (peer: PeerId, { sha256 }: Pick<Primitives, "sha256">): string => {
  const key = toKey(peer)
  const bytes = new Uint8Array(LABEL.length + key.length)
  bytes.set(LABEL)
  bytes.set(key, LABEL.length)
  return PREFIX + base32(sha256(bytes))
}

const pattern = /^p2p1\/[a-z2-7]{52}$/

/** Whether it looks like the topic of a peer. */
export const isTopic = (text: string): boolean => pattern.test(text)
