/**
 * Pipes on this machine's sockets: the bodies of `test/shared` on the real network.
 */
import { pipeConversationTests } from "../../shared/pipeConversation.ts"
import { pipeFramingTests } from "../../shared/pipeFraming.ts"
import { pipeLifetimeTests } from "../../shared/pipeLifetime.ts"
import { pipeLinksTests } from "../../shared/pipeLinks.ts"
import { pipeMessagesTests } from "../../shared/pipeMessages.ts"
import { pipeQueuesTests } from "../../shared/pipeQueues.ts"
import { plainWorld, realWorld } from "../../support/realWorld.ts"

pipeConversationTests(realWorld)
pipeConversationTests(plainWorld)
pipeMessagesTests(realWorld)
pipeLifetimeTests(realWorld)
pipeFramingTests(realWorld)
pipeQueuesTests(realWorld)
pipeLinksTests(realWorld)
