/**
 * Where a peer's key is kept: in the folder the system has for data of programs.
 *
 * | system  | folder                                                                    |
 * | any     | `$P2P_HOME`                                                               |
 * | Linux   | `$XDG_DATA_HOME/effect-p2p`, `~/.local/share/effect-p2p`                  |
 * | macOS   | `~/Library/Application Support/effect-p2p`                                |
 * | Windows | `%LOCALAPPDATA%\effect-p2p`, `AppData\Local\effect-p2p` in the user's folder |
 */
import * as Path from "node:path"

export interface Machine {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  /** The user's folder; throws where the system knows none. */
  readonly home: () => string
  readonly cwd: () => string
}

const FOLDER = "effect-p2p"
export const FILE = "identity.key"

/** The path of the key file. */
export const placeOf = ({ cwd, env, home, platform }: Machine): string => {
  const path = platform === "win32" ? Path.win32 : Path.posix
  const set = (name: string): string | undefined => env[name] || undefined
  const chosen = set("P2P_HOME")
  if (chosen !== undefined) return path.resolve(cwd(), chosen, FILE)
  if (platform === "win32") return path.join(set("LOCALAPPDATA") ?? path.join(home(), "AppData", "Local"), FOLDER, FILE)
  if (platform === "darwin") return path.join(home(), "Library", "Application Support", FOLDER, FILE)
  // The XDG base directory specification: a relative path is to be ignored.
  const data = set("XDG_DATA_HOME")
  const base = data !== undefined && path.isAbsolute(data) ? data : path.join(home(), ".local", "share")
  return path.join(base, FOLDER, FILE)
}
