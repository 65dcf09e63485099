{{/* extauth.yaml and registry.yaml: what the chart decides, and what the values say. */}}

{{- define "extauth.secretsDirectory" -}}/run/secrets/extauth{{- end -}}

{{- define "extauth.socket" -}}/run/extauth/extauth.sock{{- end -}}

{{/* Peppers and Redis, the same for both files. */}}
{{- define "extauth.commonSettings" -}}
{{- $secrets := include "extauth.secretsDirectory" . -}}
keys:
  peppers:
    {{- range .Values.peppers }}
    - id: {{ .id }}
      file: {{ $secrets }}/pepper-{{ .id }}
    {{- end }}
redis:
  {{- with .Values.redis.settings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .Values.redis.url }}
  url: {{ . | quote }}
  {{- end }}
  {{- with .Values.redis.username }}
  username: {{ . | quote }}
  {{- end }}
  {{- if .Values.redis.password.secret }}
  password:
    file: {{ $secrets }}/redis-password
  {{- end }}
  {{- if .Values.redis.ca.configMap }}
  tls_ca_file: {{ $secrets }}/redis-ca.crt
  {{- end }}
{{- end -}}

{{/* `listen.tls`: (list $ <whether clients must show a certificate>). */}}
{{- define "extauth.certificate" -}}
{{- $folder := printf "%s/tls" (include "extauth.secretsDirectory" (index . 0)) -}}
certificate_file: {{ $folder }}/tls.crt
key_file: {{ $folder }}/tls.key
{{- if index . 1 }}
client_ca_file: {{ $folder }}/ca.crt
{{- end }}
{{- end -}}

{{/* All of extauth.yaml but the policy: a change of this needs a restart. */}}
{{- define "extauth.sidecarSettings" -}}
{{- $settings := fromYaml (include "extauth.commonSettings" .) -}}
{{- $own := deepCopy .Values.sidecar.settings -}}
{{- $shared := eq .Values.sidecar.placement "shared" -}}
{{- $listen := dict "admin" "0.0.0.0:9902" "grpc" (list (ternary "0.0.0.0:9001" (printf "unix:%s" (include "extauth.socket" .)) $shared)) -}}
{{- with $own.transport -}}
{{- $_ := set $listen "transport" . -}}
{{- end -}}
{{- with .Values.sidecar.tls -}}
{{- if .secret -}}
{{- $_ := set $listen "tls" (include "extauth.certificate" (list $ .clientCertificates) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- with .Values.sidecar.envoySecrets -}}
{{- $files := list -}}
{{- range $index, $secret := . -}}
{{- $files = append $files (dict "file" (printf "%s/envoy-secret-%d" (include "extauth.secretsDirectory" $) $index)) -}}
{{- end -}}
{{- $_ := set $listen "envoy_secret" (dict "accepted" $files) -}}
{{- end -}}
{{- if .Values.sidecar.http.enabled -}}
{{- $_ := set $settings "http" (dict "listen" (list "0.0.0.0:9003") "original" .Values.sidecar.http.original) -}}
{{- end -}}
{{- $_ := set $settings "listen" $listen -}}
{{- with .Values.sidecar.keyPrefixes -}}
{{- $_ := set $settings.keys "prefixes" . -}}
{{- end -}}
{{- $_ := set $own "shutdown" (dict "delay" (include "extauth.delay" .) "grace" (include "extauth.grace" .)) -}}
{{- toYaml (merge $settings (omit $own "transport")) -}}
{{- end -}}

{{/* The part that running sidecars take over. */}}
{{- define "extauth.policy" -}}
apis: {{- toYaml .Values.apis | nindent 2 }}
{{- with .Values.errors }}
errors: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "extauth.registrySettings" -}}
{{- $settings := fromYaml (include "extauth.commonSettings" .) -}}
{{- $secrets := include "extauth.secretsDirectory" . -}}
{{- $database := .Values.registry.database -}}
{{- $_ := set $settings.keys "prefix" .Values.registry.keyPrefix -}}
{{- $listen := dict "http" "0.0.0.0:9903" "grpc" "0.0.0.0:9904" -}}
{{- if .Values.registry.tls.secret -}}
{{- $_ := set $listen "tls" (include "extauth.certificate" (list . false) | fromYaml) -}}
{{- end -}}
{{- $_ := set $settings "listen" $listen -}}
{{- if eq $database.type "sqlite" -}}
{{- $_ := set $settings "database" "sqlite:////var/lib/extauth/registry.db" -}}
{{- else -}}
{{- $server := $database.postgresql -}}
{{- $query := printf "sslmode=%s" $server.sslmode -}}
{{- if $server.ca.configMap -}}
{{- $query = printf "%s&sslrootcert=%s/database-ca.crt" $query $secrets -}}
{{- end -}}
{{- $_ := set $settings "database" (printf "postgresql://%s@%s:%d/%s?%s" $server.user $server.host (int $server.port) $server.name $query) -}}
{{- if $server.password.secret -}}
{{- $_ := set $settings "database_password" (dict "file" (printf "%s/database-password" $secrets)) -}}
{{- end -}}
{{- end -}}
{{- if .Values.registry.adminToken.secret -}}
{{- $_ := set $settings "admin_token" (dict "file" (printf "%s/admin-token" $secrets)) -}}
{{- end -}}
{{- toYaml (merge $settings (deepCopy .Values.registry.settings)) -}}
{{- end -}}
