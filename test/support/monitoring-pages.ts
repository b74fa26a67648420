import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import type { Metric } from './prometheus.ts'

const ROOT = join(import.meta.dirname, '../..')

/** A rule of a file for Prometheus. */
export type Rule = {
  readonly name: string
  readonly isAlert: boolean
  readonly expr: string
  readonly after: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

type RuleFile = {
  groups: {
    rules: {
      alert?: string
      record?: string
      expr: string
      for?: string
      labels?: Record<string, string>
      annotations?: Record<string, string>
    }[]
  }[]
}

/** Where the rules are, in the checkout. */
export const RULES_FILE = 'charts/swarm-operator/files/alerts.yaml'

/** The rules as they are delivered, in their order. */
export const RULES: readonly Rule[] = rulesOf(load(readFileSync(join(ROOT, RULES_FILE), 'utf8')) as RuleFile)

function rulesOf(file: RuleFile): readonly Rule[] {
  return file.groups.flatMap(({ rules }) =>
    rules.map(({ alert, record = '', expr, for: after = 'at once', labels = {}, annotations = {} }) => ({
      name: alert ?? record,
      isAlert: alert !== undefined,
      expr,
      after,
      labels,
      annotations,
    })),
  )
}

/** The metrics of docs/monitoring.md, by name. */
export function documentedMetrics(): ReadonlyMap<string, Metric> {
  const text = readFileSync(join(ROOT, 'docs/monitoring.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `(swarmops_\w+)` +\| (\w+) +\| ([^|]*)\|/gm)]
  return new Map(
    rows.map(([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).sort() },
    ]),
  )
}

/** The metrics that a query names, with the labels that it asks of each. What is in quotes is a value and no name. */
export function usedMetrics(expr: string): readonly { readonly name: string; readonly labels: readonly string[] }[] {
  return [...expr.matchAll(/\b(swarmops_\w+)(\{[^}]*\})?/g)].map(([, name = '', selector = '']) => ({
    name: name.replace(/_(bucket|sum|count)$/, ''),
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
  }))
}

/** The labels by which a query adds up or joins. */
export function groupedBy(expr: string): readonly string[] {
  return [...expr.matchAll(/\b(?:by|on|group_left) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((label) => label.trim())
      .filter(Boolean),
  )
}
