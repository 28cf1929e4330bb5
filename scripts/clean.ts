/** Removes dist/, so that a build never ships a module whose source is gone. */
import { rmSync } from "node:fs"
import * as Path from "node:path"

rmSync(Path.join(import.meta.dirname, "../dist"), { recursive: true, force: true })
