/** Why a Swarm or an Agent is as it is: the reason of conditions and Events, the label of metrics, the word in logs. */
export const REASON = {
  // Ready
  agentsReady: 'AgentsReady',
  agentsNotReady: 'AgentsNotReady',
  ready: 'AgentReady',
  draining: 'Draining',
  paused: 'Paused',
  // on the way
  progressing: 'Progressing',
  progressingWithRetry: 'ProgressingWithRetry',
  creating: 'CreatingSandbox',
  starting: 'Starting',
  deleting: 'DeletingSandbox',
  rollingUpdate: 'RollingUpdate',
  // waiting for something outside
  secretMissing: 'SecretMissing',
  configMapMissing: 'ConfigMapMissing',
  keyMissing: 'KeyMissing',
  forbidden: 'Forbidden',
  credentialsMissing: 'CredentialsMissing',
  revisionMissing: 'RevisionMissing',
  quotaExceeded: 'QuotaExceeded',
  rateLimited: 'RateLimited',
  budgetExceeded: 'BudgetExceeded',
  namespaceQuotaExceeded: 'NamespaceQuotaExceeded',
  withinBudget: 'WithinBudget',
  // a person must change something
  credentialsRejected: 'CredentialsRejected',
  templateNotFound: 'TemplateNotFound',
  requestRejected: 'RequestRejected',
  commandNotStarted: 'CommandNotStarted',
  fileRejected: 'FileRejected',
  // failures of one agent
  commandExited: 'CommandExited',
  portClosed: 'PortClosed',
  notHealthy: 'NotHealthy',
  notResponding: 'NotResponding',
  sandboxGone: 'SandboxGone',
  // health of one agent
  healthy: 'Healthy',
  cpuHigh: 'CpuHigh',
  memoryHigh: 'MemoryHigh',
  latencyHigh: 'LatencyHigh',
  errorsHigh: 'ErrorsHigh',
  agentsCritical: 'AgentsCritical',
  // many agents lost at once
  massFailure: 'MassFailure',
  massFailureOver: 'MassFailureOver',
  // a ScalingPolicy
  scalingActive: 'ScalingActive',
  metricsFailing: 'MetricsFailing',
  dryRun: 'DryRun',
  withinLimits: 'WithinLimits',
  groupNotFound: 'GroupNotFound',
  groupMissing: 'GroupMissing',
  otherPolicy: 'OtherPolicy',
  replicasSetByOthers: 'ReplicasSetByOthers',
  scaledUp: 'ScaledUp',
  scaledDown: 'ScaledDown',
  // the provider or the cluster
  providerUnavailable: 'ProviderUnavailable',
  conflict: 'Conflict',
  // Events
  agentCreated: 'AgentCreated',
  agentReplaced: 'AgentReplaced',
  agentDeleted: 'AgentDeleted',
  agentFailed: 'AgentFailed',
  agentPaused: 'AgentPaused',
  agentResumed: 'AgentResumed',
  sandboxLeft: 'SandboxLeftBehind',
  sandboxSwept: 'OrphanSandboxKilled',
  revisionCreated: 'RevisionCreated',
  revisionRejected: 'RevisionRejected',
  rolloutAttached: 'RolloutAttached',
  rolloutDetached: 'RolloutDetached',
  anotherRollout: 'AnotherRollout',
  swarmNotFound: 'SwarmNotFound',
  leaderElected: 'LeaderElected',
  epochRaised: 'EpochRaised',
  neighboursNotTaken: 'NeighboursNotTaken',
  // advice
  neighboursLimited: 'NeighboursLimited',
} as const

/** One of the closed set of reasons. */
export type Reason = (typeof REASON)[keyof typeof REASON]
