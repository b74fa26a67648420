{{/* What the operator does in the namespaces that it looks after. */}}
{{- define "swarm.operatorRules" -}}
# patch writes a number of replicas where a spec has none, and those of a ScalingPolicy.
- apiGroups: [swarmops.dev]
  resources: [swarms]
  verbs: [get, list, watch, patch]
- apiGroups: [swarmops.dev]
  resources: [canaryrollouts, bluegreenrollouts, scalingpolicies]
  verbs: [list, watch]
- apiGroups: [swarmops.dev]
  resources: [swarms/status, agents/status, canaryrollouts/status, bluegreenrollouts/status, scalingpolicies/status]
  verbs: [patch]
- apiGroups: [swarmops.dev]
  resources: [agents]
  verbs: [get, list, watch, create, patch, delete]
# Tasks that warm up agents of a new revision, and those by which a swarm judges a rollout: routers ask for this right.
- apiGroups: [swarmops.dev]
  resources: [swarms/tasks]
  verbs: [create]
# Where OwnerReferencesPermissionEnforcement is on, as on OpenShift, owned objects need it.
- apiGroups: [swarmops.dev]
  resources: [swarms/finalizers]
  verbs: [update]
# The revisions of Swarms.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list, watch, create, patch, delete]
# Access tokens of agents are written; Secrets to which Swarms, rollouts and policies refer are read.
- apiGroups: ['']
  resources: [secrets]
  verbs: [get, list, watch, create, patch]
- apiGroups: ['']
  resources: [configmaps, resourcequotas]
  verbs: [list, watch]
- apiGroups: ['']
  resources: [resourcequotas/status]
  verbs: [patch]
- apiGroups: ['']
  resources: [events]
  verbs: [get, create, patch]
{{- end -}}

{{/* What the router reads in the namespaces for which it takes tasks. */}}
{{- define "swarm.routerRules" -}}
- apiGroups: [swarmops.dev]
  resources: [swarms, agents]
  verbs: [list, watch]
# Access tokens of agents.
- apiGroups: ['']
  resources: [secrets]
  verbs: [list, watch]
{{- end -}}

{{/* What both ask about clients. */}}
{{- define "swarm.authRules" -}}
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
- apiGroups: [authorization.k8s.io]
  resources: [subjectaccessreviews]
  verbs: [create]
{{- end -}}

{{/* A binding of a role to the ServiceAccount of a component. Takes (list $ component roleKind name namespace); no namespace binds everywhere. */}}
{{- define "swarm.binding" -}}
{{- $ := index . 0 -}}
{{- $namespace := index . 4 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (ne $namespace "") }}
metadata:
  name: {{ index . 3 | quote }}
  {{- with $namespace }}
  namespace: {{ . | quote }}
  {{- end }}
  {{- include "swarm.marks" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 2 }}
  name: {{ index . 3 | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "swarm.serviceAccount" . | quote }}
    namespace: {{ $.Release.Namespace | quote }}
{{- end -}}
