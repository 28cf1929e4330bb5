/** What tests of the codec share: node's hashes, hex, and results taken apart. */
import { assert } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { createHash, createHmac } from "node:crypto"
import type { Hash } from "../../../src/protocols/stun/credentials.ts"
import * as Decode from "../../../src/protocols/stun/decode.ts"
import type { Seal } from "../../../src/protocols/stun/encode.ts"
import * as Encode from "../../../src/protocols/stun/encode.ts"
import type { Hmac } from "../../../src/protocols/stun/integrity.ts"
import type { Message } from "../../../src/protocols/stun/Message.ts"
import type { StunError } from "../../../src/protocols/stun/StunError.ts"

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

export const md5: Hash = (data) => plain(createHash("md5").update(data).digest())
export const sha256: Hash = (data) => plain(createHash("sha256").update(data).digest())
export const hmacSha1: Hmac = (key, data) => plain(createHmac("sha1", key).update(data).digest())
export const hmacSha256: Hmac = (key, data) => plain(createHmac("sha256", key).update(data).digest())

export const hex = (text: string): Uint8Array => plain(Buffer.from(text.replaceAll(/[^0-9a-f]/gi, ""), "hex"))

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export const at = (text: string): NetAddress.InetAddress => NetAddress.inetAddressFromStringUnsafe(text)

/** A message decoded, old ones too. */
export const read = (bytes: Uint8Array, options: Decode.Options = { classic: true }): Message =>
  Result.getOrThrow(Decode.decode(bytes, options))

export const bytesOf = (message: Message, seal?: Seal): Uint8Array => Result.getOrThrow(Encode.encode(message, seal))

export const failureOf = <A>(result: Result.Result<A, StunError>): StunError => {
  assert.isTrue(Result.isFailure(result), "it succeeded")
  return (result as Result.Failure<A, StunError>).failure
}

/** 12 bytes that are easy to see in hex. */
export const id = hex("a0a1a2a3a4a5a6a7a8a9aaab")
