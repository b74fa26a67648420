import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { moduleSources } from '../../dev/tools/module-sources.ts'

const SOURCES = {
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': {
    folder: 'example/prometheus-operator-crd',
    files: ['servicemonitors', 'podmonitors', 'prometheusrules'].map((kind) => `monitoring.coreos.com_${kind}.yaml`),
  },
  'github.com/cert-manager/cert-manager@v1.19.1': { folder: 'deploy/crds', files: ['cert-manager.io_certificates.yaml'] },
}

/** The real CRDs of the kinds of others that the chart may write. */
export async function foreignCrds(): Promise<string> {
  const texts = await Promise.all(
    Object.entries(SOURCES).map(async ([module, { folder, files }]) => {
      const directory = await moduleSources(module)
      return files.map((file) => readFileSync(join(directory, folder, file), 'utf8'))
    }),
  )
  return texts.flat().join('\n---\n')
}
