// Package config turns the configuration file and its secrets into validated values for the rest of the program;
// nothing else knows viper or the file's form.
package config

import (
	"log/slog"
	"time"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/staff"
)

// Config is a complete and valid configuration. It does not change after Load: a reload makes a new one.
type Config struct {
	Path      string // of the file that it came from
	ARI       ARI
	Redis     Redis
	Listen    Listen
	Web       Web
	SignIn    *SignIn // nil when nobody signs in
	Look      Look
	Notify    *Notify // nil when nobody is told of notes
	Prompts   Prompts
	State     State
	Log       Log
	Callbacks Callbacks
	Norm      Norm
	KPI       KPI
	Plan      *routing.Plan
	People    map[call.AgentID]staff.Person // those of the file, see Person

	// Warnings are settings that are allowed but probably not meant, in the order of the file.
	Warnings Problems
	// Off are the parts that are switched off, because a secret of theirs cannot be used.
	Off []Off
	// NeedsRestart names the keys that changed but need a restart. This Config holds their running values. Empty after
	// Load.
	NeedsRestart []string
}

// ARI says how to reach Asterisk.
type ARI struct {
	URL         string // of the events websocket or of ARI itself: ws, wss, http or https; never with a secret in it
	Application string // the name of the Stasis application in the dialplan
	Username    string
	Password    Secret // empty when Load was not given an environment
}

// Listen holds the addresses on which the daemon listens, as host:port.
type Listen struct {
	Operations string // /metrics, /healthz and /readyz
	Web        string // the JSON API, when there is a Web.TokensFile, and the pages, when there is a SignIn
}

// Web configures access to the JSON API on callback notes.
type Web struct {
	TokensFile string // full path; empty for no API at all
}

// Look names the files by which the pages look like the municipality. Full paths; each may be empty.
type Look struct {
	Logo   string   // an SVG, PNG or WebP
	Tokens string   // a style sheet that sets design tokens
	Fonts  []string // WOFF2
}

// Prompts says where the sound files are, and holds their texts.
type Prompts struct {
	Directory         string // as this program sees it
	AsteriskDirectory string // the same directory as Asterisk sees it
	Extra             prompts.Extra
	Manifest          *prompts.Manifest  // the built-in texts with Extra
	Languages         []prompts.Language // that callers can meet, and so must be rendered
}

// State says where the daemon keeps the data that must survive a restart.
type State struct {
	Directory string
}

// LogFormat is the form of the log's lines.
type LogFormat string

// The forms.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// Callbacks says which numbers may be rung back (domain.md, "Numbers"), and how notes are worked.
type Callbacks struct {
	Countries []string      // ISO 3166 codes such as "NL"
	Lease     time.Duration // how long a claim on a note holds unless it is renewed
	// the part of the working time until its deadline after which a note is warned of, below 1; 0 for no warning
	WarnAfter float64
	Attempts  Attempts
	// the endpoint that leads outside, with {number} where the number comes; empty when nothing is dialled out
	Phones []string // that people may set on a page: names in Asterisk, or their beginning and a star
	Dial   string
	Caps   Caps
	Limits Limits
	// from when a note is closed until what is personal is removed, in whole days; 0 keeps it for ever
	Retention time.Duration
}

// Caps bound what is dialled out in one day (domain.md, "Numbers").
type Caps struct {
	Target    int // to one number
	Colleague int // by one colleague
	Day       int // in all, for one municipality
}

// Limits bound how many notes are made in one day; 0 sets no bound.
type Limits struct {
	Caller int // by telephone from one number
	Target int // for one number, from any source
	Day    int // by telephone in all, for one municipality
}

// Attempts says when an unreached caller may be given up (domain.md, "Attempts").
type Attempts struct {
	Least int // attempts, each in another part of a day
	// the times that divide a day; sorted, each once; empty when a day is one part
	Parts []calendar.Clock
}

// Norm says how deadlines are counted for a team without a rule of its own.
type Norm struct {
	Rule calendar.Rule
}

// KPI holds the thresholds of the reachability figures (domain.md, "KPIs, exactly").
type KPI struct {
	AnswerThreshold time.Duration // T
	ShortAbandon    time.Duration // S
}

// Off is a part that goes without its secret. The telephone goes on without it.
type Off struct {
	Problem // of the secret

	Part    string // what is switched off, for people
	Restart bool   // it is made at the start of the daemon, and a reload does not bring it
	Unseen  bool   // it may be that this user could not look, and the daemon can
}

// String is the problem on one line, and what it switches off.
func (o Off) String() string {
	return o.Problem.String() + "; until then this is switched off: " + o.Part
}

// Load reads the file at path and the secrets that getenv points to, such as os.Getenv, and validates all of it. Its
// error is Problems, which names every fault. A nil getenv skips the secrets, for commands that talk to no server.
func Load(path string, getenv func(string) string) (*Config, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return load(path, raw, getenv)
}

// LoadWithoutARI is Load for commands that need Redis alone: it skips the password of ARI.
func LoadWithoutARI(path string, getenv func(string) string) (*Config, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return loadFor(path, raw, (*builder).redisSecret, getenv)
}

// LoadToCheck is Load for a look at the file and at the secrets of the pages and of who is told, see Off. It skips the
// secrets of ARI and of Redis.
func LoadToCheck(path string, getenv func(string) string) (*Config, error) {
	raw, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return loadFor(path, raw, (*builder).partSecrets, getenv)
}

func load(path string, raw []byte, getenv func(string) string) (*Config, error) {
	return loadFor(path, raw, (*builder).secrets, getenv)
}

func loadFor(
	path string, raw []byte, secrets func(*builder, func(string) string), getenv func(string) string,
) (*Config, error) {
	doc, form, err := parse(path, raw)
	if err != nil {
		return nil, err
	}
	b := &builder{doc: doc, form: form, cfg: &Config{Path: path}}
	b.system()
	if getenv != nil {
		secrets(b, getenv)
	}
	b.exposedRedis()
	b.plan()
	if len(doc.problems) > 0 {
		return nil, doc.problems.sorted()
	}
	b.withoutProvider()
	b.cfg.Warnings = doc.warnings.sorted()
	return b.cfg, nil
}
