/**
 * A TCP connection as the kernel holds it: the state machine, its timer, and whoever wants to know what happens.
 */
import { finish, type Tcb } from "../../../protocols/tcp/Tcb.ts"
import { tick } from "../../../protocols/tcp/timers.ts"
import { Event } from "../time/events.ts"
import type { Claim } from "./PortTable.ts"
import type { Listening, TcpStack } from "./TcpStack.ts"
import type { Device } from "./Way.ts"

class Timer extends Event {
  private readonly socket: KernelSocket

  constructor(socket: KernelSocket) {
    super()
    this.socket = socket
  }

  fire() {
    this.socket.expired()
  }
}

export class KernelSocket {
  readonly stack: TcpStack
  readonly tcb: Tcb
  readonly device: Device | undefined
  /** The local port it holds; accepted connections hold none of their own. */
  readonly claim: Claim | undefined
  /** While the handshake of an incoming connection is unfinished. */
  listener: Listening | undefined = undefined
  /** Told after every change. */
  owner: (() => void) | undefined = undefined
  private timer: Timer | undefined = undefined

  constructor(stack: TcpStack, tcb: Tcb, device: Device | undefined, claim: Claim | undefined) {
    this.stack = stack
    this.tcb = tcb
    this.device = device
    this.claim = claim
  }

  get now(): number {
    return this.stack.host.now
  }

  /** Call after everything done to `tcb`: sends what it wants sent, sets its timer, and tells the owner. */
  touched(): void {
    const { tcb } = this
    if (tcb.output.length > 0) this.transmit()
    if (tcb.state === "Closed") this.stack.forget(this)
    else this.arm()
    const { listener } = this
    if (listener !== undefined && tcb.connected) {
      this.listener = undefined
      listener.opening--
      listener.established(this)
    }
    this.owner?.()
  }

  private transmit(): void {
    const { output } = this.tcb
    this.tcb.output = []
    const { host } = this.stack
    const { local, remote } = this.tcb.endpoints
    const way = host.wayTo(remote, this.device)
    // As in the kernel, segments without a way, or from an address the host lost, are lost: timers decide the rest.
    if (way === undefined || !host.isOwn(local)) return
    for (const packet of output) host.send(packet, way.device)
  }

  private arm(): void {
    const { deadline } = this.tcb
    if (this.timer !== undefined) {
      // An early timer finds out by itself; most deadlines only ever move back.
      if (this.timer.time <= deadline && deadline !== Infinity) return
      this.stop()
    }
    if (deadline === Infinity) return
    this.timer = new Timer(this)
    this.stack.host.air.timeline.at(deadline, this.timer)
  }

  expired(): void {
    this.timer = undefined
    if (this.tcb.deadline <= this.now) tick(this.tcb, this.now)
    this.touched()
  }

  stop(): void {
    if (this.timer !== undefined) this.timer.dead = true
    this.timer = undefined
  }

  /** Forgets the connection without a word, as when a process that dialled goes away. */
  drop(): void {
    finish(this.tcb, undefined)
    this.tcb.output = []
    this.owner = undefined
    this.stack.forget(this)
  }
}
