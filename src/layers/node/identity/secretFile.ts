/**
 * A small file that holds a secret: there whole or not at all, never written over, of no use while others may touch it.
 *
 * Synchronous: it is read once at the start, and so nothing can be interrupted between its steps.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Result from "effect/Result"
import { codeOf } from "../errno.ts"

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Read and write for the group and for everybody. */
const OTHERS_READ = 0o044
const OTHERS_WRITE = 0o022

const quoted = (path: string): string => (/^[\w/.:@+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)

/** What is wrong with the file that was opened, so that it cannot be another one by the time it is read. */
const exposure = (path: string, { mode, uid }: Fs.Stats): string | undefined => {
  const me = process.geteuid?.()
  // Windows has neither owners nor modes of this kind.
  if (me === undefined) return undefined
  if (uid !== me) {
    return `it belongs to user ${uid} and this is user ${me}: run as its owner, or name a file of your own`
  }
  const ways = [...(mode & OTHERS_READ ? ["read"] : []), ...(mode & OTHERS_WRITE ? ["write"] : [])]
  if (ways.length === 0) return undefined
  const octal = (mode & 0o777).toString(8).padStart(4, "0")
  return `other users can ${ways.join(" and ")} it (mode ${octal}): run \`chmod 600 ${quoted(path)}\``
}

/** The text of a file, `undefined` where there is none. Fails with what is wrong with it; throws what the system does. */
export const read = (path: string, maxBytes: number): Result.Result<string | undefined, string> => {
  let file: number
  try {
    // Not to wait for who writes, should it be a named pipe.
    file = Fs.openSync(path, Fs.constants.O_RDONLY | (Fs.constants.O_NONBLOCK ?? 0))
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return Result.succeed(undefined)
    throw cause
  }
  try {
    const stats = Fs.fstatSync(file)
    if (!stats.isFile()) return Result.fail("it is no regular file: name one, or a place where one can be made")
    const problem = exposure(path, stats)
    if (problem !== undefined) return Result.fail(problem)
    const bytes = Buffer.alloc(maxBytes + 1)
    const length = Fs.readSync(file, bytes, 0, bytes.length, 0)
    return Result.succeed(bytes.toString("utf8", 0, length))
  } finally {
    Fs.closeSync(file)
  }
}

// One by one, since the mode of a folder is cut by the process's umask.
const makeFolder = (folder: string): void => {
  if (Fs.existsSync(folder)) return
  // A drive that is not there is its own parent.
  if (Path.dirname(folder) !== folder) makeFolder(Path.dirname(folder))
  try {
    Fs.mkdirSync(folder, FOLDER_MODE)
    Fs.chmodSync(folder, FOLDER_MODE)
  } catch (cause) {
    // Another process was faster.
    if (codeOf(cause) !== "EEXIST") throw cause
  }
}

// A name in a folder lasts through a power cut once the folder is synced, where the system can do that.
const syncFolder = (folder: string): void => {
  if (process.platform === "win32") return
  const handle = Fs.openSync(folder, Fs.constants.O_RDONLY)
  try {
    Fs.fsyncSync(handle)
  } catch (cause) {
    if (codeOf(cause) !== "EINVAL") throw cause
  } finally {
    Fs.closeSync(handle)
  }
}

/**
 * Makes the file and its folders, unless it is there already: then whoever came first has made it. `unique` tells this
 * attempt from those of others. Throws what the system does.
 */
export const create = (path: string, text: string, unique: string): void => {
  const folder = Path.dirname(path)
  makeFolder(folder)
  const draft = `${path}.${unique}`
  const file = Fs.openSync(draft, "wx", FILE_MODE)
  try {
    try {
      Fs.fchmodSync(file, FILE_MODE)
      Fs.writeFileSync(file, text)
      Fs.fsyncSync(file)
    } finally {
      Fs.closeSync(file)
    }
    // A rename would replace what another process made in the meantime; a second name for the same file does not.
    Fs.linkSync(draft, path)
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  } finally {
    Fs.unlinkSync(draft)
  }
  syncFolder(folder)
}
