package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/spelling"
)

// builder makes a Config of the file's values, and reports contradictions to doc.
type builder struct {
	doc       *document
	form      *fileForm
	cfg       *Config
	calendars map[string]*calendar.Calendar // by municipality; those without a fault
	reach     map[string]*reach             // by menu or team, as "menus.main"

	providerOff bool // the secret of sign_in.oidc cannot be used
}

// system takes over the settings that are not about calls.
func (b *builder) system() {
	f, c := b.form, b.cfg
	c.ARI = ARI{URL: f.ARI.URL, Application: f.ARI.Application, Username: f.ARI.Username}
	b.redis()
	c.Listen = Listen{Operations: f.Listen.Operations, Web: f.Listen.Web}
	c.Web = Web{TokensFile: f.Web.TokensFile}
	c.Prompts = Prompts{Directory: f.Prompts.Directory, AsteriskDirectory: f.Prompts.AsteriskDirectory}
	if c.Prompts.AsteriskDirectory == "" {
		c.Prompts.AsteriskDirectory = c.Prompts.Directory
	}
	if err := prompts.PlainPath(c.Prompts.AsteriskDirectory); err != nil {
		key := "prompts.asterisk_directory"
		if f.Prompts.AsteriskDirectory == "" {
			key = "prompts.directory"
		}
		b.doc.problem(key, err.Error(), "choose a plain path")
	}
	c.State = State{Directory: f.State.Directory}
	c.Log = Log{Level: levels[f.Log.Level], Format: LogFormat(f.Log.Format)}
	c.Norm = Norm{Rule: calendar.Rule(f.Norm.Rule)}
	c.KPI = KPI{AnswerThreshold: f.KPI.AnswerThreshold, ShortAbandon: f.KPI.ShortAbandon}
	b.callbacks()
	if c.KPI.ShortAbandon >= c.KPI.AnswerThreshold {
		b.doc.problem("kpi.short_abandon", "it is not shorter than kpi.answer_threshold", "leave it at 5s")
	}
	b.signIn()
	if c.Look = Look(f.Look); c.SignIn == nil && (c.Look.Logo != "" || c.Look.Tokens != "" || len(c.Look.Fonts) > 0) {
		b.doc.warn("look", "there are no pages that could look like it", "add sign_in, or leave it out")
	}
	b.notifyServer()
	if b.web() && collide(c.Listen.Web, c.Listen.Operations) {
		b.doc.problem(
			"listen.web", "it is the same port as listen.operations, and only one can have it",
			"choose another port, such as 127.0.0.1:8570",
		)
	}
	b.exposed()
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// exposed warns of addresses that other machines can reach or overhear.
func (b *builder) exposed() {
	if host := hostOf(b.cfg.Listen.Operations); !loopback(host) {
		b.doc.warn(
			"listen.operations", "other machines can read the figures at this address",
			"keep it on 127.0.0.1, or let a firewall in only Prometheus",
		)
	}
	if host := hostOf(b.cfg.Listen.Web); b.web() && !loopback(host) {
		b.doc.warn(
			"listen.web", "tokens, cookies and callers' telephone numbers go over the network in plain text",
			"keep it on 127.0.0.1, behind a proxy that speaks https",
		)
	}
}

// web reports whether anything listens on listen.web.
func (b *builder) web() bool { return b.cfg.Web.TokensFile != "" || b.form.SignIn != nil }

// collide reports whether two addresses cannot both be listened on.
func collide(a, b string) bool {
	host, port, err := net.SplitHostPort(a)
	other, same, err2 := net.SplitHostPort(b)
	if err != nil || err2 != nil || port != same || port == "0" { // a malformed address is reported elsewhere
		return false
	}
	return host == other || anyHost(host) || anyHost(other) || loopback(host) && loopback(
		other,
	) && (host == "localhost" || other == "localhost")
}

// anyHost reports whether a host stands for every address of the machine.
func anyHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}

func hostOf(address string) string {
	host := address[:max(strings.LastIndex(address, ":"), 0)]
	return strings.Trim(host, "[]")
}

// plan makes the routing plan, each part after those that it needs.
func (b *builder) plan() {
	b.texts()
	p := &routing.Plan{
		Municipalities: map[call.MunicipalityID]routing.Municipality{},
		Entries:        map[string]routing.Entry{},
		Menus:          map[routing.MenuID]routing.Menu{},
		Teams:          map[call.TeamID]routing.Team{},
		Agents:         map[call.AgentID]routing.Agent{},
	}
	b.cfg.Plan = p
	b.municipalities(p)
	b.agents(p)
	b.teams(p)
	b.groups()
	b.people()
	b.notifyReceivers()
	b.entries(p)
	b.unknown(p)
	b.follow(p)
	b.menus(p)
	b.spoken(p)
	b.unused()
	b.cfg.Prompts.Languages = b.spokenLanguages(p)
}

