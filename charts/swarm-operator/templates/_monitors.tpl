{{/* Labels and annotations of what the Prometheus Operator reads. Takes (list $ component labels). */}}
{{- define "swarm.monitorMarks" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "swarm.labelsAnd" . | nindent 2 }}
{{- with $.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How an endpoint is scraped over TLS. Takes (list $ component). */}}
{{- define "swarm.scrapeTls" -}}
{{- $ := index . 0 -}}
{{- $component := index . 1 -}}
{{- $tls := include "swarm.tlsSecret" . -}}
{{- if $tls -}}
scheme: https
tlsConfig:
  serverName: {{ include "swarm.fullname" $ }}-{{ $component }}.{{ $.Release.Namespace }}.svc
  ca:
    secret: { name: {{ $tls | quote }}, key: {{ (index $.Values $component).tls.caKey | quote }} }
{{- end -}}
{{- end -}}

{{/* Pods of a component, as a peer of a NetworkPolicy. Takes (list $ component). */}}
{{- define "swarm.peer" -}}
- podSelector:
    matchLabels:
      {{- include "swarm.selectorLabels" . | nindent 6 }}
{{- end -}}
