/**
 * `Tcp` on Node's sockets: the bodies of `test/shared` on the real network, with and without native options.
 */
import { canShare } from "../../../src/layers/node/tcp/reserve.ts"
import { tcpReservationTests } from "../../shared/tcpReservation.ts"
import { tcpSocketsTests } from "../../shared/tcpSockets.ts"
import { plainWorld, realWorld, unsharedWorld } from "../../support/realWorld.ts"

tcpSocketsTests(realWorld)
tcpSocketsTests(plainWorld)
tcpReservationTests(realWorld, { name: "by address", binding: "none", listenFirst: canShare })
tcpReservationTests(unsharedWorld, { name: "by address", binding: "none", listenFirst: false })
// The loopback interface by name: tied to the device with native options, to its address without.
tcpReservationTests(realWorld, {
  name: "on an interface",
  local: { interface: "lo" },
  binding: "device",
  listenFirst: true
})
tcpReservationTests(plainWorld, {
  name: "on an interface",
  local: { interface: "lo" },
  binding: "address",
  listenFirst: canShare
})
