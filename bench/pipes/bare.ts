/**
 * What bare sockets are asked for: the same socket options pipes set by default, so that both make the same system calls.
 */
export const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const
