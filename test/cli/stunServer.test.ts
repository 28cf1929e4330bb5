import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as dgram from "node:dgram"
import { otherEndpoint } from "../../src/protocols/stun/binding.ts"
import { get } from "../../src/protocols/stun/Message.ts"
import { read } from "../protocols/stun/kit.ts"
import { occupy } from "../servers/support.ts"
import { requestBytes } from "../servers/stunKit.ts"
import { packageJson, run, start } from "./command.ts"

/** The answer to a request, over a socket that is not ours. */
const answered = (endpoint: string) =>
  Effect.gen(function* () {
    const { address, port } = NetAddress.inetAddressFromStringUnsafe(endpoint)
    const answer = yield* Deferred.make<Buffer>()
    const socket = dgram.createSocket("udp4", (bytes) => Deferred.doneUnsafe(answer, Effect.succeed(bytes)))
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.close()))
    socket.send(requestBytes([{ _tag: "Padding", value: 200 }]), port, NetAddress.formatIp(address))
    return read(yield* Deferred.await(answer))
  }).pipe(Effect.scoped)

const two = ["stun-server", "--address", "127.0.0.1", "--alternate", "127.0.0.2", "--port", "0"]

describe.concurrent("p2p stun-server", () => {
  it.live("tells a program that it is ready, as JSON on standard error, and serves until SIGTERM", () =>
    Effect.gen(function* () {
      const server = yield* start([...two, "--probe-back", "--json"])
      const [line] = yield* server.complained(/^\{.*\}\n/)
      const event = JSON.parse(line)
      const ports = event.endpoints.map((each: string) => each.split(":")[1])
      assert.deepStrictEqual(event, {
        event: "ready",
        endpoint: `127.0.0.1:${ports[0]}`,
        other: `127.0.0.2:${ports[1]}`,
        endpoints: [`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1]}`, `127.0.0.2:${ports[0]}`, `127.0.0.2:${ports[1]}`],
        probeBack: true
      })
      const message = yield* answered(event.endpoint)
      assert.strictEqual(NetAddress.formatInet(otherEndpoint(message)!), event.other)
      assert.strictEqual(get(message, "Software"), `effect-p2p ${packageJson.version}`)
      server.child.kill("SIGTERM")
      const { code, stderr, stdout } = yield* server.ended
      assert.deepStrictEqual([code, stderr, stdout.toString()], [143, line, ""])
    })
  )

  it.live("tells people where it listens, and what one address costs", () =>
    Effect.gen(function* () {
      const server = yield* start(["stun-server", "--address", "127.0.0.1", "--port", "0"])
      const [, udp, tcp] = yield* server.printed(/^listening udp (\S+)\nlistening tcp (\S+)\n$/)
      assert.strictEqual(udp, tcp)
      yield* server.complained(/^p2p: with one address .* --alternate for that\n$/)
      assert.isUndefined(otherEndpoint(yield* answered(udp!)))
      server.child.kill("SIGINT")
      assert.strictEqual((yield* server.ended).code, 130)
    })
  )

  it.live("says which socket it could not open", () =>
    Effect.gen(function* () {
      const port = yield* occupy("udp", "127.0.0.1")
      const { code, stderr } = yield* run(["stun-server", "--address", "127.0.0.1", "--port", String(port)])
      assert.match(
        stderr,
        new RegExp(`^p2p: stun server open udp 127\\.0\\.0\\.1:${port}: udp bind .*: the address is in use .*\\n$`)
      )
      assert.strictEqual(code, 1)
    })
  )

  it.live("says what makes no sense in one line", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
        [["stun-server"], 2, /^p2p: Missing required flag: --address .*\n$/],
        [["stun-server", "--address", "localhost"], 2, /^p2p: --address: "localhost" is no IP address .*\n$/],
        [["stun-server", "--address", "127.0.0.1", "--port", "70000"], 2, /^p2p: .*0 to 65535.*\n$/],
        [
          ["stun-server", "--address", "127.0.0.1", "--alternate-port", "9"],
          2,
          /^p2p: --alternate-port needs --alternate .*\n$/
        ],
        [
          ["stun-server", "--address", "127.0.0.1", "--alternate", "127.0.0.1"],
          1,
          /^p2p: stun server serve: the other address is 127\.0\.0\.1 as well\n$/
        ]
      ]
      for (const [args, expected, message] of cases) {
        const { code, stderr } = yield* run(args)
        assert.match(stderr, message)
        assert.strictEqual(code, expected, args.join(" "))
      }
    })
  )
})
