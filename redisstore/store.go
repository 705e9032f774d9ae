// Package redisstore owns how callback notes, people and their sessions lie in Redis: the keys, one Lua script per
// transition, and what holds when Redis does not answer.
package redisstore

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/listing"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

var (
	_ note.Store     = (*Store)(nil)
	_ note.Reader    = (*Store)(nil)
	_ listing.Finder = (*Store)(nil)
	_ dialling.Tally = (*Store)(nil)
	_ staff.Presence = (*Store)(nil)
	_ staff.People   = (*Store)(nil)
	_ notify.Outbox  = (*Outbox)(nil)
	_ notify.Notes   = (*Store)(nil)
	_ notify.Log     = (*Store)(nil)

	_ signin.Accounts = (*Store)(nil)
	_ signin.SignOuts = (*Store)(nil)
	_ signin.Sessions = (*Sessions)(nil)
)

// The limits were measured on Redis 7.0 with go-redis 9.23: the defaults of the library run a script up to four times
// when a reply is lost, and wait ten seconds for a frozen server.
const (
	dialLimit  = 250 * time.Millisecond
	replyLimit = 400 * time.Millisecond
	// of one method, all its steps and repeats together: a caller hears silence after 500
	requestLimit = 400 * time.Millisecond

	// connections bounds how many requests share one fsync: with appendfsync always, Redis syncs once for all that are
	// in.
	connections = 64

	repeats    = 3
	firstPause = 20 * time.Millisecond // doubled each time: 140 ms in all
)

// Options say where Redis is and with which user.
type Options struct {
	Addr     string // "host:port", or the path of a unix socket, which begins with "/"
	Username string // see deploy/redis/users.acl; empty for Redis's default user
	Password string
	DB       int
	// TLS reads certificates and the like; nil without TLS. It is called for every connection, and its last result is
	// used when it fails.
	TLS func() (*tls.Config, error)
	// Sentinel says where to ask for Redis, in place of Addr; nil for Addr.
	Sentinel *Sentinel
	Failed   func() // called for each command that Redis refused or did not answer in time; must not wait; may be nil
}

// LogValue keeps the password out of logs.
func (o Options) LogValue() slog.Value {
	if o.Sentinel != nil {
		return slog.StringValue(o.Username + "@" + o.Sentinel.Master + " of " + strings.Join(o.Sentinel.Addrs, ", "))
	}
	return slog.StringValue(o.Username + "@" + o.Addr)
}

// Store keeps callback notes in Redis. It is safe for use by several goroutines.
type Store struct {
	client       *redis.Client
	certificates *certificates // nil without TLS
	primary      *primary      // nil without sentinels
	faults       faults
}

var quietOnce sync.Once

// Open prepares a store. It neither waits nor fails when Redis is away, because calls are answered without it: every
// method finds out anew, within half a second.
func Open(o Options) *Store {
	quietOnce.Do(func() { redis.SetLogger(debugLog{}) })
	s := &Store{certificates: certificatesOf(o.TLS)}
	options := &redis.Options{
		Addr:     o.Addr,
		Username: o.Username,
		Password: o.Password,
		DB:       o.DB,
		Dialer:   dialWith(s.certificates),

		// The library repeats nothing: Store.run repeats scripts, which are idempotent.
		MaxRetries:            -1,
		ContextTimeoutEnabled: true,
		DialTimeout:           dialLimit,
		DialerRetries:         1, // the default dials five times, 100 ms between
		ReadTimeout:           replyLimit,
		WriteTimeout:          replyLimit,
		PoolTimeout:           requestLimit,
		PoolSize:              connections,
		PipelinePoolSize:      -1, // reads share the one pool
		DisableIdentity:       true,
		MaintNotificationsConfig: &maintnotifications.Config{ // a feature of hosted Redis, and one more right to grant
			Mode: maintnotifications.ModeDisabled,
		},
	}
	if o.Sentinel != nil {
		s.primary = followPrimary(*o.Sentinel, options.Dialer)
		options.Addr, options.Network = "the primary", "tcp"
		options.DialTimeout = sentinelLimit + dialLimit
		options.Dialer, options.OnConnect = s.primary.connect, s.primary.isPrimary
	}
	s.client = redis.NewClient(options)
	if o.Failed != nil {
		s.client.AddHook(failures{o.Failed})
	}
	return s
}

// Close ends the connections. Methods give an error from then on.
func (s *Store) Close() error {
	if s.primary != nil {
		s.primary.close()
	}
	return s.client.Close()
}

// Ping says whether Redis answers, for readiness and health metrics.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.client.Ping(ctx).Err(); err != nil {
		return down("ping", err)
	}
	return nil
}

// writes does nothing. Redis takes a script without the flag no-writes for one that writes, and refuses it beforehand
// when it takes no writes.
var writes = redis.NewScript("#!lua\nreturn 1")

// TakesWrites says why Redis takes no writes now, nil when it does: a Redis that loads, is a read-only replica, is full
// or cannot write to its disk still answers reads. It changes nothing.
func (s *Store) TakesWrites(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := writes.Run(ctx, s.client, nil).Err(); err != nil {
		return down("try whether notes can be changed", err)
	}
	return nil
}

func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, requestLimit)
}

// run runs a script that is idempotent and answers with a list of texts. It tries again after errors that may pass,
// such as a connection that Redis closed when it restarted, as long as the time of ctx lasts.
func (s *Store) run(ctx context.Context, script *redis.Script, keys []string, args []any) ([]string, error) {
	pause := firstPause
	for try := 0; ; try++ {
		reply, err := script.Run(ctx, s.client, keys, args...).StringSlice()
		if err == nil || try == repeats || !passing(err) || !wait(ctx, pause) {
			return reply, err
		}
		pause *= 2
	}
}

// wait waits, and reports false when ctx ends first or has no time left for another try.
func wait(ctx context.Context, pause time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// debugLog takes the lines that go-redis logs about its connections. The resulting error is logged once, by the code
// that gets it; thousands of lines during an outage would hide it.
type debugLog struct{}

// Printf writes at debug level.
func (debugLog) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, fmt.Sprintf(format, v...), "component", "go-redis") //nolint:sloglint // the library's text
}

// Identity names the Redis that answers: it changes when Redis was restarted, replaced, or promoted from a replica, and
// confirmed notes must be checked then. With sentinels it asks them for the primary first, and leaves any other Redis:
// call it often.
func (s *Store) Identity(ctx context.Context) (string, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.primary != nil {
		s.primary.look(ctx)
	}
	var parts []string
	for _, section := range []string{"server", "replication"} {
		text, err := s.client.Info(ctx, section).Result()
		if err != nil {
			return "", down("ask for INFO", err)
		}
		info := parseInfo(text)
		parts = append(parts, info["run_id"]+info["master_replid"]+info["role"])
	}
	return strings.Join(parts, "/"), nil
}
