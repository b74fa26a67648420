{{/* What a container may not do. */}}
{{- define "swarm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where pods run. Takes (list $ component). */}}
{{- define "swarm.placement" -}}
{{- $ := index . 0 -}}
{{- $values := index $.Values (index . 1) -}}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The spread of pods over nodes and zones. Takes (list $ component). */}}
{{- define "swarm.spread" -}}
{{- $ := index . 0 -}}
topologySpreadConstraints:
{{- with (index $.Values (index . 1)).topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
{{- else }}
{{- $component := index . 1 }}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "swarm.selectorLabels" (list $ $component) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of pods. Takes (list $ component). */}}
{{- define "swarm.podMarks" -}}
{{- $ := index . 0 -}}
{{- $values := index $.Values (index . 1) -}}
labels:
  {{- include "swarm.selectorLabels" . | nindent 2 }}
  {{- with merge (dict) ($values.podLabels | default dict) $.Values.commonLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) ($values.podAnnotations | default dict) $.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Probes of a port that also serves something else. Takes (list $ component). */}}
{{- define "swarm.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (ne (include "swarm.tlsSecret" .) "") -}}
startupProbe:
  httpGet: { path: /healthz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http, scheme: {{ $scheme }} }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* How operator and router reach sandboxes. */}}
{{- define "swarm.sandboxUrl" -}}
{{- if .Values.e2bLocal.enabled -}}
{{- printf "http://%s-e2b-local.%s.svc:13000" (include "swarm.fullname" .) .Release.Namespace -}}
{{- else -}}
{{- .Values.e2b.sandboxUrl -}}
{{- end -}}
{{- end -}}

{{/* What opens /internal/stats where routers do not ask the API server. Without a Secret it can be guessed, as all is open then. */}}
{{- define "swarm.internalToken" -}}
- name: SWARM_INTERNAL_TOKEN
{{- if .Values.auth.internalTokenSecret }}
  valueFrom: { secretKeyRef: { name: {{ .Values.auth.internalTokenSecret | quote }}, key: {{ .Values.auth.internalTokenSecretKey | quote }} } }
{{- else }}
  value: {{ printf "%s/%s" .Release.Namespace (include "swarm.fullname" .) | sha256sum | trunc 32 | quote }}
{{- end }}
{{- end -}}

{{/* Environment of the operator. */}}
{{- define "swarm.operatorEnv" -}}
{{- if .Values.e2bLocal.enabled }}
- name: E2B_API_KEY
  valueFrom: { secretKeyRef: { name: {{ include "swarm.fullname" . }}-e2b-local, key: apiKey } }
- name: E2B_API_URL
  value: {{ include "swarm.sandboxUrl" . }}
{{- else }}
{{- with .Values.e2b.existingSecret }}
- name: E2B_API_KEY
  valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: {{ $.Values.e2b.existingSecretKey | quote }} } }
{{- end }}
{{- with .Values.e2b.apiUrl }}
- { name: E2B_API_URL, value: {{ . | quote }} }
{{- end }}
{{- with .Values.e2b.domain }}
- { name: E2B_DOMAIN, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- with include "swarm.sandboxUrl" . }}
- { name: E2B_SANDBOX_URL, value: {{ . | quote }} }
{{- end }}
{{- if eq (include "swarm.auth" .) "none" }}
{{- include "swarm.internalToken" . | nindent 0 }}
{{- end }}
{{- with .Values.operator.extraEnv }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end -}}

{{/* File with the token for routers: one of its own where they want an audience. Takes (list whether). */}}
{{- define "swarm.tokenFile" -}}
{{- if index . 0 -}}/var/run/secrets/swarm-operator/token{{- else -}}/var/run/secrets/kubernetes.io/serviceaccount/token{{- end -}}
{{- end -}}

{{/* The volume with a token for routers that want an audience. */}}
{{- define "swarm.tokenVolume" -}}
- name: router-token
  projected:
    sources:
      - serviceAccountToken: { audience: {{ first .Values.auth.audiences | quote }}, expirationSeconds: 3600, path: token }
{{- end -}}
