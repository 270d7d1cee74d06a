{{/* What the operator may do where it runs LoadTests. */}}
{{- define "loads-operator.rules" -}}
- apiGroups: [loads.dev]
  resources: [loadtests]
  verbs: [list, watch, delete] # delete: ttlSecondsAfterFinished
- apiGroups: [loads.dev]
  resources: [loadtests/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, delete]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch, create, delete] # get: bundles
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [list, watch, create, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create] # the certificates of runs; never read
- apiGroups: [""]
  resources: [pods, events]
  verbs: [list] # why agents do not come
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/* Gives a role to the operator: a dict of `root` and `kind` (of the role). */}}
{{- define "loads-operator.toOperator" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .root.Values.serviceAccount.name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
