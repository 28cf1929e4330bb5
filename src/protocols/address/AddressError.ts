/** Why a text or bytes are no address, or an address has no bytes; says where, and what to do. */
import * as Data from "effect/Data"
import * as Result from "effect/Result"

/**
 * `NoAddress`: it is something else. `Cut`: a part is missing. `Mistyped`: letters are wrong. `TooLarge`: beyond a limit.
 * `Malformed`: no address has this. `Newer`: written by a version that knows more. `Forged`: not signed by the peer it
 * names. `Expired`: it was good once. `TooLong`: it would be good for longer than any address is.
 */
export type AddressProblem =
  | "NoAddress"
  | "Cut"
  | "Mistyped"
  | "TooLarge"
  | "Malformed"
  | "Newer"
  | "Forged"
  | "Expired"
  | "TooLong"

export class AddressError extends Data.TaggedError("AddressError")<{
  readonly kind: AddressProblem
  /** `letter 37`, `byte 45, interface 1`, `interface 1, candidate 3`; empty where it is about the whole. */
  readonly place: string
  readonly problem: string
}> {
  override get message() {
    return `peer address${this.place === "" ? "" : `, ${this.place}`}: ${this.problem}`
  }
}

/** Makes one without a stack: taking it costs more than finding out did, and strangers send what is wrong. */
export const addressError = (kind: AddressProblem, place: string, problem: string): AddressError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return new AddressError({ kind, place, problem })
  } finally {
    Error.stackTraceLimit = limit
  }
}

export const fail = (kind: AddressProblem, place: string, problem: string): Result.Result<never, AddressError> =>
  Result.fail(addressError(kind, place, problem))
