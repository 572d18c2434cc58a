package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/internal/dns01"
)

// credential is a place from which a DNS provider's credentials come.
type credential struct{ field, secret, key string }

// credentialsOf finds what a solver refers to: all its fields named ...SecretRef.
func credentialsOf(solver *acmev1.ACMEChallengeSolverDNS01) []credential {
	text, err := json.Marshal(solver)
	if err != nil {
		return nil // there is nothing in it that can not be encoded
	}
	var fields map[string]any
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	var all []credential
	for provider, value := range fields {
		inner, ok := value.(map[string]any)
		if !ok {
			continue
		}
		for field, ref := range inner {
			named, ok := ref.(map[string]any)
			if !ok || !strings.HasSuffix(field, "SecretRef") {
				continue
			}
			name, _ := named["name"].(string)
			key, _ := named["key"].(string)
			if name != "" {
				all = append(all, credential{provider + "." + field, name, key})
			}
		}
	}
	slices.SortFunc(all, func(a, b credential) int { return strings.Compare(a.field, b.field) })
	return all
}

func (c credential) text() string {
	if c.key == "" {
		return fmt.Sprintf("Secret %q (spec.acme.solvers[].dns01.%s)", c.secret, c.field)
	}
	return fmt.Sprintf("key %q of Secret %q (spec.acme.solvers[].dns01.%s)", c.key, c.secret, c.field)
}

// dnsRecordWritten: the record has to be written, and to be seen by the CA.
func dnsRecordWritten(ctx context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.provingNow(acmev1.ACMEChallengeTypeDNS01) {
		solver := ch.Spec.Solver.DNS01
		if solver.Webhook != nil && !ch.Status.Presented {
			continue
		}
		f := finding{Object: "Challenge/" + ch.Name}
		if ch.Status.Reason != "" {
			f.Evidence = append(f.Evidence, ch.Status.Reason)
		}
		gone, err := q.credentialsGone(ctx, ch, credentialsOf(solver))
		switch {
		case err != nil:
			return nil, err
		case len(gone) > 0:
			f.ID, f.Cause = "dns-credentials-missing", "The credentials of the DNS provider are not there"
			f.Evidence = append(f.Evidence, gone...)
			f.Fix = []string{"Create the Secret with that key, in the namespace of the issuer (for a ClusterIssuer in the operator's)"}
		case !ch.Status.Presented && strings.Contains(ch.Status.Reason, "has not answered yet"):
			f.ID, f.Cause = "dns-provider-slow", "The DNS provider has not answered yet"
			f.Fix = []string{"Wait a minute; then look whether the operator reaches the provider's API (proxy, NetworkPolicy)"}
		case !ch.Status.Presented && ch.Status.Reason != "":
			f.ID, f.Cause = "dns-provider-refuses", fmt.Sprintf("The DNS provider does not take the TXT record of %s: in most cases its credentials are wrong or may not change this zone", ch.Spec.DNSName)
			for _, c := range credentialsOf(solver) {
				f.Fix = append(f.Fix, "Look at the "+c.text()+": is the token right, without line breaks, and may it edit the zone?")
			}
			if len(f.Fix) == 0 {
				f.Fix = []string{"Look at the provider's part of the solver, and at the identity that the operator has there"}
			}
		default:
			q.lookAtRecord(ctx, ch, &f)
		}
		if f.ID == "" {
			continue
		}
		retry, err := q.retryCommand(ctx)
		if err != nil {
			return nil, err
		}
		if !q.bare {
			f.Fix = append(f.Fix, "Then: "+retry)
		}
		all = append(all, f)
	}
	return all, nil
}

// credentialsGone says which of the credentials are missing, as far as the user
// may see.
func (q *inquiry) credentialsGone(ctx context.Context, ch *acmev1.Challenge, credentials []credential) ([]string, error) {
	if ch.Spec.IssuerRef.KindOrDefault() == cmv1.ClusterIssuerKind {
		return nil, nil // they are in the operator's namespace, whose name is its own
	}
	var gone []string
	for _, c := range credentials {
		secret := &corev1.Secret{}
		why, err := missing(q.api.Get(ctx, client.ObjectKey{Namespace: ch.Namespace, Name: c.secret}, secret))
		switch {
		case err != nil:
			return nil, fmt.Errorf("read Secret: %w", err)
		case why == notAllowed:
			q.notSeen = append(q.notSeen, "Secret "+c.secret+": "+why)
		case why != "":
			gone = append(gone, c.text()+" is not there")
		case c.key != "" && len(secret.Data[c.key]) == 0:
			gone = append(gone, c.text()+": the Secret has no such key, or nothing under it")
		}
	}
	return gone, nil
}

