package rig

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// TestTheShippedSiteFilesWork starts an Asterisk on the shipped files, with address, passwords and one phone filled in.
func TestTheShippedSiteFilesWork(t *testing.T) {
	t.Parallel()
	source, err := root.Source()
	require.NoError(t, err)
	o := withoutDaemon(t)
	o.Without = append(o.Without, TheAsterisk)
	r, ctx := newRig(t, o)

	shipped, err := filepath.Glob(filepath.Join(source, "deploy", "asterisk", "site", "*.conf"))
	require.NoError(t, err)
	mine := 0
	for name := range siteFiles {
		if strings.HasPrefix(name, "site/") {
			mine++
		}
	}
	require.Len(t, shipped, mine, "the rig fills in the same files as an operator")
	music, err := MusicDir()
	require.NoError(t, err)
	host, port, _ := strings.Cut(r.Asterisk.HTTP, ":")
	for _, path := range shipped {
		require.Contains(t, siteFiles, "site/"+filepath.Base(path))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		filled := strings.NewReplacer(
			"127.0.0.1", host, "8088", port, "192.0.2.10:5060", r.Asterisk.SIP, "198.51.100.20",
			r.place.host(hostOutside),
			";password =", "password = secret", ";[", "[", ";transport", "transport", ";auth", "auth", ";aors", "aors",
			";username", "username", "/var/lib/bereikbaar/music", music,
		).Replace(string(text))
		require.NoError(
			t,
			os.WriteFile(filepath.Join(r.Dir, "asterisk", "etc", "site", filepath.Base(path)), []byte(filled), 0o600),
		)
	}
	require.NoError(t, r.Asterisk.Start(ctx))

	complaints, err := r.Asterisk.Messages("WARNING", "ERROR")
	require.NoError(t, err)
	require.Empty(t, complaints)
	endpoints, err := r.Asterisk.CLI(ctx, "pjsip show endpoints")
	require.NoError(t, err)
	require.Contains(t, endpoints, "trunk")
	require.Contains(t, endpoints, "kcc1")
	users, err := r.Asterisk.CLI(ctx, "ari show users")
	require.NoError(t, err)
	require.Contains(t, users, "bereikbaar")
}

// Callbacks are dialled by the daemon, after it has checked the number; no dialplan leads outside.
func TestNoDialplanReachesTheTrunk(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	plan, err := r.Asterisk.CLI(ctx, "dialplan show")
	require.NoError(t, err)
	require.Contains(t, plan, "bereikbaar-fallback", "it is the whole dialplan")
	require.Contains(t, plan, "Dial(PJSIP/kcc1", "phones ring each other")
	require.NotContains(t, plan, "trunk,")
	require.NotContains(t, plan, "@trunk")
}

func TestAQuietStart(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	complaints, err := r.Asterisk.Messages("WARNING", "ERROR")
	require.NoError(t, err)
	require.Empty(t, complaints)
	modules, err := r.Asterisk.CLI(ctx, "module show")
	require.NoError(t, err)
	require.NotContains(t, modules, "Not Running")
}

func TestARIReadsNoFiles(t *testing.T) {
	t.Parallel()
	r, ctx := newRig(t, withoutDaemon(t))
	caller, err := r.Call(ctx, CallerOptions{})
	require.NoError(t, err)
	_, err = caller.AwaitAnswer(ctx)
	require.NoError(t, err)

	ask := func(path string) (int, string) {
		status, body, err := get(ctx, "http://bereikbaar:"+r.Asterisk.Password+"@"+r.Asterisk.HTTP+"/ari/channels"+path)
		require.NoError(t, err)
		return status, body
	}
	_, body := ask("")
	var channels []struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(body), &channels))
	require.NotEmpty(t, channels)
	for _, channel := range channels { // it is one, and may be listed more than once while it changes
		require.Equal(t, channels[0], channel)
	}
	status, body := ask("/" + channels[0].ID + "/variable?variable=CALLERID(num)")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"value":"0612345678"}`, body)
	status, _ = ask("/" + channels[0].ID + "/variable?variable=STAT(e,/etc/hosts)")
	require.Equal(t, http.StatusInternalServerError, status, "live_dangerously is off")
}
