package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/bereikbaar/bereikbaar/test/rig"
)

// peopleOf are made-up colleagues, by the account of their phone.
func peopleOf() map[string]any {
	person := func(name, team, role string) map[string]any {
		return map[string]any{"name": name, "roles": map[string]any{team: role}}
	}
	return map[string]any{
		"sign_in": map[string]any{"local": map[string]any{"enabled": true, "codes": false}},
		"people": map[string]any{
			"kcc1": person("Anouk de Boer", "*", "agent"), "verg1": person("Cem Kaya", "vergunningen", "lead"),
		},
	}
}

// seeds are notes that somebody asked for at the desk.
var seeds = []string{
	`{"team":"vergunningen","number":"0570 693 911","name":"Ümit van der Ven","subject":"dakkapel",
		"reason":"Mag het hoger dan bij de buren?"}`,
	`{"team":"vergunningen","number":"06-12 34 56 78","name":"Janneke Smit","subject":"boom kappen",
		"window":"09:00-12:00"}`,
	`{"team":"kcc","number":"06 87 65 43 21","name":"P. de Groot","subject":"paspoort","reason":"Is het al klaar?"}`,
}

// openPages makes notes, and prints where people sign in.
func openPages(ctx context.Context, r *rig.Rig) error {
	for _, body := range seeds {
		status, answer, err := r.Daemon.API(ctx, "kcc1", http.MethodPost, "/api/notes", 0, body)
		if err != nil {
			return err
		}
		if status >= http.StatusMultipleChoices {
			return fmt.Errorf("a note of the demonstration: %d: %s", status, answer)
		}
	}
	fmt.Printf("\nThe pages: http://%s. Each link lets one person choose a password, once:\n", r.Daemon.Web)
	for _, who := range []string{"kcc1", "verg1"} {
		link, err := linkFor(ctx, r, who)
		if err != nil {
			return err
		}
		fmt.Printf("  %-6s %s\n", who, link)
	}
	return nil
}

// linkFor makes an account for a person, or gives the one of an earlier run a new link.
func linkFor(ctx context.Context, r *rig.Rig, who string) (string, error) {
	var errs []error
	for _, what := range []string{"new", "link"} {
		out, err := r.Daemon.Run(ctx, "account", what, who, "--as", "demo", "--config", r.Daemon.ConfigFile)
		if link := regexp.MustCompile(`http://\S+/sign-in/first/\S+`).FindString(out); err == nil && link != "" {
			return strings.TrimSpace(link), nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}
