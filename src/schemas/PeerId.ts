/**
 * Who a peer is: its Ed25519 public key, and nothing else.
 *
 * As text it is Bech32m (BIP 350) with the prefix `p2p`: 62 letters and digits, checksummed, case-insensitive, safe to read
 * aloud and dense in a QR code. In memory it is that text in lower case, so it compares with `===` and is a `Map` key.
 */
import type * as Brand from "effect/Brand"

export type PeerId = string & Brand.Brand<"effect-p2p/PeerId">
