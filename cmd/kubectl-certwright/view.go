package main

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
	"github.com/certwright/certwright/api/v1alpha1"
)

// view is a story as programs read it: what is shown, and nothing else.
type view struct {
	Name        string                      `json:"name"`
	Namespace   string                      `json:"namespace"`
	Created     metav1.Time                 `json:"created"`
	Revision    *int                        `json:"revision,omitempty"`
	Names       []string                    `json:"names,omitempty"`
	Conditions  []cmv1.CertificateCondition `json:"conditions,omitempty"`
	NotBefore   *metav1.Time                `json:"notBefore,omitempty"`
	NotAfter    *metav1.Time                `json:"notAfter,omitempty"`
	RenewalTime *metav1.Time                `json:"renewalTime,omitempty"`
	LastFailure *metav1.Time                `json:"lastFailureTime,omitempty"`
	Attempts    *int                        `json:"failedIssuanceAttempts,omitempty"`
	Issuer      issuerView                  `json:"issuer"`
	Secret      secretView                  `json:"secret"`
	Requests    []requestView               `json:"certificateRequests,omitempty"`
	Orders      []orderView                 `json:"orders,omitempty"`
	Challenges  []challengeView             `json:"challenges,omitempty"`
	Revocations []revocationView            `json:"revocations,omitempty"`
	Events      []eventView                 `json:"events,omitempty"`
	Unreadable  []string                    `json:"unreadable,omitempty"`
}

type issuerView struct {
	Ref        string                 `json:"ref"`
	Missing    string                 `json:"missing,omitempty"`
	Conditions []cmv1.IssuerCondition `json:"conditions,omitempty"`
}

type secretView struct {
	Name        string           `json:"name"`
	Missing     string           `json:"missing,omitempty"`
	HasKey      bool             `json:"hasKey"`
	Chain       int              `json:"chain,omitempty"` // certificates
	Certificate *certificateView `json:"certificate,omitempty"`
}

type requestView struct {
	Name        string                             `json:"name"`
	Revision    int                                `json:"revision"`
	Created     metav1.Time                        `json:"created"`
	Conditions  []cmv1.CertificateRequestCondition `json:"conditions,omitempty"`
	FailureTime *metav1.Time                       `json:"failureTime,omitempty"`
}

type orderView struct {
	Name           string       `json:"name"`
	Request        string       `json:"certificateRequest"`
	State          string       `json:"state"`
	Reason         string       `json:"reason,omitempty"`
	URL            string       `json:"url,omitempty"`
	FailureTime    *metav1.Time `json:"failureTime,omitempty"`
	Authorizations []string     `json:"authorizations,omitempty"` // the names to prove
}

type challengeView struct {
	Name       string `json:"name"`
	Order      string `json:"order"`
	Type       string `json:"type"`
	DNSName    string `json:"dnsName"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"`
	Presented  bool   `json:"presented"`
	Processing bool   `json:"processing"`
}

type revocationView struct {
	Name       string                    `json:"name"`
	Reason     v1alpha1.RevocationReason `json:"reason"`
	Serial     string                    `json:"serial,omitempty"`
	RevokedAt  *metav1.Time              `json:"revokedAt,omitempty"`
	Conditions []metav1.Condition        `json:"conditions,omitempty"`
}

type eventView struct {
	Time    metav1.Time `json:"time"`
	Type    string      `json:"type"`
	Object  string      `json:"object"`
	Reason  string      `json:"reason"`
	Message string      `json:"message"`
}

// view picks out what is shown.
func (s *story) view() *view {
	crt := s.certificate
	v := &view{
		Name: crt.Name, Namespace: crt.Namespace, Created: crt.CreationTimestamp, Revision: crt.Status.Revision, Names: asked(crt),
		Conditions: crt.Status.Conditions, NotBefore: crt.Status.NotBefore, NotAfter: crt.Status.NotAfter, RenewalTime: crt.Status.RenewalTime,
		LastFailure: crt.Status.LastFailureTime, Attempts: crt.Status.FailedIssuanceAttempts,
		Issuer: issuerView{Ref: issuerText(&crt.Spec.IssuerRef), Missing: s.issuer.missing},
		Secret: secretView{Name: crt.Spec.SecretName, Missing: s.secret.missing, HasKey: s.secret.value.key, Chain: s.secret.value.chain},
	}
	if s.issuer.value != nil {
		v.Issuer.Conditions = s.issuer.value.GetStatus().Conditions
	}
	if s.secret.value.broke != "" {
		v.Secret.Missing = s.secret.value.broke
	}
	if s.secret.value.leaf != nil {
		v.Secret.Certificate = viewCertificate(s.secret.value.leaf)
	}
	for i := range s.requests.value {
		req := &s.requests.value[i]
		v.Requests = append(v.Requests, requestView{req.Name, revisionOf(req), req.CreationTimestamp, req.Status.Conditions, req.Status.FailureTime})
	}
	for i := range s.orders.value {
		o := &s.orders.value[i]
		ov := orderView{o.Name, ownerOf(o), string(o.Status.State), o.Status.Reason, o.Status.URL, o.Status.FailureTime, nil}
		for _, a := range o.Status.Authorizations {
			ov.Authorizations = append(ov.Authorizations, a.Identifier)
		}
		v.Orders = append(v.Orders, ov)
	}
	for i := range s.challenges.value {
		ch := &s.challenges.value[i]
		v.Challenges = append(v.Challenges, challengeView{
			ch.Name, ownerOf(ch), string(ch.Spec.Type), ch.Spec.DNSName, string(ch.Status.State), ch.Status.Reason, ch.Status.Presented, ch.Status.Processing,
		})
	}
	for i := range s.revocations.value {
		r := &s.revocations.value[i]
		v.Revocations = append(v.Revocations, revocationView{r.Name, r.Spec.Reason, r.Status.SerialNumber, r.Status.RevokedAt, r.Status.Conditions})
	}
	for i := range s.events.value {
		e := &s.events.value[i]
		v.Events = append(v.Events, eventView{*eventTime(e), e.Type, e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name, e.Reason, strings.TrimSpace(e.Message)})
	}
	for _, u := range [][2]string{
		{"CertificateRequests", s.requests.missing}, {"Orders", s.orders.missing}, {"Challenges", s.challenges.missing},
		{"Revocations", s.revocations.missing}, {"events", s.events.missing},
	} {
		if u[1] != "" {
			v.Unreadable = append(v.Unreadable, fmt.Sprintf("%s: %s", u[0], u[1]))
		}
	}
	return v
}

func ownerOf(o metav1.Object) string {
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		return owner.Name
	}
	return ""
}
