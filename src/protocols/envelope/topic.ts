/**
 * The MQTT topic a peer is reached at (docs/protocol-envelope.md).
 *
 *     p2p1/ base32(SHA-256("effect-p2p topic v1" | key))        52 letters
 *
 * Who knows the peer id can compute it; a broker, or who watches one, does not learn the id from it.
 */
import { type PeerId, toKey } from "../../schemas/PeerId.ts"
import type { Primitives } from "../crypto/Primitives.ts"
import { ascii } from "../text/ascii.ts"
import * as Base32 from "../text/base32.ts"

/** Every topic begins with it; the number is the version of the envelopes that go there. */
export const PREFIX = "p2p1/"

const LABEL = ascii("effect-p2p topic v1")

export const topicOf = (peer: PeerId, { sha256 }: Pick<Primitives, "sha256">): string =>
  PREFIX + Base32.encode(sha256(Uint8Array.from([...LABEL, ...toKey(peer)])))

const pattern = /^p2p1\/[a-z2-7]{52}$/

/** Whether it looks like the topic of a peer. */
export const isTopic = (text: string): boolean => pattern.test(text)
