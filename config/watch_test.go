package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bereikbaar/bereikbaar/config"
)

// watched is a running watcher and its reports.
type watched struct {
	*config.Watcher
	path    string
	changes chan *config.Config
	refused chan error
}

func watch(t *testing.T, path string, getenv func(string) string) watched {
	t.Helper()
	goleak.VerifyNone(t, goleak.IgnoreCurrent())
	first, err := config.Load(path, getenv)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	w := watched{path: path, changes: make(chan *config.Config, 10), refused: make(chan error, 10)}
	w.Watcher = config.Watch(
		ctx, first, getenv, func(c *config.Config) { w.changes <- c }, func(err error) { w.refused <- err },
	)
	t.Cleanup(func() {
		cancel()
		w.Wait()
		goleak.VerifyNone(t)
	})
	return w
}

// patience is far more than a change takes; it only bounds a test that fails.
const patience = 20 * time.Second

func (w watched) change(t *testing.T) *config.Config {
	t.Helper()
	select {
	case c := <-w.changes:
		return c
	case err := <-w.refused:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the change was not noticed")
	}
	return nil
}

func (w watched) refusal(t *testing.T) error {
	t.Helper()
	select {
	case <-w.changes:
		require.Fail(t, "a broken file was taken over")
	case err := <-w.refused:
		return err
	case <-time.After(patience):
		require.Fail(t, "the change was not noticed")
	}
	return nil
}

func save(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// put saves as most editors do: beside the file, and then in its place.
func put(t *testing.T, path, text string) {
	t.Helper()
	save(t, path+"~", text)
	require.NoError(t, os.Rename(path+"~", path))
}

func named(t *testing.T, name string) string {
	t.Helper()
	return changed(t, smallest, "name: KCC", "name: "+name)
}

func TestAChangeIsTakenOver(t *testing.T) {
	w := watch(t, write(t, smallest), nil)
	save(t, w.path, named(t, "Een"))
	c := w.change(t)
	require.Equal(t, "Een", c.Plan.Teams["kcc"].Name)
	require.Same(t, c, w.Current())
	require.Empty(t, c.NeedsRestart)
	put(t, w.path, named(t, "Twee"))
	require.Equal(t, "Twee", w.change(t).Plan.Teams["kcc"].Name)
	put(t, w.path, named(t, "Drie"))
	require.Equal(t, "Drie", w.change(t).Plan.Teams["kcc"].Name, "the file that replaced the first is watched too")
}

func TestABrokenFileIsRefused(t *testing.T) {
	w := watch(t, write(t, smallest), nil)
	before := w.Current()
	save(t, w.path, changed(t, smallest, "members: [kcc1]", "members: [kcc9], ring_time: 5"))
	err := w.refusal(t)
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 2)
	require.Same(t, before, w.Current(), "the old one stays")

	require.NoError(t, os.Remove(w.path))
	require.ErrorContains(t, w.refusal(t), "cannot be opened")
	save(t, w.path, named(t, "Terug"))
	require.Equal(t, "Terug", w.change(t).Plan.Teams["kcc"].Name)
	require.Equal(t, "KCC", before.Plan.Teams["kcc"].Name, "calls that run keep their plan")
}

func TestReloadAsks(t *testing.T) {
	w := watch(t, write(t, smallest), nil)
	w.Reload()
	require.Equal(t, "KCC", w.change(t).Plan.Teams["kcc"].Name, "SIGHUP reads a file that did not change")
}

func TestKeysThatNeedARestartKeepTheirValue(t *testing.T) {
	password := "one-x7"
	w := watch(t, write(t, smallest), func(name string) string {
		if name == "BEREIKBAAR_ARI_PASSWORD" {
			return password
		}
		return ""
	})
	before := w.Current()
	save(t, w.path, changed(t, named(t, "Nieuw"), "agents:", strings.Join([]string{
		"ari: {application: other}", "redis: {database: 3}", "listen: {operations: \"127.0.0.1:9999\"}",
		"prompts: {directory: /p}",
		"web: {tokens_file: /t}", "sign_in: {local: {enabled: true}}", "state: {directory: /s}",
		"log: {level: debug, format: json}",
		"kpi: {answer_threshold: 20s}",
		"callbacks: {countries: [BE]}", "agents:",
	}, "\n")))
	c := w.change(t)
	require.Equal(
		t,
		[]string{
			"ari", "redis", "listen", "web", "sign_in", "prompts.directory", "prompts.asterisk_directory", "state",
			"log.format",
			"kpi",
		},
		c.NeedsRestart,
	)
	require.Equal(t, before.ARI, c.ARI)
	require.Equal(t, before.Redis, c.Redis)
	require.Equal(t, before.Listen, c.Listen)
	require.Equal(t, before.Prompts.Directory, c.Prompts.Directory)
	require.Equal(t, before.Prompts.AsteriskDirectory, c.Prompts.AsteriskDirectory)
	require.Equal(t, before.State, c.State)
	require.Equal(t, before.Log.Format, c.Log.Format)
	require.Equal(t, before.KPI, c.KPI)
	require.Equal(t, "Nieuw", c.Plan.Teams["kcc"].Name, "the rest is taken over")
	require.Equal(t, []string{"BE"}, c.Callbacks.Countries)
	require.Equal(t, "DEBUG", c.Log.Level.String())
}

