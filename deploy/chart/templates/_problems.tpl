{{/* What is wrong with the values as a whole, one line each; values.schema.json sees to each by itself. */}}
{{- define "extauth.problems" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $registry := .Values.registry -}}
{{- if not (or $sidecar.enabled $registry.enabled) }}
sidecar.enabled, registry.enabled: one of them must be true
{{- end }}
{{- if not .Values.image.repository }}
image.repository: say where your image is (docs/kubernetes.md tells how to build it)
{{- end }}
{{- if not .Values.peppers }}
peppers: name the Secret that holds the pepper, such as {id: p1, secret: extauth-pepper, key: pepper}
{{- end }}
{{- $places := list .Values.redis.url .Values.redis.settings.cluster .Values.redis.settings.sentinel | compact | len }}
{{- if eq $places 0 }}
redis.url: say where Redis is, such as redis://redis:6379/0
{{- else if gt $places 1 }}
redis: it is in one place; use only one of url, settings.cluster and settings.sentinel
{{- end }}
{{- if $sidecar.enabled }}
{{- if not .Values.apis }}
apis: name at least one API (docs/policy.md)
{{- end }}
{{- if and $sidecar.autoscaling.enabled (gt (int $sidecar.autoscaling.minReplicas) (int $sidecar.autoscaling.maxReplicas)) }}
sidecar.autoscaling: minReplicas is above maxReplicas
{{- end }}
{{- if eq $sidecar.placement "envoy" }}
{{- include "extauth.envoyProblems" . }}
{{- end }}
{{- end }}
{{- if $registry.enabled }}
{{- include "extauth.databaseProblems" . }}
{{- end }}
{{- end -}}

{{- define "extauth.envoyProblems" -}}
{{- $workers := int (default 1 .Values.sidecar.settings.workers) -}}
{{- if .Values.sidecar.tls.secret }}
sidecar.tls: between Envoy and a sidecar beside it there is a unix socket, and no TLS
{{- end }}
{{- if .Values.sidecar.http.enabled }}
sidecar.http: is for sidecar.placement=shared
{{- end }}
{{- if not .Values.envoy.config }}
envoy.config: give Envoy's configuration: --set-file envoy.config=envoy.yaml, written by `extauth envoy config`
{{- else }}
{{- range $worker := until $workers }}
{{- $socket := include "extauth.socket" $ }}
{{- if gt $workers 1 }}
{{- $socket = printf "%s-%d.sock" (trimSuffix ".sock" $socket) $worker }}
{{- end }}
{{- if not (contains $socket $.Values.envoy.config) }}
envoy.config: does not ask the sidecar at {{ $socket }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "extauth.databaseProblems" -}}
{{- $database := .Values.registry.database -}}
{{- if eq $database.type "sqlite" }}
{{- if gt (int .Values.registry.replicas) 1 }}
registry.replicas: with SQLite there is one registry; use registry.database.type=postgresql for more
{{- end }}
{{- else }}
{{- if not $database.postgresql.host }}
registry.database.postgresql.host: say where PostgreSQL is
{{- end }}
{{- if and (hasPrefix "verify" $database.postgresql.sslmode) (not $database.postgresql.ca.configMap) }}
registry.database.postgresql.ca: sslmode {{ $database.postgresql.sslmode }} needs the CA, in a ConfigMap
{{- end }}
{{- end }}
{{- end -}}
