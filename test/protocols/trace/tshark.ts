/** Wireshark's own view of a capture file. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as Path from "node:path"

/** The status of a right checksum, in Wireshark's numbers. */
const GOOD = "1"

const missing = (program: string): boolean => spawnSync(program, ["--version"]).error !== undefined

/** Why tests with Wireshark's tools cannot run here; `undefined` where they can. In CI they always run. */
export const reasonToSkip: string | undefined =
  process.env.CI !== undefined || !(missing("tshark") || missing("capinfos"))
    ? undefined
    : "tshark and capinfos are not installed: apt-get install tshark"

if (reasonToSkip !== undefined) console.warn(`skipped: ${reasonToSkip}`)

const run = (program: string, args: ReadonlyArray<string>): string => {
  const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: 30_000 })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`)
  return stdout
}

export interface Capture extends Disposable {
  /** The fields of each packet, with names resolved by nobody and every checksum checked. */
  readonly fields: (names: ReadonlyArray<string>, filter?: string) => ReadonlyArray<ReadonlyArray<string>>
  /** Packets with a checksum that is wrong, or that nobody checked, and malformed ones; how many there are in all. */
  readonly checked: () => { readonly packets: number; readonly wrong: ReadonlyArray<string> }
  /** What `capinfos` says of the file. */
  readonly info: () => string
}

/** Writes a file where the tools find it. */
export const open = (file: Uint8Array): Capture => {
  const folder = mkdtempSync(Path.join(tmpdir(), "effect-p2p-capture-"))
  const path = Path.join(folder, "capture.pcapng")
  writeFileSync(path, file)
  const checks = ["ip", "tcp", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`])
  const fields: Capture["fields"] = (names, filter = "") => {
    const wanted = names.flatMap((name) => ["-e", name])
    const output = run("tshark", ["-n", "-r", path, ...checks, "-T", "fields", ...wanted, "-Y", filter])
    return output
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"))
  }
  return {
    fields,
    checked: () => {
      const rows = fields([
        ...["ip", "udp", "tcp", "icmp"].map((protocol) => `${protocol}.checksum.status`),
        "_ws.malformed"
      ])
      const wrong = rows.flatMap(([ip, udp, tcp, icmp, malformed], index) => {
        // An ICMP error has headers of the packet it is about in it, behind its own; their checksums are nobody's business.
        const own = [ip!.split(",")[0], icmp === "" ? `${udp}${tcp}` : icmp!.split(",")[0]]
        // IPv6 has none.
        const good = (own[0] === GOOD || own[0] === "") && own[1] === GOOD && malformed === ""
        return good ? [] : [`packet ${index + 1}: ${own.join(" ")} ${malformed}`]
      })
      return { packets: rows.length, wrong }
    },
    info: () => run("capinfos", [path]),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true })
  }
}
