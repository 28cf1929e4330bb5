/**
 * One side of a test with very many pipes, in a process of its own (`node --expose-gc`): `server` or `client`.
 * Takes commands on standard input and answers each with one line of JSON, so that the test sets the pace.
 *
 * Commands: `measure` (collects garbage first); of a client `server PORT` (whom to open to), `open N`, `close` and `burst N`
 * (opens, exchanges a message and closes N at once); of a server `wait N` (answers when it has exactly N clients).
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { createInterface } from "node:readline"
import * as v8 from "node:v8"
import * as NodeP2P from "../../src/layers/node/NodeP2P.ts"
import { Pipes } from "../../src/services/Pipes.ts"

const role = process.argv[2]

const fiberClass = Effect.runFork(Effect.void).constructor

const collect = Effect.callback<void>((resume) => {
  // Twice, a turn apart: what the first collection frees may hold handles that close in the next turn.
  globalThis.gc?.()
  setImmediate(() => {
    globalThis.gc?.()
    setImmediate(() => resume(Effect.void))
  })
})

const measure = collect.pipe(
  Effect.map(() => ({
    fibers: v8.queryObjects(fiberClass as new () => unknown, { format: "count" }) as number,
    descriptors: fs.readdirSync("/proc/self/fd").length,
    handles: process.getActiveResourcesInfo().length,
    heap: process.memoryUsage().heapUsed,
    resident: process.memoryUsage().rss
  }))
)

type Answer = (command: string, count: number) => Effect.Effect<unknown, unknown, Scope.Scope>

const server = Effect.gen(function* () {
  let open = 0
  let waiting: { readonly count: number; readonly done: Deferred.Deferred<void> } | undefined
  const changed = Effect.suspend(() =>
    waiting?.count === open ? Deferred.succeed(waiting.done, undefined) : Effect.void
  )
  const pipes = yield* Pipes
  const pipe = yield* pipes.listen({
    transport: "tcp",
    local: "127.0.0.1:0",
    framing: "lengthPrefixed",
    backlog: 4096,
    onOpen: () =>
      Effect.andThen(
        Effect.sync(() => open++),
        changed
      ),
    onMessage: (message, sender, client) => client.send(message.data, sender),
    onClose: () =>
      Effect.andThen(
        Effect.sync(() => open--),
        changed
      )
  })
  const answer: Answer = (command, count) => {
    if (command !== "wait") return measure
    const done = Deferred.makeUnsafe<void>()
    waiting = { count, done }
    return changed.pipe(Effect.andThen(Deferred.await(done)), Effect.as({ open: count }))
  }
  return { answer, hello: { port: pipe.local.port } }
})

const client = Effect.gen(function* () {
  const pipes = yield* Pipes
  let port = 0
  const open = Effect.suspend(() =>
    pipes.open({ transport: "tcp", destination: `127.0.0.1:${port}`, framing: "lengthPrefixed", timeout: "60 seconds" })
  )
  const greet = Effect.tap(open, (pipe) => Effect.andThen(pipe.send("hello"), pipe.receive()))
  const many = (count: number, each: Effect.Effect<unknown, unknown, Scope.Scope>, concurrency: number | "unbounded") =>
    Effect.forEach(Array.from({ length: count }), () => each, { concurrency, discard: true })
  let scope = yield* Scope.make()
  const answer: Answer = (command, count) => {
    switch (command) {
      case "server":
        port = count
        return Effect.succeed({ port })
      case "open":
        return Effect.as(Scope.provide(many(count, greet, 256), scope), { opened: count })
      case "close":
        return Effect.suspend(() => {
          const old = scope
          scope = Scope.makeUnsafe()
          return Effect.as(Scope.close(old, Exit.void), { closed: true })
        })
      case "burst":
        return Effect.as(many(count, Effect.scoped(greet), "unbounded"), { done: count })
      default:
        return measure
    }
  }
  return { answer, hello: { ready: true } }
})

const main = Effect.gen(function* () {
  const { answer, hello } = yield* role === "server" ? server : client
  const say = (value: unknown) => Effect.sync(() => process.stdout.write(`${JSON.stringify(value)}\n`))
  yield* say(hello)
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  for (;;) {
    const line = yield* Effect.promise(() => lines.next())
    if (line.done === true) return
    const [command = "", count] = line.value.split(" ")
    yield* Effect.flatMap(answer(command, Number(count)), say)
  }
})

await Effect.runPromise(main.pipe(Effect.scoped, Effect.provide(NodeP2P.layer)))
