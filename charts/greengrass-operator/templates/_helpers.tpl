{{- define "greengrass-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "greengrass-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "greengrass-operator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names of cluster-wide objects: two releases in two namespaces must not take each other's. */}}
{{- define "greengrass-operator.clusterwideName" -}}
{{- $fullname := include "greengrass-operator.fullname" . -}}
{{- if eq $fullname .Release.Namespace -}}
{{- $fullname -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace $fullname -}}
{{- end -}}
{{- end -}}

{{- define "greengrass-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "greengrass-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "greengrass-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "greengrass-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "greengrass-operator.labels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "greengrass-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "greengrass-operator.image" -}}
{{- include "greengrass-operator.imageOf" (dict "image" .Values.image "version" .Chart.AppVersion) -}}
{{- end -}}

{{/* The name of an image: of its digest, its tag or the version. */}}
{{- define "greengrass-operator.imageOf" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (default .version .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "greengrass-operator.emulatorName" -}}
{{- printf "%s-emulator" (include "greengrass-operator.fullname" . | trunc 54 | trimSuffix "-") -}}
{{- end -}}

{{/* Other ones than the operator's, whose Service, budget and policy would take the emulator's pod for one of theirs. */}}
{{- define "greengrass-operator.emulatorSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-emulator" (include "greengrass-operator.name" . | trunc 54 | trimSuffix "-") }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "greengrass-operator.emulatorLabels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "greengrass-operator.emulatorSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "greengrass-operator.emulatorUrl" -}}
{{- printf "http://%s.%s.svc:4566" (include "greengrass-operator.emulatorName" .) .Release.Namespace -}}
{{- end -}}
