// Mocha's spec reporter that also writes the numbers to a file, after every test, so that a run that breaks off counts.
const { writeFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

class CountReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    const counts = { passed: 0, failed: 0 }
    const write = () => writeFileSync(options.reporterOption.output, JSON.stringify(counts))
    runner.on(Runner.constants.EVENT_TEST_PASS, () => {
      counts.passed += 1
      write()
    })
    runner.on(Runner.constants.EVENT_TEST_FAIL, () => {
      counts.failed += 1
      write()
    })
  }
}
module.exports = CountReporter
