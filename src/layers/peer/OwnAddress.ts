/**
 * The address of this peer as it is now: signed anew, with a higher sequence, when what it says changes and before it
 * expires.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { SecureRandom } from "effect/crypto/SecureRandom"
import * as Locality from "../../protocols/address/locality.ts"
import * as Codec from "../../protocols/address/PeerAddress.ts"
import { SALT_BYTES } from "../../protocols/address/layout.ts"
import * as Own from "../../protocols/connect/own.ts"
import { limits, type PeerAddress, type SignedPeerAddress } from "../../schemas/PeerAddress.ts"
import type { Cryptography } from "../../services/Cryptography.ts"
import type { Identity } from "../../services/Identity.ts"

export interface AddressOptions {
  readonly identity: Identity["Service"]
  readonly cryptography: Cryptography["Service"]
  readonly random: SecureRandom["Service"]
  readonly brokers: ReadonlyArray<string>
  readonly privacy: Codec.Privacy
  /** Milliseconds; no more than any address may have. */
  readonly lifetime: number
  /** What peers on the same machine share; see `protocols/address/locality`. */
  readonly machine: Uint8Array | undefined
}

/** What is passed on, and the same with nothing left out, for who is asked to dial back. */
interface Both {
  readonly shown: SignedPeerAddress
  readonly whole: SignedPeerAddress
}

export class OwnAddress {
  private readonly options: AddressOptions
  private readonly ref: SubscriptionRef.SubscriptionRef<Both>
  private readonly one = Semaphore.makeUnsafe(1)
  private said: string

  private constructor(options: AddressOptions, ref: SubscriptionRef.SubscriptionRef<Both>, said: string) {
    this.options = options
    this.ref = ref
    this.said = said
  }

  static make = Effect.fnUntraced(function* (options: AddressOptions, own: Own.Own) {
    const first = yield* sign(options, own, 0)
    return new OwnAddress(options, yield* SubscriptionRef.make(first), saidOf(own))
  })

  get both(): Both {
    return SubscriptionRef.getUnsafe(this.ref)
  }

  get changes() {
    return SubscriptionRef.changes(this.ref)
  }

  /** Signs what is so now, unless that is what the address says. */
  update(own: Own.Own): Effect.Effect<void> {
    return this.one.withPermits(1)(
      Effect.suspend(() => {
        const said = saidOf(own)
        if (said === this.said) return Effect.void
        this.said = said
        return this.renew(own)
      })
    )
  }

  private renew(own: Own.Own): Effect.Effect<void> {
    return Effect.flatMap(sign(this.options, own, this.both.whole.address.sequence), (both) =>
      SubscriptionRef.set(this.ref, both)
    )
  }

  /** Signs it anew at half of its life, for ever. */
  keep(own: () => Own.Own): Effect.Effect<never> {
    const again = this.one.withPermits(1)(Effect.suspend(() => this.renew(own())))
    return Effect.forever(Effect.delay(again, Math.min(this.options.lifetime, Codec.MAX_LIFETIME) / 2))
  }
}

// All of it but the salt, which is another each time.
const saidOf = (own: Own.Own): string =>
  JSON.stringify(Own.addressInterfaces(own, (facts) => ascii(JSON.stringify(facts))))

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

/**
 * The next sequence: the time, so that it is higher than before the peer was started again, too. One from a time far ahead was
 * made by a clock that was wrong: nobody takes that address any more.
 */
const after = (last: number, now: number): number => {
  const time = Math.floor(now)
  return last > time + Codec.MAX_LIFETIME ? time : Math.max(last + 1, time)
}

const sign = Effect.fnUntraced(function* (
  { brokers, cryptography, identity, lifetime, machine, privacy, random }: AddressOptions,
  own: Own.Own,
  last: number
): Effect.fn.Return<Both> {
  const { peerId } = identity
  const now = yield* Clock.currentTimeMillis
  const salt = yield* random.randomBytes(SALT_BYTES)
  const whole: PeerAddress = {
    peer: peerId,
    sequence: after(last, now),
    expires: Math.ceil((now + Math.min(lifetime, Codec.MAX_LIFETIME)) / 1000) * 1000,
    interfaces: Own.addressInterfaces(own, (facts) => Locality.networkTag(cryptography, peerId, salt, facts)),
    brokers: brokers.slice(0, limits.brokers),
    locality: Locality.localityOf(cryptography, peerId, salt, machine)
  }
  const signed = Effect.fnUntraced(function* (address: PeerAddress) {
    // What this machine says of itself keeps to the limits, or that is a defect.
    const fits = fitting(address)
    const bytes = yield* Effect.orDie(Effect.fromResult(Codec.toSign(fits)))
    const signature = yield* identity.sign(Codec.CONTEXT, bytes)
    return yield* Effect.orDie(Effect.fromResult(Codec.assemble(fits, signature)))
  })
  return { shown: yield* signed(Codec.withPrivacy(whole, privacy)), whole: yield* signed(whole) }
})

/** Without the last interfaces, where all of them are too much. */
const fitting = (address: PeerAddress): PeerAddress => {
  const { interfaces } = address
  const tried = Codec.toSign(address)
  return Result.isFailure(tried) && tried.failure.kind === "TooLarge" && interfaces.length > 0
    ? fitting({ ...address, interfaces: interfaces.slice(0, -1) })
    : address
}
