{{/* The container that Envoy asks. */}}
{{- define "extauth.sidecarContainer" -}}
name: sidecar
image: {{ include "extauth.image" (list .Values.image .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, -c, /etc/extauth/extauth.yaml]
ports:
  {{- if eq .Values.sidecar.placement "shared" }}
  - {name: grpc, containerPort: 9001}
  {{- end }}
  {{- if .Values.sidecar.http.enabled }}
  - {name: check, containerPort: 9003}
  {{- end }}
  - {name: admin, containerPort: 9902}
{{ include "extauth.probes" (list "admin" "HTTP") }}
resources: {{- toYaml .Values.sidecar.resources | nindent 2 }}
{{ include "extauth.containerSecurity" . }}
volumeMounts:
  {{- include "extauth.mounts" . | nindent 2 }}
  {{- if eq .Values.sidecar.placement "envoy" }}
  - {name: socket, mountPath: /run/extauth}
  {{- end }}
{{- end -}}

{{/* The Envoy whose requests it checks. It begins after the sidecar, and ends before it. */}}
{{- define "extauth.envoyContainer" -}}
name: envoy
image: {{ include "extauth.image" (list .Values.envoy.image "") }}
imagePullPolicy: {{ .Values.envoy.image.pullPolicy }}
command: [/usr/local/bin/envoy]
args: [-c, /etc/envoy/envoy.yaml, --disable-hot-restart, --log-level, warning]
{{- with .Values.sidecar.envoySecrets }}
env:
  - name: EXTAUTH_ENVOY_SECRET # as `extauth envoy config` writes it
    valueFrom:
      secretKeyRef: {name: {{ (first .).secret }}, key: {{ (first .).key }}}
{{- end }}
ports:
  - {name: http, containerPort: {{ .Values.envoy.port }}}
lifecycle:
  preStop:
    sleep: {seconds: {{ .Values.envoy.drainSeconds }}}
startupProbe:
  tcpSocket: {port: http}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  tcpSocket: {port: http}
  periodSeconds: 2
livenessProbe:
  tcpSocket: {port: http}
  periodSeconds: 10
resources: {{- toYaml .Values.envoy.resources | nindent 2 }}
{{ include "extauth.containerSecurity" . }}
volumeMounts:
  - {name: envoy, mountPath: /etc/envoy, readOnly: true}
  - {name: socket, mountPath: /run/extauth}
{{- end -}}

{{/* The secrets that only the sidecar has. */}}
{{- define "extauth.sidecarSecrets" -}}
{{- include "extauth.certificateFiles" .Values.sidecar.tls }}
{{- range $index, $secret := .Values.sidecar.envoySecrets }}
{{- include "extauth.secretFile" (list "secret" .secret .key (printf "envoy-secret-%d" $index)) }}
{{- end }}
{{- end -}}

{{- define "extauth.grpcPort" -}}
- name: grpc
  port: 9001
  targetPort: grpc
  {{- if not .Values.sidecar.tls.secret }}
  appProtocol: kubernetes.io/h2c
  {{- end }}
{{- end -}}
