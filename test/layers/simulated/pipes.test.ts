/**
 * Pipes on the simulated internet: the same bodies as on real sockets.
 */
import { badInputTests } from "../../shared/badInput.ts"
import { pipeConversationTests } from "../../shared/pipeConversation.ts"
import { pipeFramingTests } from "../../shared/pipeFraming.ts"
import { pipeLifetimeTests } from "../../shared/pipeLifetime.ts"
import { pipeLinksTests } from "../../shared/pipeLinks.ts"
import { pipeMessagesTests } from "../../shared/pipeMessages.ts"
import { pipeOpeningTests } from "../../shared/pipeOpening.ts"
import { pipeQueuesTests } from "../../shared/pipeQueues.ts"
import { pipeTlsTests } from "../../shared/pipeTls.ts"
import { simulatedWorld, simulatedWorldWithGuests } from "./simulatedWorld.ts"

pipeConversationTests(simulatedWorld)
pipeMessagesTests(simulatedWorld)
pipeLifetimeTests(simulatedWorld)
pipeFramingTests(simulatedWorld)
pipeQueuesTests(simulatedWorld)
pipeLinksTests(simulatedWorld)
pipeOpeningTests(simulatedWorld)
pipeTlsTests(simulatedWorldWithGuests)
badInputTests(simulatedWorld)
