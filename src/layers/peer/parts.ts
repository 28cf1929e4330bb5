/** What the parts of a running peer have in common. */
import type * as SecureRandom from "effect/crypto/SecureRandom"
import type * as Effect from "effect/Effect"
import type * as FiberSet from "effect/FiberSet"
import type { PeerId } from "../../schemas/PeerId.ts"
import type { Cryptography } from "../../services/Cryptography.ts"
import type { Identity } from "../../services/Identity.ts"
import type { LinkSecurity } from "../../services/LinkSecurity.ts"
import type { Messages } from "../../services/Messages.ts"
import type { Request } from "../../services/Peer.ts"
import type { Pipes } from "../../services/Pipes.ts"
import type { Signalling } from "../../services/Signalling.ts"
import type { Tcp } from "../../services/Tcp.ts"
import type { Acquaintances } from "./Acquaintances.ts"
import type { AddressBook } from "./AddressBook.ts"
import type { Arrivals } from "./Arrivals.ts"
import type { Backs } from "./Backs.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { Limits } from "./limits.ts"
import type { Meetings } from "./Meeting.ts"
import type { Network } from "./Network.ts"
import type { OwnAddress } from "./OwnAddress.ts"
import type { Situation } from "./situation.ts"
import type { Strategies } from "./strategies.ts"

export interface Parts {
  readonly tcp: Tcp["Service"]
  readonly identity: Identity["Service"]
  readonly cryptography: Cryptography["Service"]
  readonly security: LinkSecurity["Service"]
  readonly signalling: Signalling["Service"]
  readonly messages: Messages["Service"]
  readonly pipes: Pipes["Service"]
  readonly random: SecureRandom.SecureRandom["Service"]
  readonly limits: Limits
  readonly allow: (peer: PeerId, request: Request) => Effect.Effect<boolean>
  /** Whether it says yes to all, so that nobody need be asked. */
  readonly isOpen: boolean
  readonly meetings: Meetings
  readonly backs: Backs
  readonly arrivals: Arrivals
  readonly acquaintances: Acquaintances
  readonly network: Network
  readonly address: OwnAddress
  /** The addresses of others. */
  readonly book: AddressBook
  readonly strategies: Strategies
  readonly deadlines: Deadlines
  /** How others stand to this peer. */
  readonly situation: Situation
  /** What goes on until the peer closes: links from outside, dials back, and the last words on links. */
  readonly fibers: FiberSet.FiberSet<unknown, unknown>
}
