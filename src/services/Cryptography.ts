/**
 * The platform's cryptography for the protocols of this library. Synchronous, so that it runs in virtual time as it is.
 */
import * as Context from "effect/Context"
import type { Primitives } from "../protocols/crypto/Primitives.ts"

export class Cryptography extends Context.Service<Cryptography, Primitives>()("effect-p2p/services/Cryptography") {}
