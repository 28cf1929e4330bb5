/** Values of several fields, and lists. What is reserved is written as 0 and not looked at. */
import { padded, read16, read32, write16, write32 } from "../header.ts"
import { type Codec, Problem } from "../Problem.ts"
import { range } from "./number.ts"
import { readDiagnostic, shortSize, writeUtf8 } from "./text.ts"

/** CHANGE-REQUEST (RFC 5780 section 7.2): answer from the other address, from the other port. */
export interface ChangeRequest {
  readonly address: boolean
  readonly port: boolean
}

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 A B 0|
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const changeRequest: Codec<ChangeRequest> = {
  size: () => 4,
  write: (value, bytes, at) => ((bytes[at + 3] = (value.address ? 4 : 0) | (value.port ? 2 : 0)), 4),
  read: (bytes, at, length) =>
    length === 4
      ? { address: (bytes[at + 3]! & 4) !== 0, port: (bytes[at + 3]! & 2) !== 0 }
      : new Problem(-2, `${length} bytes: exactly 4`)
}

/** ERROR-CODE (RFC 8489 section 14.8): 300 to 699, and words for people. */
export interface ErrorCode {
  readonly code: number
  readonly reason: string
}

/** ADDRESS-ERROR-CODE (RFC 8656 section 18.12): the same about one address family. */
export interface AddressErrorCode extends ErrorCode {
  readonly family: 4 | 6
}

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |  Family or 0  |         Reserved        |Class|     Number    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |      Reason Phrase (variable)                                ..
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
export const errorCode: Codec<ErrorCode> = {
  size: (value) => {
    if (!Number.isInteger(value.code) || value.code < 300 || value.code > 699) {
      return new Problem(2, `${value.code} is no code from 300 to 699`)
    }
    const reason = shortSize(value.reason)
    return typeof reason === "number" ? 4 + reason : reason
  },
  write: (value, bytes, at) => {
    bytes[at + 2] = Math.trunc(value.code / 100)
    bytes[at + 3] = value.code % 100
    return 4 + writeUtf8(value.reason, bytes, at + 4)
  },
  read: (bytes, at, length) => {
    if (length < 4) return new Problem(-2, `${length} bytes: at least 4`)
    const hundreds = bytes[at + 2]! & 7
    const number = bytes[at + 3]!
    if (hundreds < 3 || hundreds > 6) return new Problem(2, `error class ${hundreds}`)
    if (number > 99) return new Problem(3, `error number ${number}`)
    const reason = readDiagnostic(bytes, at + 4, length - 4)
    return typeof reason === "string" ? { code: hundreds * 100 + number, reason } : reason
  }
}

export const addressErrorCode: Codec<AddressErrorCode> = {
  size: errorCode.size,
  write: (value, bytes, at) => {
    bytes[at] = value.family === 4 ? 1 : 2
    return errorCode.write(value, bytes, at)
  },
  read: (bytes, at, length) => {
    const error = errorCode.read(bytes, at, length)
    if (error instanceof Problem) return error
    const family = bytes[at]!
    if (family !== 1 && family !== 2) return new Problem(0, `address family ${family}`)
    return { family: family === 1 ? 4 : 6, code: error.code, reason: error.reason }
  }
}

/** UNKNOWN-ATTRIBUTES (RFC 8489 section 14.13): types, 16 bits each. */
export const types: Codec<ReadonlyArray<number>> = {
  size: (value) => {
    for (const type of value) if (range(type, 0xffff) !== undefined) return range(type, 0xffff)!
    return 2 * value.length
  },
  write: (value, bytes, at) => {
    for (let i = 0; i < value.length; i++) write16(bytes, at + 2 * i, value[i]!)
    return 2 * value.length
  },
  read: (bytes, at, length) => {
    if (length % 2 !== 0) return new Problem(-2, `${length} bytes: types have 2 each`)
    const found: Array<number> = []
    for (let i = 0; i < length; i += 2) found.push(read16(bytes, at + i))
    return found
  }
}

/** An entry of PASSWORD-ALGORITHMS: the number of a password algorithm (RFC 8489 section 18.5) and its parameters. */
export interface PasswordAlgorithm {
  readonly algorithm: number
  readonly parameters: Uint8Array
}

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |           Algorithm           |  Algorithm Parameters Length  |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                 Algorithm Parameters (variable)
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The padding of the last entry is part of the value, but a sender may have left it to the attribute.
 */
export const passwordAlgorithms: Codec<ReadonlyArray<PasswordAlgorithm>> = {
  size: (value) => {
    let size = 0
    for (const { algorithm, parameters } of value) {
      const problem = range(algorithm, 0xffff)
      if (problem !== undefined) return problem
      size += 4 + padded(parameters.length)
    }
    return size
  },
  write: (value, bytes, at) => {
    let to = at
    for (const { algorithm, parameters } of value) {
      write16(bytes, to, algorithm)
      write16(bytes, to + 2, parameters.length)
      bytes.set(parameters, to + 4)
      to += 4 + padded(parameters.length)
    }
    return to - at
  },
  read: (bytes, at, length) => {
    const found: Array<PasswordAlgorithm> = []
    for (let from = 0; from < length;) {
      if (length - from < 4) return new Problem(from, `${length - from} bytes: an algorithm has at least 4`)
      const size = read16(bytes, at + from + 2)
      const start = from + 4
      if (size > length - start) return new Problem(from + 2, `says ${size} bytes, ${length - start} are left`)
      found.push({
        algorithm: read16(bytes, at + from),
        parameters: bytes.subarray(at + start, at + start + size)
      })
      from = start + padded(size)
    }
    return found
  }
}

/** PASSWORD-ALGORITHM (RFC 8489 section 14.12): exactly one entry. */
export const passwordAlgorithm: Codec<PasswordAlgorithm> = {
  size: (value) => passwordAlgorithms.size([value]),
  write: (value, bytes, at) => passwordAlgorithms.write([value], bytes, at),
  read: (bytes, at, length) => {
    const found = passwordAlgorithms.read(bytes, at, length)
    if (found instanceof Problem) return found
    return found.length === 1 ? found[0]! : new Problem(-2, `${found.length} algorithms: exactly 1`)
  }
}

/** ICMP (RFC 8656 section 18.13): what a router said about a datagram to the peer. `data` is the MTU of a "too big". */
export interface Icmp {
  readonly type: number
  readonly code: number
  readonly data: number
}

/**
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |           Reserved            |  ICMP Type  |    ICMP Code    |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                           Error Data                          |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * 7 bits and 9 bits, as the RFC's figure has it.
 */
export const icmp: Codec<Icmp> = {
  size: ({ code, data, type }) => range(type, 0x7f) ?? range(code, 0x1ff) ?? range(data, 0xffffffff) ?? 8,
  write: (value, bytes, at) => {
    write16(bytes, at + 2, (value.type << 9) | value.code)
    write32(bytes, at + 4, value.data)
    return 8
  },
  read: (bytes, at, length) => {
    if (length !== 8) return new Problem(-2, `${length} bytes: exactly 8`)
    const both = read16(bytes, at + 2)
    return { type: both >>> 9, code: both & 0x1ff, data: read32(bytes, at + 4) }
  }
}
