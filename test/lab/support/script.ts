/**
 * Random traffic between a few inside hosts and a few remotes, as packets at the NAT: datagrams, TCP conversations, pings
 * and ICMP errors; answers from the right endpoint, from a wrong port, from a wrong address; packets nobody asked for.
 *
 * Few hosts and few ports, so that clashes are common. TCP segments follow what came before in their conversation: the
 * kernel drops impossible ones, which is not what a NAT's behaviour is about.
 */
import type { Verdict } from "../../../src/protocols/nat/Verdict.ts"
import * as Ip from "../../../src/protocols/packet/Ip.ts"
import type { IpPacket, TcpPacket, UdpPacket } from "../../../src/protocols/packet/IpPacket.ts"
import * as Packet from "../../../src/protocols/packet/IpPacket.ts"
import { icmpError } from "../../../src/protocols/packet/reply.ts"
import type { Luck } from "./random.ts"
import { OUTSIDE } from "./rulesets.ts"

export interface Step {
  readonly from: "inside" | "outside"
  readonly packet: IpPacket
}

export interface Limits {
  /** IPv4, unless 6. */
  readonly family?: 6 | undefined
  /** Every inside host uses ports of its own: nft's learned maps give one port to two hosts with different remotes. */
  readonly ownPorts?: boolean | undefined
  /** Packets from inside to the NAT's own outside address: to any port, or between endpoints that are both mapped. */
  readonly hairpin?: "any" | "mapped" | undefined
  /** No resets: nft's learned maps outlive the flows that a reset ends. */
  readonly noResets?: boolean | undefined
  /** Where strangers send to: the NAT, or (through a firewall) the inside hosts themselves. */
  readonly strangersTo?: "nat" | "insiders" | undefined
}

const ip = Ip.fromStringUnsafe
export const insiders = [ip("10.0.0.2"), ip("10.0.0.3"), ip("10.0.0.4")]
const insiders6 = [ip("2001:db8:1::2"), ip("2001:db8:1::3"), ip("2001:db8:1::4")]
const remotes = [ip("198.51.100.1"), ip("198.51.100.2"), ip("192.0.2.7")]
const remotes6 = [ip("2001:db8:2::1"), ip("2001:db8:2::2"), ip("2001:db8:3::7")]
const remotePorts = [3478, 3479, 7000]
const outside = ip(OUTSIDE)

const INSIDE_SEQ = 1000
const REMOTE_SEQ = 5000

/**
 * `refused` may be opened again; `over` may not: whether the kernel takes a second connection on the same endpoints for
 * possible depends on sequence numbers and seconds.
 */
type State = "opening" | "both opening" | "answered" | "established" | "finishing" | "finished" | "refused" | "over"

/** A TCP conversation: its first SYN as sent and as it left the NAT. */
interface Conversation {
  readonly sent: TcpPacket
  readonly left: TcpPacket
  state: State
}

export class Script {
  readonly #random: Luck
  readonly #limits: Limits
  /** Datagrams as inside hosts sent them, packets as they left the NAT, and as they came in through it. */
  readonly #sent: Array<UdpPacket> = []
  readonly #left: Array<IpPacket> = []
  readonly #arrived: Array<IpPacket> = []
  readonly #conversations = new Map<string, Conversation>()
  readonly #insiders: ReadonlyArray<Ip.Ip>
  readonly #remotes: ReadonlyArray<Ip.Ip>

  constructor(random: Luck, limits: Limits) {
    this.#random = random
    this.#limits = limits
    this.#insiders = limits.family === 6 ? insiders6 : insiders
    this.#remotes = limits.family === 6 ? remotes6 : remotes
  }

