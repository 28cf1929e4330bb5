/**
 * What is connected to what: networks, gateways and hosts by name, those that `behind` implies included.
 */
import * as Result from "effect/Result"
import { deviceNamed } from "../../../protocols/nat/devices/devices.ts"
import type { NatDevice } from "../../../schemas/NatDevice.ts"
import type { Behind, HostInterface, WorldGateway, WorldHost } from "../../../schemas/World.ts"
import { type Draft, type DraftGateway, type DraftNic, INTERNET, type Path } from "./Draft.ts"

const ROUTER = "open-internet"

export const connect = (draft: Draft): void => {
  const { world } = draft
  draft.addNetwork(INTERNET, ["networks", INTERNET], world.networks?.[INTERNET]?.link ?? world.link)
  for (const [name, network] of Object.entries(world.networks ?? {})) {
    if (name !== INTERNET) draft.addNetwork(name, ["networks", name], network.link)
  }
  const gateways = Object.entries(world.gateways ?? {})
  // Their inside networks first: a gateway may stand behind one that is described after it.
  for (const [name, described] of gateways) {
    if (described.inside === undefined) draft.addNetwork(lanOf(name), ["gateways", name], undefined)
  }
  for (const [name, described] of gateways) addDescribed(draft, name, described)
  for (const [name, described] of Object.entries(world.hosts)) addHost(draft, name, described)
  findLoops(draft)
}

const lanOf = (gateway: string): string => `${gateway}-lan`

const addDescribed = (draft: Draft, name: string, described: WorldGateway): void => {
  const path = ["gateways", name]
  const device = deviceOf(draft, described.device ?? ROUTER, [...path, "device"])
  if (described.inside?.length === 0) draft.refuse([...path, "inside"], "a gateway needs a network to serve")
  if (described.outside !== undefined && described.behind !== undefined) {
    draft.refuse(path, "say `outside` or `behind`, not both")
  }
  const outside =
    described.outside ??
    (described.behind === undefined ? undefined : networkBehind(draft, name, described.behind, [...path, "behind"]))
  if (outside === undefined) {
    if (described.behind === undefined) {
      draft.refuse(
        [...path, "outside"],
        `"${name}" has no outside: name the network it leads to, "${INTERNET}" perhaps`
      )
    }
    return
  }
  if (device !== undefined) addGateway(draft, name, path, device, described.inside, outside, described)
}

const addGateway = (
  draft: Draft,
  name: string,
  path: Path,
  device: NatDevice,
  inside: ReadonlyArray<string> | undefined,
  outside: string,
  described: WorldGateway,
  owner?: string
): void => {
  if (!draft.nameIsFree(name, path)) return
  const served = inside ?? [lanOf(name)]
  if (!draft.hasNetwork(outside, [...path, "outside"])) return
  const gateway = {
    name,
    path,
    device,
    inside: served,
    outside,
    described,
    owner,
    outsideAddresses: [],
    insideAddresses: []
  }
  draft.gateways.set(name, gateway)
  for (const [index, network] of served.entries()) {
    const at = [...path, "inside", index]
    if (!draft.hasNetwork(network, at)) continue
    if (network === INTERNET) draft.refuse(at, "the internet is nobody's inside")
    if (network === outside) draft.refuse(at, `"${network}" is its outside as well`)
    if (served.indexOf(network) !== index) draft.refuse(at, `"${network}" is named twice`)
    draft.networks.get(network)!.servedBy.push(gateway)
  }
}

const deviceOf = (draft: Draft, device: string | NatDevice, path: Path): NatDevice | undefined => {
  if (typeof device !== "string") return device
  const found = deviceNamed(device)
  if (Result.isSuccess(found)) return found.success
  draft.refuse(path, found.failure.message)
  return undefined
}

