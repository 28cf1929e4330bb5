/**
 * The errors of pipes, from those of the layers below.
 */
import * as Result from "effect/Result"
import { type Pipe, PipeError, PipeIoError, PipeOpenError } from "../../services/Pipe.ts"
import type { TcpError } from "../../services/Tcp.ts"
import type { TlsError } from "../../services/Tls.ts"
import type { UdpError } from "../../services/Udp.ts"
import type { NetFailure } from "../../services/NetFailure.ts"

type Details = Omit<NetFailure, "op">

export const io = (op: PipeIoError["op"], transport: "tcp" | "udp", details: Details): PipeError =>
  new PipeError({ reason: new PipeIoError({ op, transport, ...details }) })

/** An error of the socket below, with its endpoints and its cause. */
export const fromSocket = (op: PipeIoError["op"], error: TcpError | UdpError): PipeError => {
  const { cause, detail, kind, local, remote } = error.reason
  return io(op, error._tag === "TcpError" ? "tcp" : "udp", { kind, local, remote, detail, cause: cause ?? error })
}

export const open = (
  op: PipeOpenError["op"],
  transport: "tcp" | "udp",
  details: Details & {
    readonly target?: string | undefined
    readonly attempts?: PipeOpenError["attempts"] | undefined
  }
): PipeError =>
  new PipeError({ reason: new PipeOpenError({ op, transport, ...details, attempts: details.attempts ?? [] }) })

/** Opening failed below: the socket's own reason, seen from the pipe. */
export const openFromSocket = (
  op: PipeOpenError["op"],
  transport: "tcp" | "udp",
  target: string | undefined,
  error: TcpError | UdpError | TlsError
): PipeError => {
  const { cause, detail, interface: device, kind, local, remote } = error._tag === "TlsError" ? error : error.reason
  return open(op, transport, {
    target,
    kind,
    local,
    remote,
    interface: device,
    detail,
    cause: cause ?? error,
    attempts: remote === undefined ? [] : [{ remote, error }]
  })
}

/** Turns what a pure module refused into an error of the pipe. */
export const invalid = <A>(
  result: Result.Result<A, string>,
  op: PipeIoError["op"],
  { local, remote, transport }: Pick<Pipe, "local" | "remote" | "transport">
): Result.Result<A, PipeError> =>
  Result.mapError(result, (detail) => io(op, transport, { kind: "InvalidInput", local, remote, detail }))