// A secret that is gone keeps nothing of a new file from taking effect.
func TestAChangeWithASecretThatIsGone(t *testing.T) {
	secret := secretIn(t, goodHookSecret)
	hook := func(name string) string {
		return changed(t, named(t, name), "agents:",
			`notify: {link: "https://a.nl", webhooks: {zaak: {url: "https://z.nl", secret_file: `+secret+"}}}\n"+
				`sign_in: {address: "https://a.nl", oidc: {issuer: "https://b.nl", client_id: x, client_secret_file: `+
				secret+"}}\nagents:")
	}
	w := watch(t, write(t, hook("Een")), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
	before := w.Current()
	require.NoError(t, os.Rename(secret, secret+".away"))
	save(t, w.path, hook("Twee"))
	c := w.change(t)
	require.Equal(t, "Twee", c.Plan.Teams["kcc"].Name)
	require.Len(t, c.Off, 2)
	require.True(t, c.Notify.Webhooks["zaak"].Off)
	require.Equal(t, before.SignIn, c.SignIn, "it goes on as it is until a restart")
	require.Equal(t, []string{"sign_in"}, c.NeedsRestart)
	require.NoError(t, os.Rename(secret+".away", secret))
	w.Reload()
	c = w.change(t)
	require.Empty(t, c.Off)
	require.False(t, c.Notify.Webhooks["zaak"].Off)
}

func TestALinkThatIsTurned(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		save(t, filepath.Join(dir, version, "c.yaml"), named(t, version))
	}
	require.NoError(t, os.Symlink("v1", filepath.Join(dir, "data")))
	require.NoError(t, os.Symlink("data/c.yaml", filepath.Join(dir, "c.yaml")))
	w := watch(t, filepath.Join(dir, "c.yaml"), nil)
	require.Equal(t, "v1", w.Current().Plan.Teams["kcc"].Name)
	require.NoError(t, os.Symlink("v2", filepath.Join(dir, "data-")))
	require.NoError(t, os.Rename(filepath.Join(dir, "data-"), filepath.Join(dir, "data")))
	require.Equal(t, "v2", w.change(t).Plan.Teams["kcc"].Name)
}

func TestALinkToAFileElsewhere(t *testing.T) {
	target := write(t, smallest)
	link := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.Symlink(target, link))
	w := watch(t, link, nil)
	save(t, target, named(t, "Elders"))
	require.Equal(t, "Elders", w.change(t).Plan.Teams["kcc"].Name)
}

// A log beside the configuration is written all the time: the file itself is quiet all the same.
func TestAFileOfAnotherNameDoesNotKeepItWaiting(t *testing.T) {
	w := watch(t, write(t, smallest), nil)
	busy := time.NewTicker(50 * time.Millisecond)
	defer busy.Stop()
	save(t, w.path, named(t, "Ons"))
	for deadline := time.After(patience); ; {
		select {
		case c := <-w.changes:
			require.Equal(t, "Ons", c.Plan.Teams["kcc"].Name)
			require.Empty(t, w.refused)
			return
		case <-busy.C:
			save(t, filepath.Join(filepath.Dir(w.path), "other.log"), "x")
		case <-deadline:
			require.Fail(t, "the change was not noticed")
		}
	}
}

func TestADirectoryThatCannotBeWatched(t *testing.T) {
	path := write(t, smallest)
	first, err := config.Load(path, nil)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	ctx, cancel := context.WithCancel(t.Context())
	var told []error
	w := config.Watch(ctx, first, nil, func(*config.Config) {}, func(err error) { told = append(told, err) })
	require.Len(t, told, 1)
	require.ErrorContains(t, told[0], "send SIGHUP")
	cancel()
	w.Wait()
}
