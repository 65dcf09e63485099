{{/* The port in the URL of Redis. */}}
{{- define "extauth.redisPort" -}}
{{- $port := regexFind ":[0-9]+$" (urlParse .Values.redis.url).host -}}
{{- default "6379" (trimPrefix ":" $port) -}}
{{- end -}}

{{/* DNS, Redis, and other ports: (list $ <ports>). Their addresses are not known here, so the ports are open to any. */}}
{{- define "extauth.egress" -}}
{{- $root := index . 0 -}}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
- ports:
    - {protocol: TCP, port: {{ include "extauth.redisPort" $root }}}
    {{- range index . 1 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- with $root.Values.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