// texts merges the file's texts with those that are built in.
func (b *builder) texts() {
	extra := prompts.Extra{}
	for language, texts := range b.form.Texts {
		extra[prompts.Language(language)] = map[prompts.ID]string{}
		for id, text := range texts {
			extra[prompts.Language(language)][prompts.ID(id)] = text
		}
	}
	manifest, err := prompts.NewManifest(extra)
	if err != nil {
		manifest = builtIn()
		b.unspeakable(extra)
	}
	b.cfg.Prompts.Extra, b.cfg.Prompts.Manifest = extra, manifest
}

// builtIn are the texts that come with the program. A fault in them was reported by NewManifest.
func builtIn() *prompts.Manifest {
	manifest, err := prompts.NewManifest(nil)
	if err != nil {
		return &prompts.Manifest{}
	}
	return manifest
}

// unspeakable finds the texts that the manifest refuses, by trying them one at a time.
func (b *builder) unspeakable(extra prompts.Extra) {
	for language, texts := range extra {
		for id, text := range texts {
			if _, err := prompts.NewManifest(prompts.Extra{language: {id: text}}); err != nil {
				what, mend, _ := strings.Cut(innermost(err).Error(), "; ")
				b.doc.problem("texts."+string(language)+"."+string(id), what, mend)
			}
		}
	}
}

// innermost is the root cause of a wrapped error: the key already names the place.
func innermost(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		err = joined.Unwrap()[0]
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

// reference checks that a name is under a section, such as "teams". A name that is left out is fine.
func (b *builder) reference(key, section, name string) {
	if name == "" || b.doc.has(under(section, name)) || b.doc.spoilt(section) {
		return
	}
	b.doc.problem(key, fmt.Sprintf("%s is not under %s", shown(name), section), b.meant(section, name))
}

func (b *builder) meant(section, name string) string {
	var known []string
	for _, key := range slices.Sorted(maps.Keys(b.doc.lines)) {
		if parent(key) == section && strings.HasPrefix(key, section+".") {
			known = append(known, strings.TrimPrefix(key, section+"."))
		}
	}
	if near := spelling.Nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	const most = 12
	switch {
	case len(known) == 0:
		return "add it to " + section
	case len(known) > most:
		return "add it to " + section + ", or correct the name"
	default:
		return "add it to " + section + ", or name " + listed(known)
	}
}

// onlyMunicipality is the municipality when there is only one: then it need not be named.
func (b *builder) onlyMunicipality() string {
	if len(b.form.Municipalities) != 1 {
		return ""
	}
	for id := range b.form.Municipalities {
		return id
	}
	return ""
}

// municipalityAt is the municipality of the thing at key: the one that it names, or the only one.
func (b *builder) municipalityAt(key, named string) string {
	if named != "" {
		b.reference(key+".municipality", "municipalities", named)
		return named
	}
	only := b.onlyMunicipality()
	if only == "" && len(b.form.Municipalities) > 1 {
		b.doc.problem(
			key+".municipality", "it is missing, and there is more than one municipality",
			"add municipality: "+slices.Sorted(maps.Keys(b.form.Municipalities))[0]+", or another one",
		)
	}
	return only
}

func (b *builder) municipalities(p *routing.Plan) {
	b.calendars = map[string]*calendar.Calendar{}
	for _, id := range slices.Sorted(maps.Keys(b.form.Municipalities)) {
		f, key := b.form.Municipalities[id], "municipalities."+id
		b.reference(key+".contact", "teams", f.ContactCentre)
		m := routing.Municipality{
			ID: call.MunicipalityID(id), Name: f.Name, Language: prompts.Language(f.Language),
			ContactCentre:     call.TeamID(f.ContactCentre),
			CallbackCountries: b.cfg.Callbacks.Countries,
		}
		if number, err := call.ParseTyped(f.CallerID); err == nil {
			m.CallerID = number.E164
		} else {
			b.doc.problem(
				key+".caller_id", "it is not a telephone number that can be shown to callers who are rung back",
				"write it in full, such as \"+31140570\"",
			)
		}
		m.Location, _ = time.LoadLocation(f.TimeZone) // zoneForm reported it
		b.calendars[id] = b.calendar(key, f, m.Location)
		p.Municipalities[m.ID] = m
	}
}
