/** A connection with nothing but what the contract has, as another library or a relay may give it. */
import type { TcpConnection } from "../../src/services/Tcp.ts"

export const disguised = (connection: TcpConnection): TcpConnection => ({
  local: connection.local,
  remote: connection.remote,
  binding: connection.binding,
  pull: connection.pull,
  write: (bytes) => connection.write(bytes),
  writeAll: (chunks) => connection.writeAll(chunks),
  end: connection.end,
  reset: connection.reset,
  close: connection.close,
  closed: connection.closed
})
