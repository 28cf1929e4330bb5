/**
 * The few C library calls behind `NativeSockets`, on Linux and macOS.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as os from "node:os"
import { type NativeCalls, NativeError, type OpenOptions } from "./NativeCalls.ts"
import * as sockaddr from "./sockaddr.ts"

// Values of <sys/socket.h>, <netinet/in.h> on each platform.
const constants = {
  linux: {
    library: "libc.so.6",
    AF_INET6: 10,
    SOL_SOCKET: 1,
    SO_REUSEADDR: 2,
    SO_REUSEPORT: 15,
    IPV6_V6ONLY: 26,
    SOCK_FLAGS: 0o2000000 | 0o4000, // SOCK_CLOEXEC | SOCK_NONBLOCK
    EAGAIN: 11
  },
  darwin: {
    library: "libSystem.B.dylib",
    AF_INET6: 30,
    SOL_SOCKET: 0xffff,
    SO_REUSEADDR: 4,
    SO_REUSEPORT: 0x200,
    IPV6_V6ONLY: 27,
    SOCK_FLAGS: 0, // libuv sets both when it adopts the descriptor
    EAGAIN: 35
  }
} as const

const AF_INET = 2
const IPPROTO_IP = 0
const IPPROTO_IPV6 = 41
const SO_BINDTODEVICE = 25 // Linux
const IP_BOUND_IF = 25 // macOS
const IPV6_BOUND_IF = 125 // macOS

/** What is used of `koffi`, written down here because the package is optional and so are its types. */
export interface Koffi {
  readonly load: (library: string) => { readonly func: (declaration: string) => (...args: Array<unknown>) => number }
  readonly errno: () => number
}

/** Looks the library up; throws where the platform is neither Linux nor macOS. */
export const make = (koffi: Koffi, platform: string): NativeCalls => {
  if (platform !== "linux" && platform !== "darwin") throw new Error(`no native socket options on ${platform}`)
  const c = constants[platform]
  const libc = koffi.load(c.library)
  const socket = libc.func("int socket(int domain, int type, int protocol)")
  const bind = libc.func("int bind(int fd, const void *address, uint32_t length)")
  const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)")
  const close = libc.func("int close(int fd)")
  const nameToIndex = libc.func("uint32_t if_nametoindex(const char *name)")

  const codeNames = new Map(Object.entries(os.constants.errno).map(([name, number]) => [number, name]))
  const codeOf = (errno: number) => codeNames.get(errno) ?? `errno ${errno}`
  const failed = (syscall: string) => new NativeError({ syscall, code: codeOf(koffi.errno()) })

  const set = (fd: number, level: number, name: number, value: number): boolean =>
    setsockopt(fd, level, name, sockaddr.int32(value), 4) === 0

  const bindToInterface = (fd: number, name: string, v6: boolean): boolean => {
    if (platform === "linux") {
      const bytes = Buffer.from(`${name}\0`)
      return setsockopt(fd, c.SOL_SOCKET, SO_BINDTODEVICE, bytes, bytes.length) === 0
    }
    const index = nameToIndex(name)
    return v6 ? set(fd, IPPROTO_IPV6, IPV6_BOUND_IF, index) : set(fd, IPPROTO_IP, IP_BOUND_IF, index)
  }

  // The first step that fails is the error; its errno must be read before `close` changes it.
  const configure = (fd: number, options: OpenOptions): string | undefined => {
    const v6 = NetAddress.isInetAddressV6(options.address)
    if (v6 && !set(fd, IPPROTO_IPV6, c.IPV6_V6ONLY, options.ipv6Only === true ? 1 : 0)) return "setsockopt"
    // What libuv does for TCP; for UDP it means sharing the port, so only on demand.
    if ((options.transport === "tcp" || options.reuse === true) && !set(fd, c.SOL_SOCKET, c.SO_REUSEADDR, 1)) {
      return "setsockopt"
    }
    if (options.transport === "tcp" && options.reuse === true && !set(fd, c.SOL_SOCKET, c.SO_REUSEPORT, 1)) {
      return "setsockopt"
    }
    if (options.interface !== undefined && !bindToInterface(fd, options.interface, v6)) return "setsockopt"
    const address = sockaddr.encode(options.address, c.AF_INET6, platform === "darwin")
    return bind(fd, address, address.length) === 0 ? undefined : "bind"
  }

  const open = (options: OpenOptions): Result.Result<number, NativeError> => {
    const domain = NetAddress.isInetAddressV6(options.address) ? c.AF_INET6 : AF_INET
    const type = options.transport === "tcp" ? 1 : 2
    const fd = socket(domain, type | c.SOCK_FLAGS, 0)
    if (fd < 0) return Result.fail(failed("socket"))
    const syscall = configure(fd, options)
    if (syscall === undefined) return Result.succeed(fd)
    const error = failed(syscall)
    close(fd)
    return Result.fail(error)
  }

  return {
    open,
    close: (fd) => {
      close(fd)
    }
  }
}