// lookAtRecord looks for a record that was written at the servers that the CA
// asks.
func (q *inquiry) lookAtRecord(ctx context.Context, ch *acmev1.Challenge, f *finding) {
	if q.world == nil || ch.Spec.Key == "" || !ch.Status.Presented {
		return
	}
	verdict, text := q.world.record(ctx, ch.Spec.DNSName, ch.Spec.Key)
	switch verdict {
	case dns01.Seen:
		if ch.Status.Reason == "" {
			return
		}
		f.ID, f.Cause = "dns-record-seen-here", "The TXT record is at all authoritative servers as seen from here, and still the challenge does not pass"
		f.Fix = []string{"If the operator can not ask authoritative servers, set --dns01-recursive-nameservers and --dns01-recursive-nameservers-only (docs/dns01.md)"}
		return
	case dns01.CannotTell:
		q.notSeen = append(q.notSeen, "TXT record: "+text)
		if ch.Status.Reason == "" {
			return
		}
	case dns01.NotYet:
	}
	f.ID, f.Cause = "dns-record-not-seen", fmt.Sprintf("The TXT record of %s was written, but it is not what the authoritative DNS servers answer", ch.Spec.DNSName)
	f.Evidence = append(f.Evidence, "seen from here: "+text)
	f.Fix = []string{
		"Look whether the provider changes the zone that the internet asks (NS records at the registrar; a private zone of the same name)",
		"Some providers take minutes; the operator looks again every 10 s",
	}
	name, err := dns01.RecordName(ch.Spec.DNSName)
	if err != nil {
		return
	}
	if end, err := q.world.alias(ctx, name); err == nil && strings.TrimSuffix(end, ".") != strings.TrimSuffix(name, ".") {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s is a CNAME that leads to %s", strings.TrimSuffix(name, "."), strings.TrimSuffix(end, ".")))
		f.Fix = append(f.Fix, "If the record is to be written where the CNAME leads to, set cnameStrategy: Follow in the solver")
	}
}

// webhookServed: a DNS-01 webhook is an API of the cluster, by an APIService.
func webhookServed(ctx context.Context, q *inquiry) ([]finding, error) {
	var all []finding
	for _, ch := range q.provingNow(acmev1.ACMEChallengeTypeDNS01) {
		if ch.Spec.Solver.DNS01.Webhook == nil || ch.Status.Presented || ch.Status.Reason == "" {
			continue
		}
		webhook := ch.Spec.Solver.DNS01.Webhook
		name := "v1alpha1." + webhook.GroupName // the one version that there is of the protocol
		f := finding{
			ID: "webhook-absent", Object: "APIService/" + name, Cause: fmt.Sprintf("The DNS-01 webhook %q of the group %q is not there", webhook.SolverName, webhook.GroupName),
			Evidence: []string{ch.Status.Reason}, Fix: []string{"Install the webhook, or correct groupName in the solver", "kubectl get apiservice " + name},
		}
		service := &unstructured.Unstructured{}
		service.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"})
		why, err := missing(q.api.Get(ctx, client.ObjectKey{Name: name}, service))
		switch {
		case err != nil && !isNoMatch(err):
			return nil, fmt.Errorf("read APIService: %w", err)
		case why == notAllowed:
			q.notSeen = append(q.notSeen, f.Object+": "+why)
			f.ID, f.Cause = "webhook-fails", "The DNS-01 webhook does not do what it is asked for"
		case why == "" && err == nil:
			f.ID, f.Cause = "webhook-fails", "The DNS-01 webhook refuses, or does not answer"
			if text := unavailable(service); text != "" {
				f.ID, f.Cause = "webhook-unavailable", "The DNS-01 webhook is installed and can not be reached"
				f.Evidence = append(f.Evidence, text)
			}
			f.Fix = []string{"Look at the log of the webhook's pods, and at the permission of the operator's service account to create " + webhook.SolverName + " in " + webhook.GroupName, "kubectl get apiservice " + name}
		}
		all = append(all, f)
	}
	return all, nil
}

// unavailable is what an APIService says if it is not Available.
func unavailable(service *unstructured.Unstructured) string {
	conditions, _, _ := unstructured.NestedSlice(service.Object, "status", "conditions")
	for _, c := range conditions {
		if k, ok := c.(map[string]any); ok && k["type"] == "Available" && k["status"] != "True" {
			return fmt.Sprintf("Available=%v %v: %v", k["status"], k["reason"], k["message"])
		}
	}
	return ""
}
