{{/* What all pods have in common: no rights, no token, nothing writable but what is mounted. */}}

{{- define "extauth.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532 # owns the secrets, the socket's folder and the database
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "extauth.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods run: (list $ "sidecar" $values). */}}
{{- define "extauth.scheduling" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
serviceAccountName: {{ include "extauth.serviceAccountName" $root }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "extauth.selector" (list $root $component) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* One source of the volume of secrets: (list "secret" <name> <key> <path>), or with "configMap". Nothing without a name. */}}
{{- define "extauth.secretFile" -}}
{{- if index . 1 }}
- {{ index . 0 }}:
    name: {{ index . 1 }}
    items:
      - {key: {{ index . 2 | quote }}, path: {{ index . 3 | quote }}}
{{- end }}
{{- end -}}

{{- define "extauth.commonSecrets" -}}
{{- range .Values.peppers }}
{{- include "extauth.secretFile" (list "secret" .secret .key (printf "pepper-%s" .id)) }}
{{- end }}
{{- include "extauth.secretFile" (list "secret" .Values.redis.password.secret .Values.redis.password.key "redis-password") }}
{{- include "extauth.secretFile" (list "configMap" .Values.redis.ca.configMap .Values.redis.ca.key "redis-ca.crt") }}
{{- range .Values.redis.secrets }}
{{- include "extauth.secretFile" (list "secret" .secret .key .path) }}
{{- end }}
{{- end -}}

{{/* A certificate, from the values of `tls`. */}}
{{- define "extauth.certificateFiles" -}}
{{- include "extauth.secretFile" (list "secret" .secret "tls.crt" "tls/tls.crt") }}
{{- include "extauth.secretFile" (list "secret" .secret "tls.key" "tls/tls.key") }}
{{- if .clientCertificates }}
{{- include "extauth.secretFile" (list "secret" .secret "ca.crt" "tls/ca.crt") }}
{{- end }}
{{- end -}}

{{/* Volumes that each pod has: (list $ <name of the ConfigMap> <more secrets of the values> <secret files>). */}}
{{- define "extauth.volumes" -}}
{{- $root := index . 0 -}}
- name: settings
  configMap: {name: {{ index . 1 }}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- include "extauth.commonSecrets" $root | nindent 6 }}
      {{- with index . 3 }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- range index . 2 }}
      {{- include "extauth.secretFile" (list "secret" .secret .key .path) | nindent 6 }}
      {{- end }}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- end -}}

{{- define "extauth.mounts" -}}
- {name: settings, mountPath: /etc/extauth, readOnly: true}
- {name: secrets, mountPath: {{ include "extauth.secretsDirectory" . }}, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* Probes: alive, and ready. A process that is not ready is not restarted for it. (list <port> <scheme>) */}}
{{- define "extauth.probes" -}}
{{- $port := index . 0 -}}
{{- $scheme := ternary ", scheme: HTTPS" "" (eq (index . 1) "HTTPS") -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ $port }}{{ $scheme }}}
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ $port }}{{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ $port }}{{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}
