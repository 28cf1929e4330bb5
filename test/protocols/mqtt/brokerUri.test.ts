/** URIs of brokers. */
import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { parse } from "../../../src/protocols/mqtt/brokerUri.ts"

describe("a broker's URI", () => {
  it.each<readonly [string, string, string, number, string]>([
    ["mqtt://broker.example", "mqtt://broker.example", "broker.example", 1883, "/"],
    ["MQTT://Broker.Example:1883/", "mqtt://broker.example", "broker.example", 1883, "/"],
    ["mqtt://h:80", "mqtt://h:80", "h", 80, "/"],
    ["mqtts://h", "mqtts://h", "h", 8883, "/"],
    ["mqtts://[2001:DB8::1]:443", "mqtts://[2001:db8::1]:443", "2001:db8::1", 443, "/"],
    ["ws://h", "ws://h", "h", 80, "/"],
    ["ws://h:9001/mqtt", "ws://h:9001/mqtt", "h", 9001, "/mqtt"],
    ["WS://h:9001/a/./../b%20c d?", "ws://h:9001/b%20c%20d", "h", 9001, "/b%20c%20d"],
    ["mqtt://0x7f.1", "mqtt://127.0.0.1", "127.0.0.1", 1883, "/"],
    ["mqtt://2130706433:01883", "mqtt://127.0.0.1", "127.0.0.1", 1883, "/"],
    ["mqtt://[::ffff:127.0.0.1]", "mqtt://[::ffff:7f00:1]", "::ffff:7f00:1", 1883, "/"],
    ["wss://h:443/", "wss://h", "h", 443, "/"],
    [" mqtt://127.0.0.1:65535 ", "mqtt://127.0.0.1:65535", "127.0.0.1", 65_535, "/"],
    ["mqtt://bücher.example", "mqtt://xn--bcher-kva.example", "xn--bcher-kva.example", 1883, "/"]
  ])("%s", (text, canonical, host, port, path) => {
    const uri = Result.getOrThrow(parse(text))
    assert.deepStrictEqual([uri.text, uri.host, uri.port, uri.path], [canonical, host, port, path])
    assert.deepStrictEqual(Result.getOrThrow(parse(canonical)), uri)
    assert.isUndefined(uri.username)
    assert.isFalse(uri.hasSecrets)
  })

  it("has a query for who connects, never in its text", () => {
    const uri = Result.getOrThrow(parse("wss://h/mqtt?token=SECRET"))
    assert.deepStrictEqual([uri.text, uri.path, uri.hasSecrets], ["wss://h/mqtt", "/mqtt?token=SECRET", true])
  })

  it("has user and password apart, never in its text", () => {
    const uri = Result.getOrThrow(parse("mqtts://al%40ice:p%3Aw@h:1/"))
    assert.deepStrictEqual([uri.text, uri.username, uri.hasSecrets], ["mqtts://h:1", "al@ice", true])
    assert.strictEqual(Redacted.value(uri.password!), "p:w")
    assert.notInclude(JSON.stringify(uri), "p:w")
  })

  it.each([
    "",
    "h",
    "h:1883",
    "http://h",
    "mqtt:h",
    "mqtt://",
    "mqtt://:1883",
    "mqtt://h:0",
    "mqtt://h:65536",
    "mqtt://h:x",
    "mqtt://h/topic",
    "mqtt://h?a",
    "mqtt://h#a",
    "mqtt://a b",
    "mqtt://h.",
    "mqtt://a..b",
    "mqtt://a!b",
    "mqtt://h\\x",
    "mqtt://[::1",
    "mqtt://secret:%ff@h",
    "ws://user@:1/"
  ])("is not %j", (text) => {
    const result = parse(text)
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.notInclude(result.failure, "secret")
  })
})
