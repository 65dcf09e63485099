{{/* Names and labels. */}}

{{- define "extauth.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "extauth.fullname" -}}
{{- $name := include "extauth.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "extauth.registryName" -}}
{{ include "extauth.fullname" . }}-registry
{{- end -}}

{{/* Of a component: (list $ "sidecar"). */}}
{{- define "extauth.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "extauth.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "extauth.labels" -}}
{{- $root := index . 0 -}}
{{ include "extauth.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "extauth.serviceAccountName" -}}
{{- default (ternary (include "extauth.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Of an image: (list $image $defaultTag). */}}
{{- define "extauth.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default (index . 1) $image.tag }}
{{- end -}}
{{- end -}}
