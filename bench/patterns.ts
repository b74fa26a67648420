#!/usr/bin/env node
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { patternTable, withTable } from './support/patterns.ts'
import type { Report } from './support/report.ts'

// Writes the table of patterns in the README from the last run of the benchmarks.

const README = join(import.meta.dirname, '../README.md')
const report = JSON.parse(readFileSync(join(import.meta.dirname, 'results/latest.json'), 'utf8')) as Report // written by bench/run.ts
if (report.quick) throw new Error('the last run was a quick one, whose figures say little; run: make bench')
writeFileSync(README, withTable(readFileSync(README, 'utf8'), patternTable(report)))
console.log('README.md: the table of patterns is up to date')
