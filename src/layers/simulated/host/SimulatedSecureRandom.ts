/**
 * `SecureRandom` of a simulated host: as unpredictable as the world's seed, so only good for tests. Made when first used.
 */
import { make, type SecureRandom } from "effect/crypto/SecureRandom"
import type { Luck } from "../time/Luck.ts"

type Service = SecureRandom["Service"]

export class SimulatedSecureRandom implements Service {
  private readonly luck: Luck
  private made: Service | undefined = undefined

  constructor(luck: Luck) {
    this.luck = luck
  }

  private get service(): Service {
    return (this.made ??= make((size) => {
      const bytes = new Uint8Array(size)
      for (let at = 0; at < size; at++) bytes[at] = this.luck.next() & 0xff
      return bytes
    }))
  }

  get randomBytes(): Service["randomBytes"] {
    return this.service.randomBytes
  }

  get intBetween(): Service["intBetween"] {
    return this.service.intBetween
  }

  get shuffle(): Service["shuffle"] {
    return this.service.shuffle
  }

  get uuidV4(): Service["uuidV4"] {
    return this.service.uuidV4
  }

  get uuidV7(): Service["uuidV7"] {
    return this.service.uuidV7
  }

  get ulid(): Service["ulid"] {
    return this.service.ulid
  }
}
