// Package townhall is a small municipality for tests: its configuration, with a Redis of its own.
package townhall

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// YAML configures a town hall. It is open from nine to five, as the specification of the norm assumes, and closed on
// the Friday after Ascension.
const YAML = `
municipalities:
  deventer:
    name: Deventer
    contact: kcc
    caller_id: "+31140570"
    hours: {weekdays: ["09:00-17:00"]}
    exceptions: [{date: 2026-05-15, reason: Dag na Hemelvaart}, {date: 2026-12-24, hours: ["09:00-12:00"]}]
entries:
  - {number: "140570", first: {team: kcc}}
agents:
  kcc1: {endpoint: PJSIP/kcc1}
teams:
  kcc: {name: KCC, members: [kcc1]}
  parttime: {name: Twee dagen, members: [kcc1], hours: {tuesday: ["10:00-15:00"], thursday: ["10:00-15:00"]}}
  owndays: {name: Eigen dagen, members: [kcc1], own_days: true,
    hours: {tuesday: ["10:00-12:00", "13:00-15:00"], thursday: ["10:00-15:00"]}}
  strict: {name: Streng, members: [kcc1], norm: same_time}
`

// Written puts a configuration, changed by pairs of old and new text, in a file, and gives its path.
func Written(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Equal(t, 1, strings.Count(text, pairs[i]), "%q must stand in the text once", pairs[i])
	}
	path := filepath.Join(t.TempDir(), "bereikbaar.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.NewReplacer(pairs...).Replace(text)), 0o600))
	return path
}

// Office is a configuration with its own Redis, and the service that promises notes there.
type Office struct {
	T     *testing.T
	Redis *redistest.Server
	Path  string // of the configuration
	Store *redisstore.Store
	Notes *callback.Service
	made  int
}

// Open starts the Redis of an office. join makes the store and the service of the configuration.
func Open(t *testing.T, join func(*config.Config) (*redisstore.Store, *callback.Service)) *Office {
	t.Helper()
	t.Setenv("BEREIKBAAR_ARI_PASSWORD", "not-asked-for")
	t.Setenv("BEREIKBAAR_REDIS_PASSWORD", redistest.Password)
	o := &Office{T: t, Redis: redistest.Start(t)}
	o.Path = Written(t, YAML, "agents:",
		// one caller asks for all notes
		o.RedisLine()+"\ncallbacks: {limits: {caller: 0, target: 0}}\nagents:\n  kcc2: {endpoint: PJSIP/kcc2}")
	cfg, err := config.Load(o.Path, os.Getenv)
	require.NoError(t, err)
	o.Store, o.Notes = join(cfg)
	t.Cleanup(func() { o.Store.Close() })
	return o
}

// RedisLine is this Redis's part of the configuration.
func (o *Office) RedisLine() string {
	return "redis: {address: " + o.Redis.Addr + ", username: " + redistest.User + "}"
}

// Note makes a note of a team. A busy machine may need more than a caller's half second.
func (o *Office) Note(team call.TeamID) note.Note {
	o.T.Helper()
	o.made++
	number, err := call.ParseNumber("0612345678")
	require.NoError(o.T, err)
	var n note.Note
	require.Eventually(o.T, func() bool {
		n, _, err = o.Notes.Promise(o.T.Context(), callback.Request{
			Key: note.Key(fmt.Sprint("pbx/", o.made)), At: time.Now(), Who: note.ByCaller, Municipality: "deventer",
			Team:   team,
			Number: number, Shown: number, Language: "nl", Name: "Els Ven", Subject: fmt.Sprint("zaak ", o.made),
			Reason: "=Wanneer?",
		})
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	return n
}
