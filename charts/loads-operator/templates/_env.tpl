{{/* The operator's options, as `loads-operator run --help` lists them. */}}
{{- define "loads-operator.env" -}}
- name: LOADS_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: LOADS_BROKER_IMAGE
  value: {{ include "loads-operator.brokerImage" . }}
- name: LOADS_AGENT_IMAGE
  value: {{ include "loads-operator.agentImage" . }}
- name: LOADS_IMAGE_PULL_POLICY
  value: {{ .Values.image.pullPolicy }}
- name: LOADS_MAX_AGENTS
  value: {{ int64 .Values.limits.maxAgents | quote }}
- name: LOADS_MAX_RATE
  value: {{ int64 .Values.limits.maxRate | quote }}
- name: LOADS_MAX_DURATION
  value: {{ .Values.limits.maxDuration | quote }}
- name: LOADS_BROKER_LINGER
  value: {{ .Values.brokerLinger | quote }}
- name: LOADS_LOG_FORMAT
  value: {{ .Values.logFormat }}
- name: LOADS_LOG
  value: {{ .Values.logLevel | quote }}
{{- with .Values.watchNamespaces }}
- name: LOADS_WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.allowTargets }}
- name: LOADS_ALLOW_TARGETS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.pipIndex }}
- name: LOADS_PIP_INDEX
  value: {{ . | quote }}
{{- end }}
{{- if .Values.brokersByAddress }}
- name: LOADS_BROKERS_BY_ADDRESS
  value: "true"
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
