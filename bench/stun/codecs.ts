/**
 * The same messages through each codec: from values to bytes and back to values, sealed with FINGERPRINT and checked.
 * Each function does it once and returns the port it read, or 0 for a request.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { createRequire } from "node:module"
import * as werift from "werift"
import { hmacSha1 } from "../../src/layers/node/hmac.ts"
import { mappedEndpoint } from "../../src/protocols/stun/binding.ts"
import { decode } from "../../src/protocols/stun/decode.ts"
import { encode, type Seal } from "../../src/protocols/stun/encode.ts"
import { verifySha1 } from "../../src/protocols/stun/integrity.ts"
import * as Message from "../../src/protocols/stun/Message.ts"

export type Messages = "request" | "response" | "full response" | "sealed request"

export type Codec = Readonly<Record<Messages, () => number>>

const id = new Uint8Array(12).map((_, i) => 17 * i)
const bufferId = Buffer.from(id)
const host = "203.0.113.7"
const port = 50_123
const other = "198.51.100.1"
const otherPort = 3479
const software = "Coturn-4.6.1 'Gorst'"
const username = "alice:bob"
const key = Buffer.from("a key of the usual length")

const mapped = NetAddress.inetAddressFromIpStringUnsafe(host, port)
const alternate = NetAddress.inetAddressFromIpStringUnsafe(other, otherPort)
const fingerprint: Seal = { fingerprint: true }
const sealed: Seal = { fingerprint: true, sha1: { key, hmac: hmacSha1 } }
const required = { fingerprint: "required" } as const

// As the layers do it: a new message each time, both ways.
const through = (message: Message.Message, seal: Seal): readonly [Message.Message, Uint8Array] => {
  const bytes = Result.getOrThrow(encode(message, seal))
  return [Result.getOrThrow(decode(bytes, required)), bytes]
}

const request = Message.request(1, id)

export const ours: Codec = {
  request: () => (through(Message.request(1, id), fingerprint)[0].class === "request" ? 0 : -1),
  response: () =>
    mappedEndpoint(through(Message.success(request, [{ _tag: "XorMappedAddress", value: mapped }]), fingerprint)[0])!
      .port,
  "full response": () => {
    const response = Message.success(request, [
      { _tag: "XorMappedAddress", value: mapped },
      { _tag: "MappedAddress", value: mapped },
      { _tag: "ResponseOrigin", value: alternate },
      { _tag: "OtherAddress", value: alternate },
      { _tag: "Software", value: software }
    ])
    return mappedEndpoint(through(response, fingerprint)[0])!.port
  },
  "sealed request": () => {
    const [, bytes] = through(Message.request(1, id, [{ _tag: "Username", value: username }]), sealed)
    return verifySha1(bytes, key, hmacSha1) === "valid" ? 0 : -1
  }
}

const weriftThrough = (message: werift.Message, integrityKey?: Buffer): werift.Message => {
  message.addFingerprint()
  const found = werift.parseMessage(message.bytes, integrityKey)
  if (found === undefined) throw new Error("werift does not read what it wrote")
  return found
}

const weriftPort = (message: werift.Message): number =>
  (message.getAttributeValue("XOR-MAPPED-ADDRESS") as unknown as readonly [string, number])[1]

export const weriftCodec: Codec = {
  request: () => (weriftThrough(new werift.Message(1, 0, bufferId)).messageClass === 0 ? 0 : -1),
  response: () =>
    weriftPort(weriftThrough(new werift.Message(1, 0x100, bufferId, [["XOR-MAPPED-ADDRESS", [host, port]]]))),
  "full response": () => {
    const response = new werift.Message(1, 0x100, bufferId, [
      ["XOR-MAPPED-ADDRESS", [host, port]],
      ["MAPPED-ADDRESS", [host, port]],
      ["RESPONSE-ORIGIN", [other, otherPort]],
      ["OTHER-ADDRESS", [other, otherPort]],
      ["SOFTWARE", software]
    ])
    return weriftPort(weriftThrough(response))
  },
  "sealed request": () => {
    const message = new werift.Message(1, 0, bufferId, [["USERNAME", username]])
    return weriftThrough(message.addMessageIntegrity(key), key).messageClass === 0 ? 0 : -1
  }
}

interface StunMessage {
  readonly type: number
  addXorAddress(address: string, port: number): void
  addAddress(address: string, port: number): void
  addAttribute(type: number, ...values: ReadonlyArray<unknown>): void
  addSoftware(text: string): void
  addUsername(text: string): void
  addMessageIntegrity(key: Buffer): void
  addFingerprint(): void
  getXorAddress(): { readonly port: number }
}

/** The part of the package used here; it has no types of its own. */
interface StunPackage {
  readonly createMessage: (type: number, transactionId: Buffer) => StunMessage
  readonly encode: (message: StunMessage) => Buffer
  readonly decode: (bytes: Buffer) => StunMessage
  readonly validateFingerprint: (message: StunMessage) => boolean
  readonly validateMessageIntegrity: (message: StunMessage, key: Buffer) => boolean
}

const stun = createRequire(import.meta.url)("stun") as StunPackage

const stunThrough = (message: StunMessage): StunMessage => {
  message.addFingerprint()
  const found = stun.decode(stun.encode(message))
  if (!stun.validateFingerprint(found)) throw new Error("stun does not read what it wrote")
  return found
}

export const stunCodec: Codec = {
  request: () => (stunThrough(stun.createMessage(1, bufferId)).type === 1 ? 0 : -1),
  response: () => {
    const message = stun.createMessage(0x101, bufferId)
    message.addXorAddress(host, port)
    return stunThrough(message).getXorAddress().port
  },
  "full response": () => {
    const message = stun.createMessage(0x101, bufferId)
    message.addXorAddress(host, port)
    message.addAddress(host, port)
    message.addAttribute(0x802b, other, otherPort)
    message.addAttribute(0x802c, other, otherPort)
    message.addSoftware(software)
    return stunThrough(message).getXorAddress().port
  },
  "sealed request": () => {
    const message = stun.createMessage(1, bufferId)
    message.addUsername(username)
    message.addMessageIntegrity(key)
    return stun.validateMessageIntegrity(stunThrough(message), key) ? 0 : -1
  }
}

/** What each codec must return: a case that reads nothing measures nothing. */
export const expected: Readonly<Record<Messages, number>> = {
  request: 0,
  response: port,
  "full response": port,
  "sealed request": 0
}
