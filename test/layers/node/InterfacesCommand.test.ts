/** Running a program of the system: what it prints, how it fails, and that nothing of it is left behind. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, mkdtempSync, readFileSync, rmSync, watch } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { run } from "../../../src/layers/node/interfaces/command.ts"

describe("run", () => {
  const options = { source: "a test", timeout: Duration.seconds(10) }
  const node = (code: string, limits = options) => run(process.execPath, ["-e", code], limits)
  const failure = Effect.fnUntraced(function* (effect: ReturnType<typeof run>) {
    const { reason } = yield* Effect.flip(effect)
    assert(reason._tag === "SourceFailed")
    assert.strictEqual(reason.source, "a test")
    return reason
  })

  it.live("gives what the program prints", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* node("process.stdout.write('héllo ' + process.env.LC_ALL)"), "héllo C")
    })
  )

  it.live("an exit code is a failure with the program's own words in the cause", () =>
    Effect.gen(function* () {
      const reason = yield* failure(node("console.error('no such table'); process.exit(3)"))
      assert.strictEqual(reason.kind, "Failed")
      assert.include(String(reason.cause), "no such table")
    })
  )

  it.live("time and output are bounded", () =>
    Effect.gen(function* () {
      const slow = yield* failure(node("setInterval(() => {}, 1000)", { ...options, timeout: Duration.millis(100) }))
      assert.strictEqual(slow.kind, "TimedOut")
      const long = yield* failure(node("for (let i = 0; i < 17; i++) process.stdout.write('x'.repeat(1 << 20))"))
      assert.strictEqual(long.kind, "TooLarge")
    })
  )

  it.live("interruption kills the program", () =>
    Effect.gen(function* () {
      const dir = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "p2p-run-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const written = Effect.callback<void>((resume) => {
        const watcher = watch(dir, () => existsSync(`${dir}/pid`) && resume(Effect.void))
        return Effect.sync(() => watcher.close())
      })
      const ready = yield* Effect.forkScoped(written, { startImmediately: true })
      const fiber = yield* Effect.forkScoped(
        node(
          `const fs = require("fs"); fs.writeFileSync("${dir}/new", String(process.pid)); fs.renameSync("${dir}/new", "${dir}/pid"); setInterval(() => {}, 1000)`
        )
      )
      yield* Fiber.join(ready)
      const pid = Number(readFileSync(`${dir}/pid`, "utf8"))
      assert.isTrue(process.kill(pid, 0))
      yield* Fiber.interrupt(fiber)
      const dead = Effect.sync(() => {
        try {
          return !process.kill(pid, 0)
        } catch {
          return true
        }
      })
      // The system reports the end of a process when it likes.
      const schedule = Schedule.spaced("5 millis")
      yield* dead.pipe(Effect.repeat({ until: (gone) => gone, schedule }), Effect.timeout("5 seconds"))
    })
  )
})
