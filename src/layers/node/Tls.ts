/**
 * `Tls` by `node:tls`, TLS 1.2 and 1.3.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { X509Certificate } from "node:crypto"
import * as net from "node:net"
import * as tls from "node:tls"
import type { TcpConnection } from "../../services/Tcp.ts"
import { type ClientOptions, type Handshake, type ServerOptions, Tls, TlsError } from "../../services/Tls.ts"
import { codeOf, kindOf } from "./errno.ts"
import { type Begin, handshake, reasonOf, speaksNoTls, watch } from "./tls/handshake.ts"

const list = <A>(value: A | ReadonlyArray<A> | undefined): Array<A> | undefined =>
  value === undefined ? undefined : Array.isArray(value) ? [...value] : [value as A]

interface Pem {
  readonly ca?: string | ReadonlyArray<string> | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Which option OpenSSL cannot read, and why. Asked only after a failure: Node takes what it cannot read of `ca` in silence. */
const unreadable = ({ ca, cert, key }: Pem, caName: string): string | undefined => {
  const attempts: ReadonlyArray<readonly [string, () => unknown]> = [
    ...(list(ca) ?? []).map((pem) => [caName, () => new X509Certificate(pem)] as const),
    ["cert", () => tls.createSecureContext({ cert })],
    ["key", () => tls.createSecureContext({ key })],
    ["cert` and `key", () => tls.createSecureContext({ cert, key })]
  ]
  for (const [option, read] of attempts) {
    try {
      read()
    } catch (cause) {
      return `\`${option}\` cannot be used (${reasonOf(cause as Error)}): give PEM text`
    }
  }
  return undefined
}

const adviceFor = (op: TlsError["op"], cause: Error, options: Pem): string => {
  if (speaksNoTls(codeOf(cause))) {
    return `the peer does not speak TLS${op === "client" ? " on that port" : ""} (${reasonOf(cause)})`
  }
  const wrong = op === "client" ? unreadable(options, "ca") : undefined
  return wrong ?? `${reasonOf(cause)}: check the name, and the certificates both sides trust`
}

const failed = (
  op: TlsError["op"],
  connection: TcpConnection,
  options: ClientOptions | ServerOptions,
  cause: Error
): TlsError => {
  const kind = kindOf(cause)
  return new TlsError({
    op,
    serverName: "serverName" in options ? options.serverName : undefined,
    // What is not an error of the socket is one of the handshake.
    kind: kind === "Unknown" ? "TlsFailed" : kind,
    detail: kind === "Unknown" ? adviceFor(op, cause, options) : undefined,
    local: connection.local,
    remote: connection.remote,
    cause
  })
}

const secure = (
  op: TlsError["op"],
  connection: TcpConnection,
  options: ClientOptions | ServerOptions,
  begin: Begin
): Effect.Effect<TcpConnection, TlsError, Scope.Scope> =>
  handshake(connection, {
    side: op,
    begin,
    judge: () => Result.void,
    secured: (connection) => connection,
    allowTruncation: options.allowTruncation,
    failed: (cause) => failed(op, connection, options, cause)
  })

const alpn = (options: ClientOptions | ServerOptions) =>
  options.alpn === undefined ? {} : { ALPNProtocols: [...options.alpn] }

const client = (connection: TcpConnection, options: ClientOptions) => {
  const name = options.serverName
  return secure("client", connection, options, (below, done, fail) => {
    const socket = tls.connect({
      socket: below,
      // RFC 6066 section 3: no server name for addresses. The certificate is checked against it all the same.
      ...(name === undefined ? {} : net.isIP(name) === 0 ? { servername: name } : { host: name }),
      ca: list(options.ca),
      cert: options.cert,
      key: options.key,
      rejectUnauthorized: options.allowUnverified !== true,
      ...alpn(options)
    })
    return watch(socket, "secureConnect", done, fail)
  })
}

const server = (options: ServerOptions): Effect.Effect<Handshake, TlsError> =>
  Effect.map(
    Effect.try({
      // Reading a key takes longer than using it, so it is done once for all clients.
      try: () => tls.createSecureContext({ cert: options.cert, key: options.key, ca: list(options.clientCa) }),
      catch: (cause) => {
        const { cert, clientCa: ca, key } = options
        const why = unreadable({ ca, cert, key }, "clientCa") ?? reasonOf(cause as Error)
        const detail = `the certificate or its key cannot be used: ${why}`
        return new TlsError({ op: "server", kind: "InvalidInput", detail, cause })
      }
    }),
    (secureContext): Handshake => {
      const begin: Begin = (below, done, fail) =>
        watch(new tls.TLSSocket(below, { isServer: true, secureContext, ...alpn(options) }), "secure", done, fail)
      const how = options.clientCa === undefined ? begin : judged(options)
      return (connection) => secure("server", connection, options, how)
    }
  )

// Only a `tls.Server` judges client certificates.
const judged =
  (options: ServerOptions): Begin =>
  (below, done, fail) => {
    const judge = tls.createServer({
      cert: options.cert,
      key: options.key,
      ca: list(options.clientCa),
      requestCert: true,
      rejectUnauthorized: true,
      allowHalfOpen: true,
      ...alpn(options)
    } as tls.TlsOptions)
    judge.once("secureConnection", done).once("tlsClientError", fail)
    judge.emit("connection", below)
    return () => {
      judge
        .off("secureConnection", done)
        .off("tlsClientError", fail)
        .on("tlsClientError", () => {})
    }
  }

export const layer: Layer.Layer<Tls> = Layer.succeed(Tls, Tls.of({ client, server }))
