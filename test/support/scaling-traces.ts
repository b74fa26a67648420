/** A load over time, and how it is told. */
export type Trace = {
  readonly seconds: number
  /** Tasks that would run if agents were there for all of them, by seconds. */
  readonly load: (second: number) => number
  /** When what was measured at a moment is known, in milliseconds; undefined when it never is. At once when left out. */
  readonly told?: (measuredAtMs: number) => number | undefined
  /** What comes before this second is only learnt from. From the beginning when left out. */
  readonly judgedFrom?: number
}

/** Numbers between -1 and 1 that look like chance and are always the same, one a second. */
const noise = (second: number): number => {
  const x = Math.sin(Math.floor(second) * 78.233) * 12_345.678
  return 2 * (x - Math.floor(x)) - 1
}

/** Minutes in which a burst begins, how long it lasts in seconds, and how many tasks it adds: drawn once, on average one burst in two minutes. */
const BURSTS = [
  [1.2, 20, 18],
  [2.1, 8, 34],
  [4.6, 45, 12],
  [5.0, 5, 26],
  [8.3, 30, 22],
  [9.7, 12, 40],
  [10.1, 25, 16],
  [14.4, 6, 44],
  [15.9, 70, 14],
  [18.0, 10, 30],
  [18.8, 35, 20],
  [22.5, 15, 38],
  [23.1, 9, 28],
  [26.7, 50, 24],
] as const

const SEASON_S = 3_600

/** An hour of a desk: quiet, a steep rise when the market opens, calmer at noon, a rise towards the close. */
function hour(second: number): number {
  const part = (second % SEASON_S) / SEASON_S
  const bell = (middle: number, width: number) => Math.exp(-(((part - middle) / width) ** 2))
  const opening = part < 0.25 ? 0 : 26 * Math.min(1, (part - 0.25) / 0.03) * Math.exp(-(part - 0.25) / 0.15)
  return 6 + opening + 16 * bell(0.78, 0.08) + 1.5 * noise(second)
}

const wave = (second: number) => 24 + 18 * Math.sin((2 * Math.PI * second) / 900) + noise(second)

/** Loads of known shapes, the same at every run. */
export const TRACES = {
  steady: { seconds: 900, load: (s) => 20 + 1.5 * noise(s) },
  ramp: { seconds: 900, load: (s) => 4 + Math.min(44, s / 12) },
  'ramp down': { seconds: 900, load: (s) => Math.max(6, 48 - s / 15) },
  step: { seconds: 600, load: (s) => (s < 200 ? 4 : 20) },
  spike: { seconds: 600, load: (s) => (s >= 203 && s < 238 ? 50 : 8) },
  sawtooth: { seconds: 1_200, load: (s) => 8 + (s % 200) / 5 },
  wave: { seconds: 1_800, load: wave },
  bursty: {
    seconds: 1_800,
    load: (s) => 8 + noise(s) + BURSTS.reduce((sum, [at, lasts, adds]) => (s >= at * 60 && s < at * 60 + lasts ? sum + adds : sum), 0),
  },
  season: { seconds: 6 * SEASON_S, load: hour, judgedFrom: 3 * SEASON_S },
  'missing data': {
    seconds: 900,
    load: (s) => (s < 250 ? 12 : s < 500 ? 32 : 10),
    told: (ms) => (ms >= 200_000 && ms < 320_000 ? undefined : ms),
  },
  'late data': { seconds: 1_800, load: wave, told: (ms) => ms + 10_000 },
} satisfies Record<string, Trace>

/** The length of the season of the trace of that name, in milliseconds. */
export const SEASON_MS = SEASON_S * 1_000
