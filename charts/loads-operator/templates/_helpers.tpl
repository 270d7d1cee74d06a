{{/* Names are fixed: brokers let in the pods with this name, the Lease and the identity are named after it. */}}
{{- define "loads-operator.name" -}}
loads-operator
{{- end }}

{{/* What selectors select. They can not be changed in a Deployment, so no version is among them. */}}
{{- define "loads-operator.selector" -}}
app.kubernetes.io/name: {{ include "loads-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "loads-operator.labels" -}}
{{ include "loads-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: loads
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* An image by digest, or else by tag: a dict of `image` and `chart`. */}}
{{- define "loads-operator.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "loads-operator.operatorImage" -}}
{{ include "loads-operator.image" (dict "image" .Values.image "chart" .Chart) }}
{{- end }}

{{- define "loads-operator.agentImage" -}}
{{ include "loads-operator.image" (dict "image" .Values.agentImage "chart" .Chart) }}
{{- end }}

{{- define "loads-operator.brokerImage" -}}
{{- if .Values.brokerImage.repository -}}
{{ include "loads-operator.image" (dict "image" .Values.brokerImage "chart" .Chart) }}
{{- else -}}
{{ include "loads-operator.operatorImage" . }}
{{- end }}
{{- end }}

{{/* What Pod Security `restricted` asks of a container. */}}
{{- define "loads-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The same for a pod. */}}
{{- define "loads-operator.podSecurity" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Namespace of what `helm test` makes: one where the operator looks. */}}
{{- define "loads-operator.testNamespace" -}}
{{ .Values.test.namespace | default (first .Values.watchNamespaces) | default .Release.Namespace }}
{{- end }}
