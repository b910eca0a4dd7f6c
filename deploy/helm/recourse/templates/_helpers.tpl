{{- define "recourse.fullname" -}}
{{- if contains "recourse" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-recourse{{ end }}
{{- end }}

{{- define "recourse.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* What a selector looks for: context and program. */ -}}
{{- define "recourse.selector" -}}
app.kubernetes.io/name: recourse
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "recourse.labels" -}}
{{ include "recourse.selector" . }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{- /* Of a pod: its selector's labels and yours. */ -}}
{{- define "recourse.podLabels" -}}
{{ include "recourse.selector" . }}
{{- with (index . 0).Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The variables of a program. Temporal's controller adds those of its own connection to a worker. */ -}}
{{- define "recourse.env" -}}
{{- $root := index . 0 }}{{ $program := index . 1 }}
{{- $controlled := and (eq $program "worker") (eq $root.Values.worker.versioning "controller") }}
- {name: OTEL_SERVICE_NAME, value: recourse-{{ $program }}}
{{- $settings := $root.Values.settings }}
{{- /* The others need the database alone, and have no files or keys for more. */ -}}
{{- if eq $program "migrate" }}{{ $settings = dict }}{{ end }}
{{- if eq $program "anchor" }}{{ $settings = pick $settings "RECOURSE_RECORD_SIGNER" }}{{ end }}
{{- range $name, $value := $settings }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- if has $program (list "worker" "web") }}
- {name: RECOURSE_METRICS_ADDRESS, value: "0.0.0.0:9464"}
{{- end }}
{{- if eq $program "worker" }}
- {name: RECOURSE_HEALTH_ADDRESS, value: "0.0.0.0:8090"}
{{- end }}
{{- with $root.Values.temporal }}
{{- if not $controlled }}
- {name: TEMPORAL_ADDRESS, value: {{ .address | quote }}}
- {name: TEMPORAL_NAMESPACE, value: {{ .namespace | quote }}}
{{- if .apiKey.secret }}
- {name: TEMPORAL_API_KEY, valueFrom: {secretKeyRef: {name: {{ .apiKey.secret }}, key: {{ .apiKey.key }}}}}
{{- end }}
{{- if .tls.serverName }}
- {name: TEMPORAL_TLS_SERVER_NAME, value: {{ .tls.serverName | quote }}}
{{- end }}
{{- if .tls.clientSecret }}
- {name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /etc/temporal/tls/tls.crt}
- {name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /etc/temporal/tls/tls.key}
{{- end }}
{{- end }}
{{- if and .tls.enabled (not (and $controlled .tls.clientSecret)) }}
- {name: TEMPORAL_TLS, value: "true"}
{{- end }}
{{- if .tls.caSecret }}
- {name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /etc/temporal/ca/ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{- /* A program's pod: context, program, arguments, and what else its container has. */ -}}
{{- define "recourse.pod" -}}
{{- $root := index . 0 }}{{ $program := index . 1 }}{{ $args := index . 2 }}{{ $more := index . 3 }}
{{- $controlled := and (eq $program "worker") (eq $root.Values.worker.versioning "controller") }}
{{- $tls := $root.Values.temporal.tls }}
automountServiceAccountToken: false
{{- with $root.Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: {{ $program }}
    image: {{ $more.image | default (include "recourse.image" $root) | quote }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    args: {{ toJson $args }}
    env: {{- include "recourse.env" (list $root $program) | nindent 6 }}
    {{- with $more.env }}
      {{- toYaml . | nindent 6 }}
    {{- end }}
    envFrom:
      - secretRef: {name: {{ index $root.Values.secrets $program }}}
    {{- with $more.container }}
    {{- . | nindent 4 }}
    {{- end }}
    resources: {{ toYaml (index $root.Values $program).resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: scratch, mountPath: /tmp}
      {{- if and $tls.clientSecret (not $controlled) }}
      - {name: temporal-tls, mountPath: /etc/temporal/tls, readOnly: true}
      {{- end }}
      {{- if $tls.caSecret }}
      - {name: temporal-ca, mountPath: /etc/temporal/ca, readOnly: true}
      {{- end }}
      {{- range $at, $file := $root.Values.files }}
      {{- if has $program $file.programs }}
      - {name: files-{{ $at }}, mountPath: {{ $file.path | quote }}, readOnly: {{ not (hasKey $file.volume "persistentVolumeClaim") }}}
      {{- end }}
      {{- end }}
volumes:
  - name: scratch
    emptyDir: {}
  {{- if and $tls.clientSecret (not $controlled) }}
  - name: temporal-tls
    secret: {secretName: {{ $tls.clientSecret }}}
  {{- end }}
  {{- if $tls.caSecret }}
  - name: temporal-ca
    secret: {secretName: {{ $tls.caSecret }}}
  {{- end }}
  {{- range $at, $file := $root.Values.files }}
  {{- if has $program $file.programs }}
  - name: files-{{ $at }}
    {{- toYaml $file.volume | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}

{{- /* A worker's pod template: context, image or "", further variables. */ -}}
{{- define "recourse.worker" -}}
{{- $root := index . 0 }}
metadata:
  labels: {{- include "recourse.podLabels" (list $root "worker") | nindent 4 }}
  {{- with index . 3 }}
    app.kubernetes.io/version: {{ . | quote }}
  {{- end }}
  annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9464"}
spec:
  # An order's step that is being written gets its time.
  terminationGracePeriodSeconds: {{ $root.Values.worker.stopSeconds }}
  {{- include "recourse.pod" (list $root "worker" (list "worker") (dict "image" (index . 1) "env" (index . 2) "container" (include "recourse.workerContainer" $root))) | nindent 2 }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector: {matchLabels: { {{- include "recourse.selector" (list $root "worker") | replace "\n" ", " -}} }}
{{- end }}

{{- define "recourse.workerContainer" -}}
ports:
  - {name: health, containerPort: 8090}
  - {name: metrics, containerPort: 9464}
# Holds back a roll-out whose workers do not poll.
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 10
  timeoutSeconds: 8
  failureThreshold: 3
# Asks the process only: to restart it while Temporal or PostgreSQL is away helps nobody.
livenessProbe:
  httpGet: {path: /healthz, port: health}
  initialDelaySeconds: 30
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
{{- end }}

{{- /* KEDA's trigger on the tasks that wait: context, deployment name, build id, namespace. */ -}}
{{- define "recourse.scaling" -}}
{{- $root := index . 0 }}{{ $versioned := index . 1 }}
minReplicaCount: {{ $root.Values.worker.autoscaling.minReplicas }}
maxReplicaCount: {{ $root.Values.worker.autoscaling.maxReplicas }}
triggers:
  - type: temporal
    metadata:
      endpoint: {{ $root.Values.temporal.address | quote }}
      namespace: {{ index . 2 | quote }}
      taskQueue: {{ $root.Values.settings.RECOURSE_TASK_QUEUE | default "recourse" | quote }}
      queueTypes: workflow,activity
      targetQueueSize: {{ $root.Values.worker.autoscaling.backlog | quote }}
      {{- if $versioned }}
      workerDeploymentName: {{ index $versioned 0 | quote }}
      workerDeploymentBuildId: {{ index $versioned 1 | quote }}
      {{- end }}
      {{- with $root.Values.temporal.tls.serverName }}
      tlsServerName: {{ . | quote }}
      {{- end }}
    {{- if or $root.Values.temporal.apiKey.secret $root.Values.temporal.tls.clientSecret $root.Values.temporal.tls.caSecret }}
    authenticationRef: {name: {{ include "recourse.fullname" $root }}-worker}
    {{- end }}
{{- end }}
