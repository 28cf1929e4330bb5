import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

// Where to write the results as JSON, beside what is printed; .ci/run sets it.
const report = process.env.P2P_TEST_REPORT

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests start processes, which take their time on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Concurrent tests of one file run processes and sockets of their own: two at once suit a small machine.
    maxConcurrency: 2,
    // By default one core is left idle.
    maxWorkers: availableParallelism(),
    // Files share the modules of their process: to load them anew for each costs a third of the time. So no test may leave
    // anything behind in a module.
    isolate: false,
    ...(report === undefined ? {} : { reporters: ["default", ["json", { outputFile: report }]] })
  }
})
