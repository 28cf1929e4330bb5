/**
 * A TLS 1.3 client and server that do as they are told: whichever certificates they show and whatever they sign. With the
 * truth told they are as good as any, which shows that a lie is refused for being one.
 */
import * as Crypto from "node:crypto"
import type * as net from "node:net"
import { finished, handshakeSecrets, Protection, toBeSigned } from "./keys.ts"

export interface Story {
  /** In DER, the first one's key being claimed. */
  readonly certificates: ReadonlyArray<Uint8Array>
  /** Makes the signature of CertificateVerify; `undefined`: the message is left out. */
  readonly sign: (message: Uint8Array) => Uint8Array | undefined
  /** Whose signature it says to be. Default: its own role's. */
  readonly role?: "client" | "server"
}

const ALPN = Buffer.from("effect-p2p/1")

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255)
const vector8 = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(bytes.length), bytes])
const vector16 = (...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([u16(bytes.length), bytes])
}
const vector24 = (...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(bytes.length >> 16), u16(bytes.length & 65535), bytes])
}
const message = (type: number, ...parts: ReadonlyArray<Uint8Array>) =>
  Buffer.concat([Buffer.of(type), vector24(...parts)])
const extension = (type: number, ...parts: ReadonlyArray<Uint8Array>) => Buffer.concat([u16(type), vector16(...parts)])
const record = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.of(22, 3, 3), vector16(bytes)])

const alpn = extension(16, vector16(vector8(ALPN)))
const ed25519Only = extension(13, vector16(u16(0x0807)))

/** A record's type and fragment, one after the other; whatever is no handshake and no data is passed over. */
async function* recordsOf(socket: net.Socket): AsyncGenerator<{ readonly type: number; readonly fragment: Buffer }> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) {
      const end = 5 + bytes.readUInt16BE(3)
      const type = bytes[0]!
      const fragment = bytes.subarray(5, end)
      bytes = bytes.subarray(end)
      if (type === 21) throw new Error(`alert ${fragment[1]}`)
      if (type === 22 || type === 23) yield { type, fragment }
    }
  }
}

const keyShare = () => {
  const { privateKey, publicKey } = Crypto.generateKeyPairSync("x25519")
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32)
  const shared = (theirs: Uint8Array) => {
    const der = Buffer.concat([Buffer.from("302a300506032b656e032100", "hex"), theirs])
    return Crypto.diffieHellman({
      privateKey,
      publicKey: Crypto.createPublicKey({ key: der, format: "der", type: "spki" })
    })
  }
  return { raw, shared }
}

/** The X25519 share (group 29) in a list of shares. */
const x25519In = (hello: Buffer): Buffer => {
  const at = hello.indexOf(Buffer.of(0, 29, 0, 32))
  if (at < 0) throw new Error("no X25519 share")
  return hello.subarray(at + 4, at + 36)
}

/** Certificate, CertificateVerify and Finished of one side, after what was said before. */
const proof = (role: "client" | "server", secret: Uint8Array, story: Story, before: ReadonlyArray<Buffer>) => {
  const entries = story.certificates.map((der) => Buffer.concat([vector24(der), u16(0)]))
  const said = [...before, message(11, vector8(Buffer.alloc(0)), vector24(...entries))]
  const signature = story.sign(toBeSigned(story.role ?? role, said))
  if (signature !== undefined) said.push(message(15, u16(0x0807), vector16(signature)))
  said.push(message(20, finished(secret, said)))
  return said.slice(before.length)
}

/** Answers one client. Ends when the other side does; fails with its alert. */
export const serve = async (socket: net.Socket, story: Story): Promise<void> => {
  const records = recordsOf(socket)
  const hello = (await records.next()).value!.fragment as Buffer
  const { raw, shared } = keyShare()
  const session = hello.subarray(38, 39 + hello[38]!)
  const extensions = [extension(43, Buffer.of(3, 4)), extension(51, u16(29), vector16(raw))]
  const answer = message(
    2,
    Buffer.of(3, 3),
    Crypto.randomBytes(32),
    session,
    Buffer.of(0x13, 0x01, 0),
    vector16(...extensions)
  )
  const secret = handshakeSecrets(shared(x25519In(hello)), [hello, answer]).server
  const protection = new Protection(secret)
  const opening = [message(8, vector16(alpn)), message(13, Buffer.of(0), vector16(ed25519Only))]
  const flight = [...opening, ...proof("server", secret, story, [hello, answer, ...opening])]
  socket.write(Buffer.concat([record(answer), ...flight.map((part) => protection.seal(part))]))
  for (let next = await records.next(); next.done !== true; next = await records.next()) {
    // What comes now is for somebody who keeps its part.
  }
}

/** Calls one server. The same. */
export const call = async (socket: net.Socket, story: Story): Promise<void> => {
  const records = recordsOf(socket)
  const { raw, shared } = keyShare()
  const extensions = [
    extension(43, vector8(Buffer.of(3, 4))),
    extension(10, vector16(u16(29))),
    extension(51, vector16(u16(29), vector16(raw))),
    ed25519Only,
    alpn
  ]
  const hello = message(
    1,
    Buffer.of(3, 3),
    Crypto.randomBytes(32),
    vector8(Buffer.alloc(0)),
    vector16(Buffer.of(0x13, 0x01)),
    vector8(Buffer.of(0)),
    vector16(...extensions)
  )
  socket.write(record(hello))
  const answer = (await records.next()).value!.fragment as Buffer
  const secrets = handshakeSecrets(shared(x25519In(answer)), [hello, answer])
  const theirs = new Protection(secrets.server)
  const said = [hello, answer]
  // Messages to the end of Finished, however they are cut into records.
  for (let bytes = Buffer.alloc(0); said.at(-1)![0] !== 20;) {
    bytes = Buffer.concat([bytes, theirs.open((await records.next()).value!.fragment as Buffer)])
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUIntBE(1, 3)) {
      const end = 4 + bytes.readUIntBE(1, 3)
      said.push(bytes.subarray(0, end))
      bytes = bytes.subarray(end)
    }
  }
  const mine = new Protection(secrets.client)
  socket.write(Buffer.concat(proof("client", secrets.client, story, said).map((part) => mine.seal(part))))
  for (let next = await records.next(); next.done !== true; next = await records.next()) {
    // The same.
  }
}
