package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/config"
)

const (
	infoLimit = 3 * time.Second // for a plain HTTP request to ARI
	linkLimit = 4 * time.Second // for the link
	infoBytes = 1 << 20
)

// applicationSuffix makes the name of the doctor's own application: under the daemon's name it would take over the
// daemon's calls. Asterisk forgets the application when the doctor disconnects.
const applicationSuffix = "-doctor"

// switchFacts is what Asterisk says. After an error the remaining questions are not asked.
type switchFacts struct {
	application string // of the daemon
	reach       error  // ARI gives no answer over HTTP
	status      int    // of its answer
	version     string // as Asterisk writes it
	link        error  // there is no websocket that carries commands
	calls       applicationFacts
	watch       applicationFacts
	endpoints   []asterisk.Endpoint
	trunks      []trunkFacts
	objects     []object      // of PJSIP
	channels    error         // the list of channels does not come
	skew, took  time.Duration // of Asterisk's clock before ours, and of the answer
	ask         error         // one of the questions was not answered
}

// applicationFacts is how Asterisk has registered an application.
type applicationFacts struct {
	registered bool
	Allowed    []eventFacts `json:"events_allowed"`
	Disallowed []eventFacts `json:"events_disallowed"`
}

type eventFacts struct {
	Type asterisk.EventType `json:"type"`
}

// askSwitch asks over plain HTTP first, which any Asterisk understands: that tells later failures apart.
func askSwitch(ctx context.Context, c config.ARI, phones []phone, dial string) switchFacts {
	f := switchFacts{application: c.Application}
	f.version, f.status, f.reach = askVersion(ctx, c)
	if f.reach != nil || f.status != http.StatusOK {
		return f
	}
	news := newLinkNews()
	conn, err := asterisk.New(asterisk.Options{
		URL: c.URL, Application: c.Application + applicationSuffix, Username: c.Username, Password: c.Password.Reveal(),
		PingEvery: time.Second, ReadTimeout: infoLimit, Observer: news,
	})
	if err != nil {
		f.link = err
		return f
	}
	ctx, hangUp := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer hangUp()
	work.Go(func() { news.ended <- conn.Run(ctx) })
	if f.link = news.await(ctx, conn); f.link == nil {
		about := newInquiry(conn)
		if f.ask = f.askAll(ctx, conn, about, phones, dial); f.ask == nil {
			f.objects = askSettings(ctx, about, f.endpoints, phones, dial)
		}
	}
	return f
}

// askVersion asks for asterisk/info. An answer other than 200 is no error; the version is empty when it is missing.
func askVersion(ctx context.Context, c config.ARI) (version string, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, infoLimit)
	defer cancel()
	address, err := infoURL(c.URL)
	if err != nil {
		return "", 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", 0, withoutAddress(err)
	}
	request.SetBasicAuth(c.Username, c.Password.Reveal())
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true}, // and no proxy
		// keep the password here
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return "", 0, withoutAddress(err)
	}
	defer response.Body.Close()
	var info struct {
		System struct{ Version string }
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, infoBytes)).Decode(
		&info,
	); err != nil && response.StatusCode == http.StatusOK {
		return "", 0, fmt.Errorf("the server there is not ARI: %w", err)
	}
	return info.System.Version, response.StatusCode, nil
}

// infoURL makes the address of asterisk/info from that of the events, or of ARI itself.
func infoURL(events string) (string, error) {
	u, err := url.Parse(events)
	if err != nil {
		return "", errors.New("ari.url cannot be read") // the error would repeat the address
	}
	if scheme, websocket := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]; websocket {
		u.Scheme = scheme
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/events") + "/asterisk/info"
	return u.String(), nil
}

// withoutAddress takes the address out of an error of net/http.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// linkNews waits for the first event of the doctor's link: one attempt is enough.
type linkNews struct {
	lost  chan struct{}
	once  sync.Once
	ended chan error
}

func newLinkNews() *linkNews { return &linkNews{lost: make(chan struct{}), ended: make(chan error, 1)} }

// LinkLost implements asterisk.Observer.
func (n *linkNews) LinkLost(asterisk.LossReason) { n.once.Do(func() { close(n.lost) }) }

// LinkUp implements asterisk.Observer.
func (n *linkNews) LinkUp() {}

// EventSkipped implements asterisk.Observer.
func (n *linkNews) EventSkipped(asterisk.SkipReason) {}

// CommandDone implements asterisk.Observer.
func (n *linkNews) CommandDone(string, int, time.Duration) {}

// await waits until the link is up, or gives the reason why the first attempt failed.
func (n *linkNews) await(ctx context.Context, conn *asterisk.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, linkLimit)
	defer cancel()
	up := make(chan error, 1)
	go func() { up <- conn.AwaitUp(ctx) }()
	select {
	case err := <-up:
		return err
	case <-n.lost:
		_, _, err := conn.State()
		return err
	}
}

// askAll asks over the link. The first unanswered question ends it.
func (f *switchFacts) askAll(
	ctx context.Context, conn *asterisk.Conn, about *inquiry, phones []phone, dial string,
) error {
	asked := time.Now()
	pong, err := conn.Do(ctx, http.MethodGet, "asterisk/ping", nil, nil)
	if err != nil {
		return err
	}
	f.took = time.Since(asked)
	f.skew = skewOf(pong.Body, asked.Add(f.took/2))
	if f.calls, err = askApplication(ctx, conn, f.application); err != nil {
		return err
	}
	if f.watch, err = askApplication(ctx, conn, asterisk.WatchApplication(f.application)); err != nil {
		return err
	}
	if f.endpoints, err = conn.Endpoints(ctx); err != nil {
		return err
	}
	if f.trunks, err = askTrunks(ctx, about, f.endpoints, phones, dial); err != nil {
		return err
	}
	_, f.channels = conn.Do(ctx, http.MethodGet, "channels", nil, nil)
	return nil
}

// skewOf is 0 when Asterisk gives no time.
func skewOf(pong string, now time.Time) time.Duration {
	var told struct{ Timestamp string }
	if json.Unmarshal([]byte(pong), &told) != nil {
		return 0
	}
	at, err := time.Parse("2006-01-02T15:04:05.000-0700", told.Timestamp)
	if err != nil {
		return 0
	}
	return at.Sub(now)
}

func askApplication(ctx context.Context, conn *asterisk.Conn, name string) (applicationFacts, error) {
	var f applicationFacts
	r, err := conn.Do(ctx, http.MethodGet, "applications/"+url.PathEscape(name), nil, nil)
	if asterisk.IsGone(err) {
		return f, nil
	}
	if err := cmp.Or(err, json.Unmarshal([]byte(r.Body), &f)); err != nil {
		return f, err
	}
	f.registered = true
	return f, nil
}
