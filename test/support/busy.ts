/** Keeps this process from its timers and sockets for so many milliseconds. */
export const busyFor = (milliseconds: number): void => {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}
