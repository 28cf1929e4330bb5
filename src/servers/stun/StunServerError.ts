/** Why a STUN server could not start, or go on. */
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import { TcpError } from "../../services/Tcp.ts"
import { UdpError } from "../../services/Udp.ts"

/** What was asked for makes no server. */
export class InvalidOptions extends Schema.Error<InvalidOptions>("effect-p2p/servers/StunServer/InvalidOptions")({
  _tag: Schema.tag("InvalidOptions"),
  op: Schema.Literals(["serve"]),
  detail: Schema.String
}) {
  override get message() {
    return `stun server ${this.op}: ${this.detail}`
  }
}

/** A socket could not be opened, and those opened before are closed again; or it broke, and is silent from then on. */
export class SocketFailed extends Schema.Error<SocketFailed>("effect-p2p/servers/StunServer/SocketFailed")({
  _tag: Schema.tag("SocketFailed"),
  op: Schema.Literals(["open", "receive", "accept"]),
  transport: Schema.Literals(["udp", "tcp"]),
  endpoint: Schema.InetAddress,
  error: Schema.Union([TcpError, UdpError])
}) {
  override get message() {
    return `stun server ${this.op} ${this.transport} ${NetAddress.formatInet(this.endpoint)}: ${this.error.message}`
  }
}

/** A STUN server that could not start, or go on. */
export class StunServerError extends Schema.TaggedError<StunServerError>()("StunServerError", {
  reason: Schema.Union([InvalidOptions, SocketFailed])
}) {
  override get message() {
    return this.reason.message
  }
}
