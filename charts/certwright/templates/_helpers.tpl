{{- define "certwright.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The release's name, with the chart's behind it unless it is in it. */}}
{{- define "certwright.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "certwright.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "certwright.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The Service of the replicas that answer HTTP-01 challenges. */}}
{{- define "certwright.responder" -}}
{{- printf "%s-responder" (include "certwright.fullname" . | trunc 53 | trimSuffix "-") }}
{{- end }}

{{/* The Service at which revocation lists are fetched, and its URL. */}}
{{- define "certwright.lists" -}}
{{- printf "%s-crl" (include "certwright.fullname" . | trunc 59 | trimSuffix "-") }}
{{- end }}

{{- define "certwright.listsURL" -}}
{{- $port := int .Values.crl.service.port }}
{{- .Values.crl.baseURL | default (printf "http://%s.%s.svc%s" (include "certwright.lists" .) (include "certwright.namespace" .) (ternary "" (printf ":%d" $port) (eq $port 80))) }}
{{- end }}

{{/* The page for people. */}}
{{- define "certwright.ui" -}}
{{- printf "%s-ui" (include "certwright.fullname" . | trunc 60 | trimSuffix "-") }}
{{- end }}

{{- define "certwright.namespace" -}}
{{- .Values.namespace | default .Release.Namespace }}
{{- end }}

{{/*
The namespace of the lease. Operators for different namespaces work at the same
time, so each has its lease where it works.
*/}}
{{- define "certwright.leaseNamespace" -}}
{{- $chosen := .Values.global.leaderElection.namespace }}
{{- if and .Values.watchNamespace (eq $chosen "kube-system") }}{{ .Values.watchNamespace }}{{ else }}{{ $chosen }}{{ end }}
{{- end }}

{{- define "certwright.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "certwright.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* What tells the objects of a component apart; never changes. */}}
{{- define "certwright.selector" -}}
app.kubernetes.io/name: {{ include "certwright.name" .top }}
app.kubernetes.io/instance: {{ .top.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "certwright.labels" -}}
{{ include "certwright.selector" . }}
app.kubernetes.io/version: {{ .top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .top.Chart.Name .top.Chart.Version | replace "+" "_" }}
{{- with .top.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: top, image (a section of values with name, repository ...). */}}
{{- define "certwright.image" -}}
{{- $repository := .image.repository }}
{{- if not $repository }}
{{- $repository = printf "%s/%s/%s" (.image.registry | default .top.Values.imageRegistry) .top.Values.imageNamespace .image.name }}
{{- else if .image.registry }}
{{- $repository = printf "%s/%s" .image.registry $repository }}
{{- end }}
{{- /* Values files made for cert-manager may name its images, which hold other programs. */}}
{{- if regexMatch "/cert-manager-(controller|acmesolver)$" $repository }}
{{- fail (printf "%s is an image of cert-manager: take it out of image and acmesolver.image, or name your copy of Certwright's" $repository) }}
{{- end }}
{{- if .image.digest }}
{{- printf "%s@%s" $repository .image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (.image.tag | default .top.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "certwright.solverImage" -}}
{{- $own := .Values.acmesolver.image }}
{{- if or $own.repository $own.name }}
{{- include "certwright.image" (dict "top" . "image" $own) }}
{{- else }}
{{- include "certwright.image" (dict "top" . "image" .Values.image) }}
{{- end }}
{{- end }}

{{/*
Puts a validating policy in force, except in namespaces that opt out by label.
Arguments: top, name.
*/}}
{{- define "certwright.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels:
    {{- include "certwright.labels" (dict "top" .top "component" "admission") | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: cert-manager.io/disable-validation
          operator: NotIn
          values: ["true"]
{{- end }}
