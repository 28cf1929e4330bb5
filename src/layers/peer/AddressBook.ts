/**
 * Reads addresses, and remembers the texts that were good: who connects again and again to a few peers has each verified
 * once.
 */
import * as Result from "effect/Result"
import type { AddressError } from "../../protocols/address/AddressError.ts"
import * as Codec from "../../protocols/address/PeerAddress.ts"
import type { Primitives } from "../../protocols/crypto/Primitives.ts"
import type { PeerAddress, SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import { dropOldest } from "../../protocols/limits/dropOldest.ts"

/** Texts remembered. */
const SIZE = 64

export class AddressBook {
  private readonly primitives: Primitives
  private readonly known = new Map<string, PeerAddress>()

  constructor(primitives: Primitives) {
    this.primitives = primitives
  }

  /** Checks all of it, by this clock. A record is read from its bytes: who gave it may have changed the rest. */
  read(to: string | SignedPeerAddress, now: number): Result.Result<PeerAddress, AddressError> {
    const options = { primitives: this.primitives, now }
    if (typeof to !== "string") return Result.map(Codec.decode(to.bytes, options), ({ address }) => address)
    const known = this.known.get(to)
    if (known !== undefined && now - known.expires < Codec.CLOCK_TOLERANCE) return Result.succeed(known)
    this.known.delete(to)
    return Result.map(Codec.decodeText(to, options), ({ address }) => {
      this.known.set(to, address)
      dropOldest(this.known, SIZE)
      return address
    })
  }
}
