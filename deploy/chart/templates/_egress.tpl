{{/* The ports of Redis, as the values tell them: with sentinels and in a Cluster it may have more. */}}
{{- define "extauth.redisPorts" -}}
{{- $redis := .Values.redis -}}
{{- $nodes := concat (dig "cluster" "nodes" list $redis.settings) (dig "sentinel" "nodes" list $redis.settings) -}}
{{- $ports := list -}}
{{- range $nodes -}}
{{- $ports = append $ports (regexFind "[0-9]+$" .) -}}
{{- end -}}
{{- if or $redis.url (dig "sentinel" "service" "" $redis.settings) -}}
{{- $port := regexFind ":[0-9]+$" (urlParse $redis.url).host -}}
{{- $ports = append $ports (default "6379" (trimPrefix ":" $port)) -}}
{{- end -}}
{{- $ports | uniq | join " " -}}
{{- end -}}

{{/* DNS, Redis, and other ports: (list $ <ports>). Their addresses are not known here, so the ports are open to any. */}}
{{- define "extauth.egress" -}}
{{- $root := index . 0 -}}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
- ports:
    {{- range splitList " " (include "extauth.redisPorts" $root) }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
    {{- range index . 1 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- with $root.Values.networkPolicy.egress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