  next(): Step {
    const random = this.#random
    const kind = random.next()
    if (kind < 0.3) return this.#datagram(10 + random.below(50))
    if (kind < 0.33) return this.#datagram(1)
    if (kind < 0.43) return this.#open()
    if (kind < 0.47) return this.#ping()
    if (kind < 0.55) return this.#converse()
    if (kind < 0.59 && this.#limits.hairpin !== undefined) return this.#hairpin()
    if (kind < 0.63) return this.#complain()
    if (kind < 0.67) return this.#stranger()
    return this.#reply()
  }

  /** What became of a step: later steps answer what got through. */
  learn(step: Step, verdict: Verdict): void {
    if (verdict._tag !== "Forward") return
    if (verdict.side === "inside") {
      this.#arrived.push(verdict.packet)
      return
    }
    if (verdict.packet._tag !== "IcmpError") this.#left.push(verdict.packet)
    if (step.packet._tag === "Udp") this.#sent.push(step.packet)
    if (step.packet._tag === "Tcp" && verdict.packet._tag === "Tcp" && step.packet.flags === Packet.SYN) {
      this.#conversations.set(nameOf(step.packet), { sent: step.packet, left: verdict.packet, state: "opening" })
    }
  }

  #datagram(ttl: number): Step {
    const { host, port } = this.#insideEnd()
    const { address, port: remotePort } = this.#remoteEnd()
    return { from: "inside", packet: Packet.udp(host, port, address, remotePort, this.#payload(), ttl) }
  }

  // A new conversation, or the same SYN again; another SYN in mid-conversation would be impossible.
  #open(): Step {
    const { host, port } = this.#insideEnd()
    const { address, port: remotePort } = this.#remoteEnd()
    const packet = Packet.tcp(host, port, address, remotePort, { flags: Packet.SYN, seq: INSIDE_SEQ })
    const state = this.#conversations.get(nameOf(packet))?.state
    if (state !== undefined && state !== "opening" && state !== "refused") return this.#datagram(20)
    return { from: "inside", packet }
  }

  #ping(): Step {
    const host = this.#random.below(this.#insiders.length)
    const packet = Packet.echo(
      "request",
      this.#insiders[host]!,
      this.#random.pick(this.#remotes),
      100 + host,
      1,
      this.#payload()
    )
    return { from: "inside", packet }
  }

  // The next segment of a conversation, from either side.
  #converse(): Step {
    const all = [...this.#conversations.values()]
    if (all.length === 0) return this.#open()
    const conversation = this.#random.pick(all)
    const { left, sent } = conversation
    // A FIN takes a sequence number.
    const finished = conversation.state === "finishing" || conversation.state === "finished" ? 1 : 0
    const inward = (flags: number): Step => ({
      from: "outside",
      packet: Packet.tcp(left.dst, left.dstPort, left.src, left.srcPort, {
        flags,
        seq: flags & Packet.SYN ? REMOTE_SEQ : REMOTE_SEQ + 1,
        ack: flags & Packet.ACK ? INSIDE_SEQ + 1 + finished : 0
      })
    })
    const outward = (flags: number): Step => ({
      from: "inside",
      packet: { ...sent, flags, seq: INSIDE_SEQ + 1 + finished, ack: REMOTE_SEQ + 1 + finished }
    })
    switch (conversation.state) {
      case "opening": {
        const answers = [Packet.SYN | Packet.ACK, Packet.SYN, Packet.RST | Packet.ACK]
        const answer = this.#random.pick(this.#limits.noResets === true ? answers.slice(0, 2) : answers)
        conversation.state = answer & Packet.RST ? "refused" : answer & Packet.ACK ? "answered" : "both opening"
        return inward(answer)
      }
      case "both opening":
        conversation.state = "answered"
        return inward(Packet.SYN | Packet.ACK)
      case "answered":
        conversation.state = "established"
        return outward(Packet.ACK)
      case "established":
        if (this.#random.chance(0.3) && this.#limits.noResets !== true) {
          conversation.state = "over"
          return inward(Packet.RST | Packet.ACK)
        }
        if (this.#random.chance(0.4)) {
          conversation.state = "finishing"
          return outward(Packet.FIN | Packet.ACK)
        }
        return this.#random.chance(0.5) ? inward(Packet.ACK) : outward(Packet.ACK)
      case "finishing":
        conversation.state = "finished"
        return inward(Packet.FIN | Packet.ACK)
      case "finished":
        conversation.state = "over"
        return outward(Packet.ACK)
      case "refused":
        conversation.state = "opening"
        return { from: "inside", packet: sent }
      case "over":
        return this.#datagram(20)
    }
  }

