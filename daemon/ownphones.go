package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/staff"
)

// asked looks whether a phone is one that a page may give to a person, and that Asterisk has.
func (p *people) asked(ctx context.Context, phone string) error {
	if cfg := p.settings.config(); !settable(cfg, phone) {
		return staff.ErrPhone
	}
	switch _, err := p.exchange.Endpoint(ctx, phone); {
	case asterisk.IsGone(err):
		return staff.ErrPhone
	case err != nil:
		return fmt.Errorf("%w: %w", staff.ErrPhoneUnasked, err)
	}
	return nil
}

// settable reports whether a page may give a phone to anybody: operators allow it, and nothing is dialled through it.
func settable(cfg *config.Config, phone string) bool {
	return staff.IsOwnPhone(phone, cfg.Callbacks.Phones) && !isWay(cfg, phone)
}

// isWay reports whether an endpoint leads to other phones: what the configuration dials through.
func isWay(cfg *config.Config, phone string) bool {
	technology, name, _ := strings.Cut(phone, "/")
	through := func(dialled string) bool {
		of, rest, _ := strings.Cut(dialled, "/")
		_, by, is := strings.Cut(rest, "@")
		return is && of == technology && by == name
	}
	if through(cfg.Callbacks.Dial) || strings.HasPrefix(cfg.Callbacks.Dial, phone+"/") {
		return true
	}
	for _, agent := range cfg.Plan.Agents {
		if through(agent.Endpoint) {
			return true
		}
	}
	for _, of := range cfg.People {
		if through(of.Phone) {
			return true
		}
	}
	return false
}

// free looks whether nobody else has a phone, in any municipality: they share the switch.
func (p *people) free(ctx context.Context, of staff.Person) error {
	cfg := p.settings.config()
	if given(cfg, of.Municipality, of.ID, of.Phone) {
		return staff.ErrPhoneTaken
	}
	for _, m := range p.settings.Municipalities() {
		all, err := p.store.People(ctx, m)
		if err != nil && !errors.Is(err, note.ErrBroken) {
			return err
		}
		for id, known := range all {
			if known[staff.FromPage].Phone == of.Phone && (id != of.ID || m != of.Municipality) {
				return staff.ErrPhoneTaken
			}
		}
	}
	return nil
}

// given reports whether the configuration gives a phone to somebody else.
func given(cfg *config.Config, m call.MunicipalityID, id call.AgentID, phone string) bool {
	mine, _ := cfg.Person(m, id)
	for other, agent := range cfg.Plan.Agents {
		if agent.Endpoint == phone && (other != id || mine.Phone != phone) {
			return true
		}
	}
	for other, of := range cfg.People {
		if of.Phone == phone && (other != id || of.Municipality != m) {
			return true
		}
	}
	return false
}

// phone is a colleague's own phone; empty when none is known. That of the configuration needs no store.
func (p *people) phone(ctx context.Context, m call.MunicipalityID, id call.AgentID) (string, error) {
	cfg := p.settings.config()
	if of, ok := cfg.Person(m, id); ok && of.Phone != "" {
		return of.Phone, nil
	}
	if cfg.Foreign(m, id) {
		return "", nil
	}
	known, err := p.store.Person(ctx, m, id)
	if err != nil {
		return "", err
	}
	set := known[staff.FromPage].Phone
	if !settable(cfg, set) || given(cfg, m, id, set) { // the configuration may have changed since it was set
		return "", nil
	}
	return set, nil
}
