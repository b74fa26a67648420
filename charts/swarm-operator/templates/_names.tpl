{{/* The prefix of all names: the release, with the chart unless that is in it already. */}}
{{- define "swarm.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which Deployments and Services find pods; they can never change. Takes (list $ component). */}}
{{- define "swarm.selectorLabels" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ default $.Chart.Name $.Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of objects. Takes (list $ component). */}}
{{- define "swarm.labels" -}}
{{- include "swarm.labelsAnd" (list (index . 0) (index . 1) dict) -}}
{{- end -}}

{{/* The same with more labels, which go before those of all objects. Takes (list $ component labels). */}}
{{- define "swarm.labelsAnd" -}}
{{- $ := index . 0 -}}
{{ include "swarm.selectorLabels" . }}
app.kubernetes.io/part-of: swarm-operator
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with merge (dict) (index . 2) $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Metadata of an object in the release's namespace. Takes (list $ component name). */}}
{{- define "swarm.metadata" -}}
{{- $ := index . 0 -}}
name: {{ index . 2 | quote }}
namespace: {{ $.Release.Namespace | quote }}
{{ include "swarm.marks" . }}
{{- end -}}

{{/* Labels and annotations. Takes (list $ component). */}}
{{- define "swarm.marks" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "swarm.labels" . | nindent 2 }}
{{- with $.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Name of the ServiceAccount of the operator or the router. Takes (list $ component). */}}
{{- define "swarm.serviceAccount" -}}
{{- $ := index . 0 -}}
{{- $account := (index $.Values (index . 1)).serviceAccount -}}
{{- $account.name | default (printf "%s-%s" (include "swarm.fullname" $) (index . 1)) -}}
{{- end -}}

{{/* The image with its tag or digest. */}}
{{- define "swarm.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Name of the Lease. */}}
{{- define "swarm.leaseName" -}}
{{- .Values.operator.leaseName | default (include "swarm.fullname" .) -}}
{{- end -}}

{{/* `kubernetes` or `none`: how clients are told apart. */}}
{{- define "swarm.auth" -}}
{{- if and .Values.auth.enabled (not .Values.evaluation.insecure) -}}kubernetes{{- else -}}none{{- end -}}
{{- end -}}

{{/* Secret with the certificate of the operator or the router; empty without TLS. Takes (list $ component). */}}
{{- define "swarm.tlsSecret" -}}
{{- $ := index . 0 -}}
{{- $tls := (index $.Values (index . 1)).tls -}}
{{- if $.Values.evaluation.insecure -}}
{{- else if $tls.existingSecret -}}{{ $tls.existingSecret }}
{{- else if $tls.certManager.enabled -}}{{ printf "%s-%s-tls" (include "swarm.fullname" $) (index . 1) }}
{{- end -}}
{{- end -}}

{{/* Where the router is for others in the cluster. */}}
{{- define "swarm.routerUrl" -}}
{{- $scheme := ternary "https" "http" (ne (include "swarm.tlsSecret" (list . "router")) "") -}}
{{- printf "%s://%s-router.%s.svc:%v" $scheme (include "swarm.fullname" .) .Release.Namespace .Values.router.service.port -}}
{{- end -}}

{{/* The prefix of the names of what has no namespace. */}}
{{- define "swarm.globalName" -}}
{{- $full := include "swarm.fullname" . -}}
{{- if eq .Release.Namespace $full -}}{{ $full }}{{- else -}}{{ printf "%s-%s" .Release.Namespace $full }}{{- end -}}
{{- end -}}

{{/* The port of an address, which is that of its scheme where it names none. */}}
{{- define "swarm.portOf" -}}
{{- $address := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $address.host | trimPrefix ":" -}}
{{- $port | default (ternary "443" "80" (eq $address.scheme "https")) -}}
{{- end -}}

{{/* A number without an exponent. */}}
{{- define "swarm.decimal" -}}
{{- regexReplaceAll "\\.?0+$" (float64 . | printf "%.12f") "" -}}
{{- end -}}
