/**
 * What a sealed envelope says: bytes and back (docs/protocol-envelope.md).
 *
 *     field  = number (1 byte), length (2 bytes, big-endian), value
 *     fields stand in the order of their numbers, each at most once
 *
 * One content has one encoding. Fields of unknown numbers are skipped, so newer versions may add some; everything else that
 * is not exactly right is refused.
 */
import * as Result from "effect/Result"

/**
 * `notice` wants no answer, `request` does. `answer` and `refusal` name the request they are for; the body of a refusal is a
 * sentence for people.
 */
export type Role = "notice" | "request" | "answer" | "refusal"

export interface Content {
  /** 16 random bytes. A repeated request has the id of the first. */
  readonly id: Uint8Array
  /** The sender's clock, milliseconds since 1970. */
  readonly sentAt: number
  /** Milliseconds after `sentAt` when it means nothing any more: 1 to {@link MAX_LIFETIME}. */
  readonly lifetime: number
  readonly role: Role
  /** What it is about: 1 to 32 of `a`-`z`, `0`-`9`, `-` and `.`. */
  readonly kind: string
  readonly body: Uint8Array
  /** The id of the request; of answers and refusals only. */
  readonly inReplyTo?: Uint8Array | undefined
}

export const ID_BYTES = 16

/** Nothing in signalling is worth waiting longer for, and every id must be remembered until it is over. */
export const MAX_LIFETIME = 600_000

const MAX_KIND = 32
const kindPattern = /^[a-z0-9.-]{1,32}$/

export const isKind = (text: string): boolean => kindPattern.test(text)

const field = { id: 1, sentAt: 2, lifetime: 3, role: 4, kind: 5, body: 6, inReplyTo: 7 } as const
const HEADER = 3

/** By number. */
const roles: ReadonlyArray<Role> = ["notice", "request", "answer", "refusal"]

/** Bytes of the content beside its body, at most. */
export const OVERHEAD = 7 * HEADER + ID_BYTES + 8 + 4 + 1 + MAX_KIND + ID_BYTES

const isReply = (role: Role): boolean => role === "answer" || role === "refusal"

/** Content that no peer would read is a mistake of the program and throws. */
export const encode = (content: Content): Uint8Array => {
  const { body, id, inReplyTo, kind, lifetime, role, sentAt } = content
  if (!isKind(kind)) throw new RangeError(`${JSON.stringify(kind)} is no kind of message: 1 to 32 of a-z, 0-9, - and .`)
  if (!isLifetime(lifetime)) throw new RangeError(`a lifetime of ${lifetime} ms: 1 to ${MAX_LIFETIME} is allowed`)
  if (!isTime(sentAt)) throw new RangeError(`${sentAt} is no time`)
  if (id.length !== ID_BYTES || isReply(role) !== (inReplyTo?.length === ID_BYTES)) {
    throw new RangeError("a message has an id of 16 bytes, and names a request if it is the reply to one")
  }
  if (body.length > 0xffff) throw new RangeError(`a body of ${body.length} bytes`)
  const size = (isReply(role) ? 7 : 6) * HEADER + ID_BYTES + 8 + 4 + 1 + kind.length + body.length
  const bytes = new Uint8Array(isReply(role) ? size + ID_BYTES : size)
  const view = new DataView(bytes.buffer)
  let at = 0
  const begin = (number: number, length: number): number => {
    bytes[at] = number
    view.setUint16(at + 1, length)
    at += HEADER + length
    return at - length
  }
  bytes.set(id, begin(field.id, ID_BYTES))
  view.setBigUint64(begin(field.sentAt, 8), BigInt(sentAt))
  view.setUint32(begin(field.lifetime, 4), lifetime)
  bytes[begin(field.role, 1)] = roles.indexOf(role)
  const kindAt = begin(field.kind, kind.length)
  for (let index = 0; index < kind.length; index++) bytes[kindAt + index] = kind.charCodeAt(index)
  bytes.set(body, begin(field.body, body.length))
  if (inReplyTo !== undefined) bytes.set(inReplyTo, begin(field.inReplyTo, ID_BYTES))
  return bytes
}

const isLifetime = (lifetime: number): boolean =>
  Number.isInteger(lifetime) && lifetime >= 1 && lifetime <= MAX_LIFETIME

const isTime = (time: number): boolean => Number.isSafeInteger(time) && time >= 0

/** The values are views into the bytes given. Fails with what is wrong. */
export const decode = (bytes: Uint8Array): Result.Result<Content, string> => {
  const fields = split(bytes)
  if (Result.isFailure(fields)) return Result.fail(fields.failure)
  const { success: found } = fields
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const sized = (number: number, length: number): Field | undefined => {
    const there = found.get(number)
    return there?.length === length ? there : undefined
  }
  const valueOf = ({ at, length }: Field): Uint8Array => bytes.subarray(at, at + length)

  const id = sized(field.id, ID_BYTES)
  const sent = sized(field.sentAt, 8)
  const life = sized(field.lifetime, 4)
  const role = sized(field.role, 1)
  const kind = found.get(field.kind)
  const body = found.get(field.body)
  if (!id || !sent || !life || !role || !kind || !body) return Result.fail("a field is missing or has the wrong size")
  const sentAt = Number(view.getBigUint64(sent.at))
  if (!isTime(sentAt)) return Result.fail("its time is out of range")
  const lifetime = view.getUint32(life.at)
  if (!isLifetime(lifetime)) return Result.fail("its lifetime is out of range")
  const named = roles[bytes[role.at]!]
  if (named === undefined) return Result.fail("its role is unknown")
  const text = kind.length > MAX_KIND ? "" : String.fromCharCode(...valueOf(kind))
  if (!isKind(text)) return Result.fail("its kind is not a name")
  const replyTo = sized(field.inReplyTo, ID_BYTES)
  if (isReply(named) !== (replyTo !== undefined) || found.has(field.inReplyTo) !== (replyTo !== undefined)) {
    return Result.fail("a reply names its request, and nothing else does")
  }
  return Result.succeed({
    id: valueOf(id),
    sentAt,
    lifetime,
    role: named,
    kind: text,
    body: valueOf(body),
    inReplyTo: replyTo && valueOf(replyTo)
  })
}

interface Field {
  readonly at: number
  readonly length: number
}

const split = (bytes: Uint8Array): Result.Result<ReadonlyMap<number, Field>, string> => {
  const fields = new Map<number, Field>()
  let last = 0
  for (let at = 0; at < bytes.length;) {
    if (at + HEADER > bytes.length) return Result.fail(`the field at byte ${at} is cut off`)
    const number = bytes[at]!
    const length = (bytes[at + 1]! << 8) | bytes[at + 2]!
    if (number <= last) return Result.fail(`the field at byte ${at} is out of order`)
    if (at + HEADER + length > bytes.length) return Result.fail(`the field at byte ${at} is longer than the rest`)
    fields.set(number, { at: at + HEADER, length })
    last = number
    at += HEADER + length
  }
  return Result.succeed(fields)
}
