/**
 * The bodies of `test/shared` on the simulated internet: what holds of real sockets holds here.
 */
import { tcpReservationTests } from "../../shared/tcpReservation.ts"
import { tcpSocketsTests } from "../../shared/tcpSockets.ts"
import { udpSocketsTests } from "../../shared/udpSockets.ts"
import { simulatedWorld } from "./simulatedWorld.ts"

tcpSocketsTests(simulatedWorld)
tcpReservationTests(simulatedWorld, { name: "by address", binding: "none", listenFirst: true })
tcpReservationTests(simulatedWorld, {
  name: "on an interface",
  local: { interface: "eth0" },
  binding: "device",
  listenFirst: true
})
udpSocketsTests(simulatedWorld)
