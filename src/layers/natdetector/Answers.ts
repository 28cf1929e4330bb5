/**
 * What a plan's sockets wait for: transaction ids, each good at one slot. Whatever else arrives is nobody's answer, and those
 * who wait for one from there are told of it. Ids are known as long as the plan runs, so that a late answer is not taken for a
 * wrong one.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { decode } from "../../protocols/stun/decode.ts"
import { get, type Message, transactionKey } from "../../protocols/stun/Message.ts"
import { same, stray } from "../../protocols/stun/transaction.ts"
import type { UdpEvent } from "../../services/Udp.ts"

export interface Expected {
  /** Where the answer arrives. */
  readonly slot: string
  /** Who was asked. */
  readonly to: NetAddress.InetAddress
  readonly heard: (message: Message, from: NetAddress.InetAddress) => void
  /** Something came from there that is no answer. After the `last` of it nothing can come any more. */
  readonly ignored: (what: string, last: boolean) => void
  /** The system reports that what was sent there did not arrive. */
  readonly failed: (kind: UdpEvent["kind"]) => void
}

export class Answers {
  private readonly expected = new Map<string, Expected>()

  /** `id` is a transaction id, or the nonce by which a server that dials back makes itself known. */
  expect(id: Uint8Array, expected: Expected): void {
    this.expected.set(transactionKey(id), expected)
  }

  /** A datagram or frame that arrived at a slot. */
  take(slot: string, bytes: Uint8Array, from: NetAddress.InetAddress): void {
    const read = decode(bytes)
    const found = Result.isSuccess(read) ? this.expected.get(keyOf(read.success)) : undefined
    if (Result.isSuccess(read) && found?.slot === slot) found.heard(read.success, from)
    else this.ignore(slot, from, stray(bytes, from), false)
  }

  ignore(slot: string, from: NetAddress.InetAddress, what: string, last: boolean): void {
    for (const each of this.at(slot, from)) each.ignored(what, last)
  }

  report(slot: string, { kind, remote }: UdpEvent): void {
    if (remote !== undefined) for (const each of this.at(slot, remote)) each.failed(kind)
  }

  private at(slot: string, to: NetAddress.InetAddress): ReadonlyArray<Expected> {
    return [...this.expected.values()].filter((each) => each.slot === slot && same(each.to, to))
  }
}

const keyOf = (message: Message): string => {
  const greeting = message.class === "indication" ? get(message, "ProbeBack") : undefined
  return transactionKey(greeting?.nonce ?? message.transactionId)
}
