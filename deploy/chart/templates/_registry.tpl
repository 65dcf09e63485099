{{/* The secrets that only the registry has. */}}
{{- define "extauth.registrySecrets" -}}
{{- $database := .Values.registry.database -}}
{{- if eq $database.type "postgresql" }}
{{- with $database.postgresql }}
{{- include "extauth.secretFile" (list "secret" .password.secret .password.key "database-password") }}
{{- include "extauth.secretFile" (list "configMap" .ca.configMap .ca.key "database-ca.crt") }}
{{- end }}
{{- end }}
{{- include "extauth.certificateFiles" .Values.registry.tls }}
{{- with .Values.registry.adminToken }}
{{- include "extauth.secretFile" (list "secret" .secret .key "admin-token") }}
{{- end }}
{{- end -}}
