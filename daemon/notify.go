package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/staff"
)

// newNotifier joins what tells teams, people and programs of notes. It reads the configuration of the moment.
func (d *Daemon) newNotifier(senders notify.Senders) *notify.Loop {
	return notify.NewLoop(notify.Options{
		Log: d.store, Notes: d.store, Outbox: d.store.Outbox(), Senders: d.unlessOff(senders),
		Town:  town{directory{d.settings, d.people}},
		Rules: func() notify.Rules { return notifyRules(d.settings.config()) },
		Hours: d.settings.notifyHours, Municipalities: d.municipalities.names,
		Meter: notifyMeter{d.metrics.Notify}, Logger: d.log,
	})
}

// errOff is why messages wait for a part that is switched off.
var errOff = errors.New("its secret cannot be used, see the log of the last start or reload")

// unlessOff lets the messages of mail or of a webhook that is switched off wait, until a reload brings its secret.
func (d *Daemon) unlessOff(senders notify.Senders) notify.Senders {
	return func(r notify.Rules, lane notify.Lane) notify.Sender {
		if isOff(d.settings.config().Notify, lane) {
			return waits{}
		}
		return senders(r, lane)
	}
}

func isOff(c *config.Notify, lane notify.Lane) bool {
	switch {
	case c == nil:
		return false
	case lane == notify.MailLane:
		return c.SMTP != nil && c.SMTP.Off
	}
	for id, hook := range c.Webhooks {
		if hook.Off && notify.HookLane(id) == lane {
			return true
		}
	}
	return false
}

// waits is the sender of what is switched off.
type waits struct{}

func (waits) Send(context.Context, notify.Message) error {
	return &notify.SendError{Failure: notify.SignIn, Lane: true, Err: errOff}
}

// notifyRules are the rules of a configuration.
func notifyRules(cfg *config.Config) notify.Rules {
	c := cfg.Notify
	if c == nil {
		return notify.Rules{}
	}
	r := notify.Rules{Link: c.Link, Number: c.Number, Story: c.Story, Hooks: map[notify.Lane]notify.Hook{}}
	r.SMTP = SMTPOf(cfg)
	for _, team := range slices.Sorted(maps.Keys(c.Teams)) {
		for _, address := range c.Teams[team].Addresses {
			r.Receivers = append(r.Receivers, notify.Receiver{
				Name: notify.AddressName(team, address), Municipality: cfg.Plan.Teams[team].Municipality,
				Lane: notify.MailLane, Kinds: kinds(c.Teams[team].Events), Teams: []call.TeamID{team}, Address: address,
			})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.People)) {
		r.Receivers = append(r.Receivers, notify.Receiver{
			Name: notify.PersonName(id), Municipality: cfg.People[id].Municipality, Lane: notify.MailLane,
			Kinds: kinds(c.People[id].Events), Teams: c.People[id].Teams, Person: id,
		})
	}
	for _, id := range slices.Sorted(maps.Keys(c.Webhooks)) {
		w, lane := c.Webhooks[id], notify.HookLane(id)
		r.Hooks[lane] = notify.Hook{URL: w.URL, Secret: w.Key()}
		r.Receivers = append(r.Receivers, notify.Receiver{
			Name: string(lane), Municipality: w.Municipality, Lane: lane, Kinds: kinds(w.Events),
			Teams: hookTeams(cfg, w),
		})
	}
	return r
}

// SMTPOf is the server that takes our mail, nil for none and for one that is switched off.
func SMTPOf(cfg *config.Config) *notify.SMTP {
	if cfg.Notify == nil || cfg.Notify.SMTP == nil || cfg.Notify.SMTP.Off {
		return nil
	}
	s := cfg.Notify.SMTP
	return &notify.SMTP{
		Host: s.Host, Port: s.Port, TLS: notify.TLSMode(s.TLS), Roots: s.Roots, From: s.From, Name: s.Name,
		Username: s.Username, Password: s.Password.Reveal(),
	}
}

// hookTeams are the teams of whose notes a program is told: all of its municipality unless it names some.
func hookTeams(cfg *config.Config, w config.Webhook) []call.TeamID {
	if len(w.Teams) > 0 {
		return w.Teams
	}
	var teams []call.TeamID
	for id, team := range cfg.Plan.Teams {
		if team.Municipality == w.Municipality {
			teams = append(teams, id)
		}
	}
	slices.Sort(teams)
	return teams
}

func kinds(events []string) []notify.Kind {
	list := make([]notify.Kind, len(events))
	for i, e := range events {
		list[i] = notify.Kind(e)
	}
	return list
}

// notifyHours gives when the teams of a municipality are open. A person's own list goes by the contact centre.
func (s *Settings) notifyHours(m call.MunicipalityID) (map[call.TeamID]*calendar.Hours, call.TeamID) {
	plan := s.plan()
	hours := map[call.TeamID]*calendar.Hours{}
	for id, team := range plan.Teams {
		if team.Municipality == m {
			hours[id] = team.Hours
		}
	}
	return hours, plan.Municipalities[m].ContactCentre
}

// town is what messages say of people and teams.
type town struct{ directory }

// Contact implements notify.Town.
func (t town) Contact(ctx context.Context, m call.MunicipalityID, id call.AgentID) (string, string, error) {
	known, err := t.people.Person(ctx, m, id)
	if err != nil && !errors.Is(err, note.ErrBroken) {
		return "", "", err
	}
	if of, ok := t.config().Person(m, id); err != nil && ok { // what the file says is not broken
		known = map[staff.Source]staff.Person{staff.FromFile: of}
	}
	p := staff.Merge(known)
	return p.Email, p.Language, nil
}

// notifyMeter counts notifications.
type notifyMeter struct{ figures *metrics.Notify }

func (m notifyMeter) Delivered(c notify.Channel, k notify.Kind) {
	m.figures.Delivered(string(c), string(k))
}

func (m notifyMeter) Failed(c notify.Channel, k notify.Kind, why notify.Failure) {
	m.figures.Failed(string(c), string(k), string(why))
}

func (m notifyMeter) Dropped(c notify.Channel, k notify.Kind, why notify.Drop) {
	m.figures.Dropped(string(c), string(k), string(why))
}

func (m notifyMeter) Waiting(c notify.Channel, items int, oldest time.Duration) {
	m.figures.Waiting(string(c), items, oldest)
}
