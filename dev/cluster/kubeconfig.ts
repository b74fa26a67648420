import { writeFileSync } from 'node:fs'
import { KubeConfig } from '@kubernetes/client-node'

/** Writes a kubeconfig that only its owner can read. */
export function writeKubeconfig(file: string, access: { server: string; ca: string; token: string }): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'swarm-operator',
    clusters: [
      {
        name: 'swarm-operator',
        cluster: { server: access.server, 'certificate-authority-data': Buffer.from(access.ca).toString('base64') },
      },
    ],
    users: [{ name: 'admin', user: { token: access.token } }],
    contexts: [{ name: 'swarm-operator', context: { cluster: 'swarm-operator', user: 'admin', namespace: 'default' } }],
  }
  writeSecretFile(file, JSON.stringify(config, null, 2))
}

/** Writes one context of the user's own kubeconfig to a file, so that whatever uses it cannot end up in another cluster. */
export function extractContext(file: string, context: string): void {
  const own = new KubeConfig()
  own.loadFromDefault()
  const found = own.getContextObject(context)
  if (!found) {
    const known = own.getContexts().map((c) => c.name)
    throw new Error(`SWARM_CONTEXT=${context} is not in the kubeconfig; it has ${known.join(', ') || 'no contexts'}`)
  }
  const one = new KubeConfig()
  one.loadFromOptions({
    clusters: own.getClusters().filter((c) => c.name === found.cluster),
    users: own.getUsers().filter((u) => u.name === found.user),
    contexts: [found],
    currentContext: context,
  })
  writeSecretFile(file, one.exportConfig())
}

function writeSecretFile(file: string, text: string): void {
  writeFileSync(file, `${text}\n`, { mode: 0o600 })
}
