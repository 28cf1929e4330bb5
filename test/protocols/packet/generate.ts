/** Random packets of every kind, valid and whole. */
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import type { Luck } from "../../lab/support/random.ts"

const bytes = (random: Luck, count: number): Uint8Array => Uint8Array.from({ length: count }, () => random.below(256))

export const randomIp = (random: Luck, family: Ip.Family): Ip.Ip =>
  // Zeros are common, so that `::` stands in every place.
  Ip.read(
    bytes(random, 16).map((byte) => (family === 6 && random.chance(0.5) ? 0 : byte)),
    0,
    family
  )

const kinds = ["portUnreachable", "hostUnreachable", "adminProhibited", "ttlExceeded", "packetTooBig"] as const

export const randomPacket = (random: Luck): IpPacket => {
  const family = random.chance(0.5) ? 4 : 6
  const src = randomIp(random, family)
  const dst = randomIp(random, family)
  const port = () => random.below(65536)
  const ttl = random.below(256)
  const payload = bytes(random, random.below(random.chance(0.1) ? 1400 : 30))
  const kind = random.below(4)
  if (kind === 0) return Packet.udp(src, port(), dst, port(), payload, ttl)
  if (kind === 1) {
    return Packet.tcp(src, port(), dst, port(), {
      flags: random.below(256),
      seq: Math.floor(random.next() * 2 ** 32),
      ack: Math.floor(random.next() * 2 ** 32),
      window: port(),
      options: bytes(random, 4 * random.below(11)),
      payload,
      ttl
    })
  }
  if (kind === 2) return Packet.echo(random.pick(["request", "reply"]), src, dst, port(), port(), payload, ttl)
  const error = random.pick(kinds)
  for (;;) {
    const about = randomPacket(random)
    const found = icmpError(
      about,
      error,
      randomIp(random, Ip.familyOf(about.src)),
      error === "packetTooBig" ? port() : 0
    )
    if (found !== undefined) return found
  }
}
