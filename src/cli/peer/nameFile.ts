/**
 * A file that holds a peer's address, for others to read.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { NotWritten } from "../simulate/files.ts"

/** Puts the address in the file, or makes it. Whoever reads it finds the old one or the new one, whole. */
export const write = (path: string, address: string) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const { basename, dirname, join } = yield* Path.Path
    // In the same folder: a file is not moved across file systems in one step.
    const folder = yield* files.makeTempDirectoryScoped({ directory: dirname(path), prefix: ".p2p-" })
    const made = join(folder, basename(path))
    yield* files.writeFileString(made, `${address}\n`)
    yield* files.rename(made, path)
  }).pipe(
    Effect.scoped,
    Effect.mapError((cause) => new NotWritten({ path, cause }))
  )
