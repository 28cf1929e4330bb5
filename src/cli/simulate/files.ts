/**
 * Files as the command writes them: whole, or one line about why not.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"

/** A file could not be written. */
export class NotWritten extends Data.TaggedError("NotWritten")<{
  readonly path: string
  readonly cause: PlatformError
}> {
  override get message() {
    return `cannot write ${this.path}: ${said[this.cause.reason._tag] ?? this.cause.message.split("\n")[0]}`
  }
}

const said: { readonly [tag: string]: string } = {
  BadResource: "it is not a file that can be written",
  NotFound: "its folder does not exist",
  PermissionDenied: "permission denied"
}

export const write = Effect.fnUntraced(function* (path: string, bytes: Uint8Array) {
  const files = yield* FileSystem.FileSystem
  yield* Effect.mapError(files.writeFile(path, bytes), (cause) => new NotWritten({ path, cause }))
})
