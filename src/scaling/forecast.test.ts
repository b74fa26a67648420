import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { agentsAhead, forecast, type Forecast } from './forecast.ts'

const SEASON = 48
const HORIZON = 4
const ahead = { season: SEASON, horizon: HORIZON }
const series = (length: number, value: (at: number) => number | undefined) => Array.from({ length }, (_, at) => value(at))

/** Numbers between -1 and 1 that look like chance and are always the same. */
const noise = (at: number) => {
  const x = Math.sin(at * 12.9898) * 43_758.5453
  return 2 * (x - Math.floor(x)) - 1
}
const day = (at: number) => 10 + 8 * Math.sin((2 * Math.PI * at) / SEASON) + noise(at)
const walk = series(SEASON * 4, () => 0)
walk.forEach((_, at) => (walk[at] = Math.max(0, (walk[at - 1] ?? 20) + 2 * noise(at))))

const made = (points: readonly (number | undefined)[]): Extract<Forecast, { state: 'Made' }> => {
  const result = forecast(points, ahead)
  if (result.state !== 'Made') throw new Error(`${result.missing} points are missing`)
  return result
}

describe('a forecast', () => {
  it('beats the naive one on a load with a season, by far', () => {
    const { value, error, naiveError, isBetter } = made(series(SEASON * 4, day))
    expect(isBetter).to.equal(true)
    expect(error).to.be.below(naiveError / 2)
    expect(value).to.be.closeTo(day(SEASON * 4 - 1 + HORIZON), 2)
  })

  it('follows a load that grows from season to season', () => {
    const { value, isBetter } = made(series(SEASON * 4, (at) => day(at) + at / 10))
    expect(isBetter).to.equal(true)
    expect(value).to.be.closeTo(day(SEASON * 4 - 1 + HORIZON) + (SEASON * 4 - 1 + HORIZON) / 10, 2)
  })

  it('bears gaps', () => {
    const { error, isBetter } = made(series(SEASON * 4, (at) => (at % 7 === 3 || (at > 90 && at < 110) ? undefined : day(at))))
    expect(isBetter).to.equal(true)
    expect(error).to.be.below(2)
  })

  it('is not used on a load that goes up and down by chance', () => expect(made(walk).isBetter).to.equal(false))
  it('is not used on a steady load, which the naive one knows', () => {
    expect(made(series(SEASON * 4, () => 5))).to.deep.include({ error: 0, naiveError: 0, isBetter: false })
  })
  it('is not used once the season has gone', () => {
    expect(made(series(SEASON * 4, (at) => (at < SEASON * 2 ? day(at) : 10 + noise(Math.floor(at / 12))))).isBetter).to.equal(false)
  })
  it('is not used where too few forecasts could be judged', () => {
    const { isBetter } = made(series(SEASON * 4, (at) => (at < SEASON * 2.4 || at % 6 === 0 ? day(at) : undefined)))
    expect(isBetter).to.equal(false)
  })

  it('needs two seasons and the horizon, and says how much is missing', () => {
    expect(forecast(series(SEASON, day), ahead)).to.deep.equal({ state: 'TooShort', missing: SEASON + HORIZON })
    expect(forecast(series(2 * SEASON + HORIZON, day), ahead).state).to.equal('Made')
  })

  it('becomes agents only in the mode Scale and while it is better', () => {
    const good: Forecast = { state: 'Made', value: 6.2, error: 1, naiveError: 2, isBetter: true }
    expect(agentsAhead(good, 'Scale')).to.equal(7)
    expect(agentsAhead(good, 'Observe')).to.equal(undefined)
    expect(agentsAhead({ ...good, isBetter: false }, 'Scale')).to.equal(undefined)
    expect(agentsAhead({ state: 'TooShort', missing: 3 }, 'Scale')).to.equal(undefined)
  })

  it('is a number that is not below zero, whatever the past was', () => {
    const point = fc.option(fc.double({ min: 0, max: 2_000, noNaN: true }), { nil: undefined })
    fc.assert(
      fc.property(fc.array(point, { minLength: 2 * 24 + 24 + 2, maxLength: 200 }), (points) => {
        const result = forecast(points, { season: 24, horizon: 2 })
        if (result.state === 'TooShort') return
        expect(Number.isFinite(result.value)).to.equal(true)
        expect(result.value).to.be.at.least(0)
      }),
    )
  })
})
