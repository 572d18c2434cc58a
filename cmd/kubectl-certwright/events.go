package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	cmv1 "github.com/certwright/certwright/api/certmanager/v1"
)

func (c *cli) events() *cobra.Command {
	o := &output{}
	cmd := &cobra.Command{
		Use:   "events NAME",
		Short: "Show the events of a Certificate and of all that was made for it, the oldest first",
		Args:  exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return c.runEvents(cmd.Context(), o, args[0])
		},
	}
	o.register(cmd.Flags())
	return cmd
}

func (c *cli) runEvents(ctx context.Context, o *output, name string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	crt := &cmv1.Certificate{}
	if err := api.Get(ctx, api.key(name), crt); err != nil {
		return fmt.Errorf("read Certificate: %w", err)
	}
	s, err := api.story(ctx, crt)
	if err != nil {
		return err
	}
	if s.events.missing != "" {
		return fmt.Errorf("list events: %s", s.events.missing)
	}
	all := s.view().Events
	switch {
	case o.machine():
		return c.data(o, append([]eventView{}, all...)) // none is an empty list
	case len(all) == 0:
		c.tell("there are no events; the API server keeps them for an hour, unless it was told otherwise")
	default:
		c.table(c.eventRows("", all))
	}
	return nil
}

func (c *cli) eventRows(indent string, events []eventView) [][]cell {
	var rows [][]cell
	for _, e := range events {
		kind := cell{text: indent + e.Type}
		if e.Type == "Warning" {
			kind.colour = yellow
		}
		rows = append(rows, []cell{kind, {text: c.since(&e.Time)}, {text: e.Object}, {text: e.Reason}, {text: e.Message}})
	}
	return rows
}
