/**
 * Ports for tests that must know theirs, one after the other: below the ports systems give away, or a socket of another test could
 * get one between the look and the use. Each worker has numbers of its own, out of `count` from `first` on.
 */
export const portNumbers = (first: number, count: number): (() => number) => {
  const workers = 8
  const block = Math.floor(count / workers)
  const own = first + (Number(process.env["VITEST_POOL_ID"] ?? 0) % workers) * block
  let given = process.ppid * 37
  return () => own + (given++ % block)
}
