package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// WatchApplication is the name of the second Stasis application on our websocket. It alone subscribes to agents'
// phones: an application that subscribes to endpoint:PJSIP/x and also has a channel of that phone gets each event of
// the channel twice, keys and PlaybackFinished included (seen on 22.10.1).
func WatchApplication(application string) string { return application + "-phones" }

// stuckAfter is how many ReadTimeouts a pong may stay out while events still come in. Asterisk answers pings and runs
// commands in one thread per websocket, so by then it runs no commands of ours.
const stuckAfter = 3

// Options are the settings of a Conn. URL, Application, Username and Password are required; the rest has defaults.
type Options struct {
	URL         string // of ARI, such as http://127.0.0.1:8088/ari; https, ws and wss are understood
	Application string // the name in the dialplan's Stasis(NAME)
	Username    string // a user of ari.conf that is not read_only
	Password    string // goes into a header, never into a URL

	// CommandTimeout is how long Asterisk may stay silent while a command waits for the link or its reply; default 2 s.
	CommandTimeout time.Duration
	PingEvery      time.Duration // default 2 s
	ReadTimeout    time.Duration // a link that is silent for so long is dead; default 7 s
	BackoffMin     time.Duration // wait before the first attempt to reconnect; default 250 ms
	BackoffMax     time.Duration // wait between attempts after many failures; default 5 s
	RefusedRetry   time.Duration // wait after a wrong password; default 30 s

	ReadLimit  int64 // bytes; a longer message ends the link, as Asterisk cannot be trusted then; default 16 MiB
	EventLimit int   // bytes; a longer event is counted and skipped (replies may be longer); default 1 MiB

	Logger   *slog.Logger // default: silent
	Observer Observer     // default: nobody

	// dialer replaces net.Dialer in tests.
	dialer func(ctx context.Context, network, address string) (net.Conn, error)
}

// target is where the websocket and ARI are.
type target struct {
	url   string // of the websocket, without secrets
	lists string // of ARI itself, for plain HTTP, without secrets
	shown string // host and port, for people
	watch string // the application that watches endpoints
}

// applicationName has the characters that ARI (a comma separates applications), the dialplan and URLs take unchanged.
var applicationName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)

func (o Options) complete() (Options, target, error) {
	events, err := eventsURL(o.URL)
	problems := []error{err}
	if !applicationName.MatchString(o.Application) {
		problems = append(
			problems,
			fmt.Errorf("application %q: give 1 to 60 letters, digits, points, dashes or underscores", o.Application),
		)
	}
	if o.Username == "" || strings.ContainsFunc(o.Username, func(r rune) bool { return r == ':' || r < ' ' }) {
		problems = append(
			problems, fmt.Errorf("user name %q: give the name of a user in ari.conf, without colon", o.Username),
		)
	}
	if o.Password == "" {
		problems = append(problems, errors.New("password: it is empty; give that of the user in ari.conf"))
	}
	o.setDefaults()
	problems = append(problems, o.checkTimes())
	if err := errors.Join(problems...); err != nil {
		return o, target{}, err
	}
	to := target{shown: events.Host, watch: WatchApplication(o.Application)}
	events.RawQuery = url.Values{"app": {o.Application + "," + to.watch}, "subscribeAll": {"false"}}.Encode()
	to.url = events.String()
	plain := *events
	plain.Scheme, plain.RawQuery = strings.Replace(events.Scheme, "ws", "http", 1), ""
	to.lists = strings.TrimSuffix(plain.String(), "events")
	return o, to, nil
}

func (o *Options) setDefaults() {
	fill(&o.CommandTimeout, 2*time.Second)
	fill(&o.PingEvery, 2*time.Second)
	fill(&o.ReadTimeout, 7*time.Second)
	fill(&o.BackoffMin, 250*time.Millisecond)
	fill(&o.BackoffMax, 5*time.Second)
	fill(&o.RefusedRetry, 30*time.Second)
	fill(&o.ReadLimit, 16<<20)
	fill(&o.EventLimit, 1<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.dialer == nil {
		o.dialer = (&net.Dialer{Timeout: o.ReadTimeout}).DialContext
	}
}

func fill[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

func (o *Options) checkTimes() error {
	var problems []error
	for name, d := range map[string]time.Duration{
		"command timeout": o.CommandTimeout, "ping interval": o.PingEvery, "read timeout": o.ReadTimeout,
		"shortest backoff": o.BackoffMin, "longest backoff": o.BackoffMax, "retry after a refusal": o.RefusedRetry,
	} {
		if d < 0 {
			problems = append(problems, fmt.Errorf("%s %s: give a time above 0", name, d))
		}
	}
	if o.PingEvery >= o.ReadTimeout {
		problems = append(
			problems,
			fmt.Errorf(
				"read timeout %s: give more than the ping interval %s, or idle links look dead", o.ReadTimeout,
				o.PingEvery,
			),
		)
	}
	if o.BackoffMin > o.BackoffMax {
		problems = append(
			problems, fmt.Errorf("shortest backoff %s: give at most the longest, %s", o.BackoffMin, o.BackoffMax),
		)
	}
	if o.ReadLimit < 0 || o.EventLimit < 0 || int64(o.EventLimit) > o.ReadLimit {
		problems = append(
			problems,
			fmt.Errorf("event limit %d: give at most the read limit %d, both above 0", o.EventLimit, o.ReadLimit),
		)
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// eventsURL makes the address of the websocket from that of ARI.
func eventsURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse repeats the address, which may hold a password; ours never do.
		return nil, errors.New("url: it can't be read; give one like http://127.0.0.1:8088/ari")
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("url: leave out user, password and query; give user name and password on their own")
	case u.Host == "":
		return nil, errors.New("url: it names no host; give one like http://127.0.0.1:8088/ari")
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return nil, fmt.Errorf("url: it starts with %q; give one that starts with http, https, ws or wss", u.Scheme)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/events") + "/events"
	return u, nil
}