  #hairpin(): Step {
    if (this.#limits.hairpin === "any") {
      const { host, port } = this.#insideEnd()
      return { from: "inside", packet: Packet.udp(host, port, outside, port, this.#payload()) }
    }
    const known = this.#left.filter((packet) => packet._tag === "Udp")
    if (known.length === 0) return this.#datagram(20)
    const { src, srcPort } = this.#random.pick(this.#sent)
    const target = this.#random.pick(known).srcPort
    return { from: "inside", packet: Packet.udp(src, srcPort, outside, target, this.#payload()) }
  }

  // An inside host's ICMP error about something it received.
  #complain(): Step {
    const about = this.#arrived.length > 0 ? this.#random.pick(this.#arrived) : undefined
    const error = about === undefined ? undefined : icmpError(about, "portUnreachable", about.dst)
    return error === undefined ? this.#datagram(30) : { from: "inside", packet: error }
  }

  #stranger(): Step {
    const { address, port: remotePort } = this.#remoteEnd()
    const { host, port } = this.#insideEnd()
    const target = this.#limits.strangersTo === "insiders" ? host : outside
    const packet = this.#random.chance(0.5)
      ? Packet.udp(address, remotePort, target, port, this.#payload())
      : Packet.tcp(address, remotePort, target, port + 50, { flags: Packet.SYN, seq: REMOTE_SEQ })
    return { from: "outside", packet }
  }

  // To a packet that left: from the right remote endpoint, another port, another address, or an ICMP error about it.
  #reply(): Step {
    if (this.#left.length === 0) return this.#stranger()
    const sent = this.#random.pick(this.#left)
    if (sent._tag === "IcmpError") return this.#stranger()
    const strange = this.#remoteEnd()
    if (this.#random.chance(0.15)) {
      const kind = this.#random.pick(["portUnreachable", "ttlExceeded", "packetTooBig", "adminProhibited"] as const)
      return { from: "outside", packet: icmpError(sent, kind, strange.address, kind === "packetTooBig" ? 1400 : 0)! }
    }
    const right = this.#random.next()
    const src = right < 0.8 ? sent.dst : strange.address
    if (sent._tag === "Echo") {
      return { from: "outside", packet: Packet.echo("reply", src, sent.src, sent.id, sent.sequence, this.#payload()) }
    }
    if (sent._tag === "Tcp") {
      // The right endpoint's segments are `#converse`'s; here is what others try.
      const packet = Packet.tcp(src, 9000, sent.src, sent.srcPort, { flags: Packet.SYN, seq: REMOTE_SEQ })
      return { from: "outside", packet }
    }
    const srcPort = right < 0.6 ? sent.dstPort : strange.port
    return { from: "outside", packet: Packet.udp(src, srcPort, sent.src, sent.srcPort, this.#payload()) }
  }

  #insideEnd(): { readonly host: Ip.Ip; readonly port: number } {
    const host = this.#random.below(this.#insiders.length)
    return {
      host: this.#insiders[host]!,
      port: 5000 + this.#random.below(4) + (this.#limits.ownPorts === true ? host * 10 : 0)
    }
  }

  #remoteEnd(): { readonly address: Ip.Ip; readonly port: number } {
    return { address: this.#random.pick(this.#remotes), port: this.#random.pick(remotePorts) }
  }

  #payload(): Uint8Array {
    return Uint8Array.from({ length: this.#random.below(20) }, () => this.#random.below(256))
  }
}

const nameOf = (packet: TcpPacket): string => `${packet.src}:${packet.srcPort}>${packet.dst}:${packet.dstPort}`
