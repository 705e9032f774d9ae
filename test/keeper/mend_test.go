package keeper_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/test/redistest"
	"github.com/bereikbaar/bereikbaar/test/storetest"
)

// withOldUsers starts a server with the rules of users that were shipped until November 2026: its default user had no
// rights.
func withOldUsers(t *testing.T, kind redistest.Kind) *redistest.Server {
	t.Helper()
	good, err := redistest.ShippedUsers()
	require.NoError(t, err)
	old := strings.Replace(
		good, "user default off resetpass ~* &* +@all", "user default off resetpass resetkeys resetchannels -@all", 1,
	)
	require.NotEqual(t, good, old)
	server := redistest.Prepare(t, "", kind)
	require.NoError(t, server.SetUsers(old))
	server.Restart()
	return server
}

// isMended follows docs/operating.md under redis-unsafe, in that order, and gives the path of the log's copy.
func (w *town) isMended() string {
	w.t.Helper()
	aside := filepath.Join(w.t.TempDir(), "aside")
	require.NoError(w.t, os.CopyFS(filepath.Join(aside, "appendonlydir"), os.DirFS(filepath.Dir(w.server.Manifest()))))
	good, err := redistest.ShippedUsers()
	require.NoError(w.t, err)
	require.NoError(w.t, w.server.SetUsers(good))
	c := redistest.Client(w.server.Addr)
	defer c.Close()
	require.NoError(w.t, c.Do(ctx, "ACL", "LOAD").Err())
	w.rewrites()
	return aside
}

func TestAnInstallationWithTheOldUsersIsMended(t *testing.T) {
	t.Parallel()
	for _, kind := range redistest.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			server := withOldUsers(t, kind)
			d := starts(t, server, filepath.Join(t.TempDir(), "journal.db"))
			w := newTown(t, server, d.store) // no journal helps
			w.works(atFirst)
			require.NotEmpty(t, w.erased)
			w.isMended()
			w.holds("mended")
			for _, what := range "12" {
				w.works(between)
				w.suffers(what)
				w.holds("mended, and then " + string(what))
			}
		})
	}
}

// It was restarted before the fault was known: the journal's content is back, an erasure by hand is not. The copy of
// the log shows which.
func TestTheLossesOfAnInstallationWithTheOldUsersAreFound(t *testing.T) {
	t.Parallel()
	server := withOldUsers(t, redistest.Redis)
	d := starts(t, server, filepath.Join(t.TempDir(), "journal.db"))
	w := newTown(t, server, d.work)
	w.works(atFirst)
	gone := d.promises(t)
	erase := func() {
		_, err := storetest.Patiently(func() (int, error) {
			return callback.NewWorklist(d.store, storetest.Rules{}, nil).Erase(
				ctx, deventer, gone.Number, note.ByAgent("els"), time.Now(),
			)
		})
		require.NoError(t, err)
	}
	erase()
	server.Stop()
	server.Restart()
	require.Contains(t, server.Log(), "AOF-loading-client: '-NOPERM")
	d.catchesUp(t)
	stored := requireInvariants(t, server)
	require.Equal(t, note.Open, stored.Notes[gone.ID].State, "the fault: an erased person is back")

	aside := w.isMended()
	server.Stop()
	server.Restart()
	w.told[gone.ID] = gone
	w.holds("mended, and nothing is there twice")
	require.Equal(t, []string{string(gone.ID) + " purged"}, w.lost(aside))
	erase()
	w.erased = append(w.erased, gone)
	w.nobodyIsBack("erased anew")
}

// lost runs the command of docs/operating.md that lists the changes in a copy of the log that Redis lacks.
func (w *town) lost(aside string) []string {
	w.t.Helper()
	source, err := filepath.Abs("../../docs/operating.md")
	require.NoError(w.t, err)
	manual, err := os.ReadFile(source)
	require.NoError(w.t, err)
	_, after, found := strings.Cut(string(manual), "<!-- what is lost -->\n```\n")
	require.True(w.t, found, "the commands in docs/operating.md")
	script, _, found := strings.Cut(after, "```")
	require.True(w.t, found)
	script = strings.NewReplacer(
		"/var/lib/redis-aside", aside, "runuser -u redis -- ", "", "redis-cli --user beheer",
		"redis-cli -s "+w.server.Addr+" --user beheer",
	).Replace(script)
	cmd := exec.Command("bash", "-euc", script)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+redistest.OperatorPassword)
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "%s", out)
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
