package metrics

import (
	"context"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

var (
	challengeStatus = describe("certmanager_certificate_challenge_status", "The state of a Challenge: 1 for the state that it has, 0 for the others.",
		[]string{"domain", "name", "namespace", "processing", "reason", "status", "type"})

	challengeStates = []acmev1.State{
		acmev1.Unknown, acmev1.Pending, acmev1.Processing, acmev1.Ready, acmev1.Valid, acmev1.Invalid, acmev1.Expired, acmev1.Errored,
	}
	domainLabel     = new("domain")
	processingLabel = new("processing")
	reasonLabel     = new("reason")
	statusLabel     = new("status")
	typeLabel       = new("type")
)

// challenges are few: each is gone once its name is proved.
func (o *objects) challenges(ctx context.Context, ch chan<- prometheus.Metric) error {
	var list acmev1.ChallengeList
	if err := o.cache.List(ctx, &list, withoutCopy...); err != nil {
		return fmt.Errorf("list challenges: %w", err)
	}
	for i := range list.Items {
		c := &list.Items[i]
		processing, kind := strconv.FormatBool(c.Status.Processing), string(c.Spec.Type)
		for _, state := range challengeStates {
			value := 0.0
			if state == c.Status.State {
				value = 1
			}
			ch <- newGauge(challengeStatus, pairs(label{domainLabel, &c.Spec.DNSName}, label{nameLabel, &c.Name}, label{namespaceLabel, &c.Namespace},
				label{processingLabel, &processing}, label{reasonLabel, &c.Status.Reason}, label{statusLabel, new(stateName(state))}, label{typeLabel, &kind}), value)
		}
	}
	return nil
}

// stateName is how a state is called in a label: that of a new Challenge is
// empty.
func stateName(state acmev1.State) string {
	if state == acmev1.Unknown {
		return "unknown"
	}
	return string(state)
}
