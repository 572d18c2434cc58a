package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api/v1alpha1"
)

// waitReissued shows the progress of a campaign until it is done, or until
// somebody has to do something.
func (c *cli) waitReissued(ctx context.Context, api *cluster, r *v1alpha1.Reissue, timeout time.Duration) error {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	last := ""
	err := follow(waiting, api.WithWatch, r, &v1alpha1.ReissueList{}, func(now *v1alpha1.Reissue) (bool, error) {
		*r = *now
		if line := c.progress(now); line != last {
			last = line
			c.overwrite(line)
		}
		if now.Status.Phase == v1alpha1.ReissueDone {
			return true, nil
		}
		return false, trouble(now)
	})
	c.endOverwriting()
	switch {
	case err == nil && r.Status.Failed > 0:
		c.aside().showCertificates(&r.Status)
		return not("%d of %d certificates were not issued anew; they are listed above", r.Status.Failed, r.Status.Selected)
	case ctx.Err() != nil:
		return fmt.Errorf("stopped looking; the campaign goes on: reissue status %s, reissue pause %s: %w", r.Name, r.Name, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return not("not done within %s; the campaign goes on: reissue status %s", timeout, r.Name)
	case err != nil:
		c.aside().showCertificates(&r.Status)
	}
	return err
}

// progress is a campaign in one line.
func (t *terminal) progress(r *v1alpha1.Reissue) string {
	s := &r.Status
	phase := s.Phase
	if phase == "" {
		phase = "not yet begun"
	}
	text := fmt.Sprintf("%s: %d of %d done", phase, s.Done, s.Selected)
	for _, n := range []struct {
		count int32
		what  string
	}{{s.InFlight, "in flight"}, {s.Failed, "failed"}, {s.Revoked, "revoked"}} {
		if n.count > 0 {
			text += fmt.Sprintf(", %d %s", n.count, n.what)
		}
	}
	if phase == v1alpha1.ReissueRunning && s.EstimatedCompletion != nil {
		text += ", done at about " + s.EstimatedCompletion.UTC().Format(time.RFC3339)
	}
	return text
}

// overwrite writes a line of progress, in the place of the one before if
// somebody looks on.
func (t *terminal) overwrite(line string) {
	if !t.live {
		t.tell("%s", line)
		return
	}
	_, _ = fmt.Fprintf(t.err, "\r\x1b[K%s", line) // back to the first column, clear the line
}

func (t *terminal) endOverwriting() {
	if t.live {
		_, _ = fmt.Fprintln(t.err)
	}
}

func (c *cli) reissueStatus() *cobra.Command {
	o := &output{}
	watch := false
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show how far a campaign is",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			r := &v1alpha1.Reissue{}
			if err := api.Get(cmd.Context(), api.key(args[0]), r); err != nil {
				return fmt.Errorf("read Reissue: %w", err)
			}
			if watch {
				return c.waitReissued(cmd.Context(), api, r, 0)
			}
			if o.machine() {
				return c.data(o, clean(api.Scheme(), r))
			}
			c.say("%s", c.progress(r))
			if err := trouble(r); err != nil {
				c.say("%s", c.paint(red, err.Error()))
			}
			c.showCertificates(&r.Status)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "look on until it is done")
	o.register(cmd.Flags())
	return cmd
}

func (c *cli) reissuePause(verb, what string, paused bool) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " NAME",
		Short: what,
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			r := &v1alpha1.Reissue{}
			r.Namespace, r.Name = api.namespace, args[0]
			patch := fmt.Appendf(nil, `{"spec":{"paused":%t}}`, paused)
			if err := api.Patch(cmd.Context(), r, client.RawPatch("application/merge-patch+json", patch)); err != nil {
				return fmt.Errorf("%s Reissue: %w", verb, err)
			}
			c.say("reissue.certwright.dev/%s %sd", r.Name, verb)
			return nil
		},
	}
}
