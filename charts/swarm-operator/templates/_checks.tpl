{{/* Refuses values that do not go together, with what to write instead. */}}
{{- define "swarm.checks" -}}
{{- $values := .Values -}}
{{- range $component := list "operator" "router" -}}
{{- $tls := (index $values $component).tls -}}
{{- if and $tls.existingSecret $tls.certManager.enabled -}}
{{- fail (printf "%s.tls: set existingSecret or certManager.enabled, not both" $component) -}}
{{- end -}}
{{- if and $tls.certManager.enabled (not $tls.certManager.issuerRef) -}}
{{- fail (printf "%s.tls.certManager.issuerRef: name who issues the certificate, such as {kind: ClusterIssuer, name: internal}" $component) -}}
{{- end -}}
{{- if and $values.evaluation.insecure (or $tls.existingSecret $tls.certManager.enabled) -}}
{{- fail (printf "evaluation.insecure serves without TLS: take out evaluation.insecure, or %s.tls" $component) -}}
{{- end -}}
{{- end -}}
{{- if and (not $values.auth.enabled) (not $values.evaluation.insecure) (not $values.auth.internalTokenSecret) -}}
{{- fail "auth.enabled=false: name a Secret with a token for operator and routers in auth.internalTokenSecret; or, on a laptop, set evaluation.insecure=true" -}}
{{- end -}}
{{- if and $values.e2bLocal.enabled (or $values.e2b.existingSecret $values.e2b.apiUrl $values.e2b.sandboxUrl $values.e2b.domain) -}}
{{- fail "e2bLocal.enabled takes the place of E2B's cloud: leave the values of e2b empty, or disable e2bLocal" -}}
{{- end -}}
{{- if and $values.router.autoscaling.enabled (gt (int $values.router.autoscaling.minReplicas) (int $values.router.autoscaling.maxReplicas)) -}}
{{- fail (printf "router.autoscaling: minReplicas (%v) must not be above maxReplicas (%v)" $values.router.autoscaling.minReplicas $values.router.autoscaling.maxReplicas) -}}
{{- end -}}
{{- $epoch := toDate "2006-01-02" "2000-01-01" -}}
{{- $leaseMs := (($epoch | mustDateModify $values.operator.leaseDuration).Sub $epoch).Milliseconds -}}
{{- if or (lt $leaseMs 1000) (gt $leaseMs 300000) -}}
{{- fail (printf "operator.leaseDuration: must be from 1s to 5m, not %s" $values.operator.leaseDuration) -}}
{{- end -}}
{{- range $name, $address := dict "e2b.apiUrl" $values.e2b.apiUrl "e2b.sandboxUrl" $values.e2b.sandboxUrl "router.tracing.endpoint" $values.router.tracing.endpoint -}}
{{- if $address -}}
{{- $port := include "swarm.portOf" $address | int -}}
{{- if or (lt $port 1) (gt $port 65535) -}}
{{- fail (printf "%s: the port of %s must be from 1 to 65535" $name $address) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $monitoring := $values.monitoring -}}
{{- if and $monitoring.serviceMonitor.enabled $monitoring.podMonitor.enabled -}}
{{- fail "monitoring: enable serviceMonitor or podMonitor, not both: everything would be scraped twice" -}}
{{- end -}}
{{- if and $monitoring.podMonitor.enabled (not $monitoring.podMonitor.tokenSecret) (eq (include "swarm.auth" .) "kubernetes") -}}
{{- fail "monitoring.podMonitor.tokenSecret: name a Secret with the token of a ServiceAccount in monitoring.readers; metrics are not open" -}}
{{- end -}}
{{- if and $values.test.task.swarm $values.watchNamespaces (not (has ($values.test.task.namespace | default .Release.Namespace) $values.watchNamespaces)) -}}
{{- fail (printf "test.task.namespace: %s is not in watchNamespaces" ($values.test.task.namespace | default .Release.Namespace)) -}}
{{- end -}}
{{- end -}}
