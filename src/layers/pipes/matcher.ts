/**
 * A `Filter`, compiled.
 */
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Pattern from "../../protocols/pattern/Pattern.ts"
import type { Filter, Message } from "../../services/Pipe.ts"

export type Matcher = (message: Message) => boolean

type Sender = { readonly address: NetAddress.IpAddress; readonly port: number | undefined }

// Senders are canonical: an IPv4 address written as IPv6 is the IPv4 one.
const canonical = (sender: Sender): Sender => ({ ...sender, address: NetAddress.toCanonical(sender.address) })

const senderOf = (from: NonNullable<Filter["from"]>): Result.Result<Sender, string> => {
  if (typeof from !== "string") {
    return Result.succeed(
      "port" in from ? { address: from.address, port: from.port } : { address: from, port: undefined }
    )
  }
  const address = NetAddress.ipFromString(from)
  if (Result.isSuccess(address)) return Result.succeed({ address: address.success, port: undefined })
  return Result.mapError(
    NetAddress.inetAddressFromString(from),
    () => `"${from}" is not a sender: write an address, or an endpoint such as 192.0.2.1:80 or [2001:db8::1]:80`
  )
}

/** `undefined` matches everything. The failure says which part of the filter is wrong. */
export const compile = (filter: Filter | undefined): Result.Result<Matcher | undefined, string> => {
  if (filter?.pattern === undefined && filter?.from === undefined) return Result.succeed(undefined)
  const sender = filter.from === undefined ? Result.succeed(undefined) : Result.map(senderOf(filter.from), canonical)
  if (Result.isFailure(sender)) return Result.fail(sender.failure)
  const pattern = filter.pattern === undefined ? Result.succeed(undefined) : Pattern.compile(filter.pattern)
  if (Result.isFailure(pattern)) return Result.fail(`the pattern cannot be used: ${pattern.failure.message}`)
  const from = sender.success
  const test = pattern.success
  return Result.succeed(
    (message) =>
      (from === undefined ||
        ((from.port === undefined || from.port === message.from.port) &&
          Equal.equals(from.address, message.from.address))) &&
      (test === undefined || test.test(message.data))
  )
}
