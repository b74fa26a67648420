// Mocha's spec reporter that also writes the numbers to a file, after every test, so that a run that breaks off counts; and what
// failed with its reason, which is told at once too: the list at the end of a run does not come when it breaks off.
const { writeFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

class CountReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    const counts = { passed: 0, failed: 0, failures: [] }
    const write = () => writeFileSync(options.reporterOption.output, JSON.stringify(counts))
    runner.on(Runner.constants.EVENT_TEST_PASS, () => {
      counts.passed += 1
      write()
    })
    runner.on(Runner.constants.EVENT_TEST_FAIL, (test, error) => {
      counts.failed += 1
      counts.failures.push(`${test.fullTitle()}: ${reasonOf(error)}`)
      console.log(`       ${reasonOf(error)}`)
      write()
    })
  }
}

/** What an error and its causes say, the first kilobyte of it. */
function reasonOf(error) {
  const texts = []
  for (let one = error; one && texts.length < 4; one = one.cause) texts.push(one.message ?? String(one))
  return texts.join(', because ').replaceAll(/\s+/g, ' ').slice(0, 1024)
}

module.exports = CountReporter
