{{/* How long stopping takes. */}}

{{/* A duration, such as 500ms or 5s, in whole seconds, rounded up. */}}
{{- define "extauth.seconds" -}}
{{- $number := regexFind "^[0-9.]+" . | float64 -}}
{{- $factor := get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "min" 60.0 "h" 3600.0 "d" 86400.0) (regexFind "[a-z]+$" .) -}}
{{- mulf $number $factor | ceil | int -}}
{{- end -}}

{{/* A shared sidecar serves on until no gateway has it among its endpoints. One beside Envoy ends after Envoy. */}}
{{- define "extauth.delay" -}}
{{- $usual := ternary "5s" "0s" (eq .Values.sidecar.placement "shared") -}}
{{- default $usual (dig "shutdown" "delay" "" .Values.sidecar.settings) -}}
{{- end -}}

{{- define "extauth.grace" -}}
{{- default "5s" (dig "shutdown" "grace" "" .Values.sidecar.settings) -}}
{{- end -}}

{{/* More than all of it takes, with the 10 s after which a supervisor kills its workers. */}}
{{- define "extauth.terminationGracePeriod" -}}
{{- $sidecar := add (include "extauth.seconds" (include "extauth.delay" .)) (include "extauth.seconds" (include "extauth.grace" .)) 15 -}}
{{- ternary $sidecar (add $sidecar .Values.envoy.drainSeconds) (eq .Values.sidecar.placement "shared") -}}
{{- end -}}
