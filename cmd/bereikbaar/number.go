package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/daemon"
	"github.com/bereikbaar/bereikbaar/dialling"
)

func numberCommand() *cobra.Command {
	var municipality string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "number NUMBER",
		Short: "Print the kind of a telephone number, and whether it may be called back",
		Long: "Print the kind of a telephone number, and whether it may be called back. It ends with 0 also for a\n" +
			"number that may not. It needs a configuration and no server.",
		Example: "  bereikbaar number \"06 12345678\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf(
					"give one number, not %d: one with blanks in it goes in quotes, as \"14 0570\"", len(args),
				)
			}
			return nil
		},
		RunE: lookup(func(cmd *cobra.Command, cfg *config.Config, args []string) error {
			m, err := municipalityNamed(cfg, municipality)
			if err != nil {
				return err
			}
			answer := judgeNumber(daemon.NewSettings(cfg).Policy(m.ID), args[0])
			if asJSON {
				return printJSON(cmd.OutOrStdout(), answer)
			}
			return answer.print(cmd.OutOrStdout())
		}),
	}
	cmd.Flags().StringVar(
		&municipality, "municipality", "", "the municipality that would call back; needed when there are several",
	)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// numberAnswer is what number prints.
type numberAnswer struct {
	E164 string    `json:"e164"` // empty when it is no number
	Kind call.Kind `json:"kind"`
	// ISO 3166; empty when it is no number, "001" for international networks
	Country         string        `json:"country"`
	CallbackAllowed bool          `json:"callback_allowed"`
	Code            dialling.Code `json:"code"`   // the reason for machines; empty when allowed
	Reason          string        `json:"reason"` // why not; empty when allowed
}

func judgeNumber(policy dialling.Policy, raw string) numberAnswer {
	n, err := call.ParseTyped(raw)
	if err != nil {
		return numberAnswer{Kind: call.KindUnknown, Code: dialling.CodeInvalid, Reason: err.Error()}
	}
	answer := numberAnswer{E164: n.E164, Kind: n.Kind, Country: n.Country, CallbackAllowed: true}
	if err := dialling.Dialable(policy, n); err != nil {
		answer.CallbackAllowed, answer.Reason = false, err.Error()
		if refusal := (*dialling.Refusal)(nil); errors.As(err, &refusal) {
			answer.Code, answer.Reason = refusal.Code, refusal.Text
		}
	}
	return answer
}

func (a numberAnswer) print(w io.Writer) error {
	allowed := "yes"
	if !a.CallbackAllowed {
		allowed = "no: " + a.Reason
	}
	_, err := fmt.Fprintf(w, "number     %s\nkind       %s\ncountry    %s\ncall back  %s\n",
		cmp.Or(a.E164, "none"), a.Kind, cmp.Or(a.Country, "none"), allowed)
	return err
}
