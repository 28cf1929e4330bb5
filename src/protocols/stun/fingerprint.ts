/** FINGERPRINT (RFC 8489 section 14.7). */
import { crc32 } from "./crc32.ts"

/** Makes a CRC that another protocol has put into its packet no fingerprint. */
const XOR = 0x5354554e

/** The value for an attribute at byte `at`; the length in the header counts the attribute already. */
export const fingerprint = (bytes: Uint8Array, at: number): number => (crc32(bytes, at) ^ XOR) >>> 0
