/** The id of an attempt as text, which is a key, and as the bytes that are sent. */
import type { AttemptId } from "./nomination.ts"

export const fromAttempt = (bytes: Uint8Array): AttemptId =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

export const toAttempt = (id: AttemptId): Uint8Array =>
  Uint8Array.from({ length: id.length / 2 }, (_, at) => Number.parseInt(id.slice(2 * at, 2 * at + 2), 16))