/** The innermost network behind a row of boxes; those that are devices become gateways of `owner`. */
const networkBehind = (draft: Draft, owner: string, behind: Behind, path: Path): string | undefined => {
  const row: ReadonlyArray<string | NatDevice> = Array.isArray(behind) ? behind : [behind as string | NatDevice]
  if (row.length === 0) {
    draft.refuse(path, "nothing is named here")
    return undefined
  }
  let network = INTERNET
  for (let index = row.length - 1; index >= 0; index--) {
    const box = row[index]!
    const at = Array.isArray(behind) ? [...path, index] : path
    const known = typeof box === "string" ? draft.world.gateways?.[box] : undefined
    if (known !== undefined) {
      if (index < row.length - 1) {
        draft.refuse(
          at,
          `"${String(box)}" is a gateway whose outside is described already: only the last of a row can be one`
        )
        return undefined
      }
      network = known.inside?.[0] ?? lanOf(box as string)
      continue
    }
    const device = deviceOf(draft, box, at)
    if (device === undefined) return undefined
    const name = nameFor(draft, owner)
    draft.addNetwork(lanOf(name), at, undefined)
    addGateway(draft, name, at, device, undefined, network, {}, owner)
    network = lanOf(name)
  }
  return network
}

const nameFor = (draft: Draft, owner: string): string => {
  const name = `${owner}-nat`
  const taken = (candidate: string): boolean =>
    draft.gateways.has(candidate) ||
    draft.world.gateways?.[candidate] !== undefined ||
    draft.world.hosts[candidate] !== undefined ||
    draft.networks.has(lanOf(candidate))
  if (!taken(name)) return name
  let number = 2
  while (taken(`${name}${number}`)) number++
  return `${name}${number}`
}

const addHost = (draft: Draft, name: string, described: WorldHost): void => {
  const path = ["hosts", name]
  if (!draft.nameIsFree(name, path)) return
  const { addresses, behind, interfaces, link, network } = described
  if (interfaces === undefined) {
    const nic = draftNic(draft, name, "eth0", { addresses, behind, link, network }, path)
    draft.hosts.set(name, { name, path, nics: nic === undefined ? [] : [nic] })
    return
  }
  if (addresses !== undefined || behind !== undefined || link !== undefined || network !== undefined) {
    draft.refuse(path, "with `interfaces`, say network, addresses and link there")
  }
  const nics: Array<DraftNic> = []
  for (const [card, entry] of Object.entries(interfaces)) {
    const at = [...path, "interfaces", card]
    if (card === "lo" || card === "") draft.refuse(at, `no card can be called "${card}"`)
    const nic = draftNic(draft, name, card, entry, at)
    if (nic === undefined) continue
    if (nics.some((other) => other.network === nic.network)) {
      draft.refuse(at, `another card of ${name} is on "${nic.network}" already`)
    }
    nics.push(nic)
  }
  draft.hosts.set(name, { name, path, nics })
}

const draftNic = (
  draft: Draft,
  host: string,
  name: string,
  described: HostInterface,
  path: Path
): DraftNic | undefined => {
  if (described.network !== undefined && described.behind !== undefined) {
    draft.refuse(path, "say `network` or `behind`, not both")
  }
  const network =
    described.behind === undefined
      ? (described.network ?? INTERNET)
      : networkBehind(draft, host, described.behind, [...path, "behind"])
  if (network === undefined || !draft.hasNetwork(network, [...path, "network"])) return undefined
  if (described.gateway !== undefined) {
    const served = draft.networks.get(network)!.servedBy.map((gateway) => gateway.name)
    if (!served.includes(described.gateway)) {
      draft.refuse([...path, "gateway"], `"${described.gateway}" does not serve "${network}"; ${list(served)}`)
    }
  }
  return { name, path, network, described, addresses: [] }
}

const list = (names: ReadonlyArray<string>): string => (names.length === 0 ? "nobody does" : `${names.join(", ")} do`)

// A gateway that leads to its own inside, round some corners, leads nowhere.
const findLoops = (draft: Draft): void => {
  const looked = new Set<string>()
  for (const gateway of draft.gateways.values()) {
    const row = new Set<string>()
    let next: DraftGateway | undefined = gateway
    while (next !== undefined && !looked.has(next.name)) {
      looked.add(next.name)
      row.add(next.name)
      next = draft.networks.get(next.outside)?.servedBy[0]
    }
    // One that is its own outside was refused for that already.
    if (next === undefined || !row.has(next.name) || next.inside.includes(next.outside)) continue
    const names = [...row]
    const loop = [...names.slice(names.indexOf(next.name)), next.name]
    draft.refuse(next.path, `its outside is behind itself: ${loop.join(" > ")}`)
  }
}
