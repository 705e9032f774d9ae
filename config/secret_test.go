package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/config"
)

// environment is a getenv that knows only these variables.
func environment(pairs ...string) func(string) string {
	variables := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		variables[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return variables[name] }
}

func secretFile(t *testing.T, dir, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_"))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func withARIFile(t *testing.T, path string) string {
	t.Helper()
	return changed(t, smallest, "agents:", "ari: {password_file: "+path+"}\nagents:")
}

func TestSecretsAreFound(t *testing.T) {
	dir := t.TempDir()
	t.Run("in the environment", func(t *testing.T) {
		cfg, err := config.Load(
			write(t, smallest), environment("BEREIKBAAR_ARI_PASSWORD", "x7:y#8\n", "BEREIKBAAR_REDIS_PASSWORD", "r"),
		)
		require.NoError(t, err)
		require.Equal(t, "x7:y#8", cfg.ARI.Password.Reveal())
		require.Equal(t, "r", cfg.Redis.Password.Reveal())
	})
	t.Run("in a file that the environment names", func(t *testing.T) {
		cfg, err := config.Load(
			write(t, smallest),
			environment("BEREIKBAAR_ARI_PASSWORD_FILE", secretFile(t, dir, "\ufeffx7y8\r\n", 0o600)),
		)
		require.NoError(t, err)
		require.Equal(t, "x7y8", cfg.ARI.Password.Reveal())
		require.True(t, cfg.Redis.Password.Empty(), "Redis needs none")
	})
	t.Run("in a file that the configuration names", func(t *testing.T) {
		cfg, err := config.Load(write(t, withARIFile(t, secretFile(t, dir, " x7 y8 ", 0o400))), environment())
		require.NoError(t, err)
		require.Equal(t, " x7 y8 ", cfg.ARI.Password.Reveal())
	})
	t.Run("the environment goes before the configuration", func(t *testing.T) {
		cfg, err := config.Load(write(t, withARIFile(t, "/nowhere")), environment("BEREIKBAAR_ARI_PASSWORD", "x7"))
		require.NoError(t, err)
		require.Equal(t, "x7", cfg.ARI.Password.Reveal())
	})
	t.Run("in systemd's credentials, whose group bits are an access list's mask", func(t *testing.T) {
		path := secretFile(t, dir, "x7", 0o440)
		cfg, err := config.Load(
			write(t, smallest), environment("BEREIKBAAR_ARI_PASSWORD_FILE", path, "CREDENTIALS_DIRECTORY", dir),
		)
		require.NoError(t, err)
		require.Equal(t, "x7", cfg.ARI.Password.Reveal())
	})
	t.Run("and not looked for without an environment", func(t *testing.T) {
		cfg, err := config.Load(write(t, withARIFile(t, "/nowhere")), nil)
		require.NoError(t, err)
		require.True(t, cfg.ARI.Password.Empty())
	})
}

func TestSecretsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	byFile := func(t *testing.T, text string, mode os.FileMode) (string, func(string) string) {
		return withARIFile(t, secretFile(t, dir, text, mode)), environment()
	}
	tests := map[string]struct {
		given func(t *testing.T) (string, func(string) string)
		want  string
	}{
		"none": {
			func(*testing.T) (string, func(string) string) { return smallest, environment() },
			`ari.password_file: there is no password for ari; name a file here that holds it, or set BEREIKBAAR_ARI_PASSWORD or BEREIKBAAR_ARI_PASSWORD_FILE`,
		},
		"two at once": {
			func(*testing.T) (string, func(string) string) {
				return smallest, environment("BEREIKBAAR_ARI_PASSWORD", "hush", "BEREIKBAAR_ARI_PASSWORD_FILE", "/hush")
			},
			`BEREIKBAAR_ARI_PASSWORD: it is set, and BEREIKBAAR_ARI_PASSWORD_FILE too; set one of the two`,
		},
		"one that everybody knows": {
			func(*testing.T) (string, func(string) string) {
				return smallest, environment("BEREIKBAAR_ARI_PASSWORD", "Asterisk")
			},
			`BEREIKBAAR_ARI_PASSWORD: the password is one that everybody knows from examples; choose a long random one, here and in ari's own configuration`,
		},
		"a file that the group can read": {
			func(t *testing.T) (string, func(string) string) { return byFile(t, "hush", 0o640) },
			`can be read by others than its owner (mode 0640); chmod 0400 or 0600 it, and change the password`,
		},
		"a file that all can read": {
			func(t *testing.T) (string, func(string) string) { return byFile(t, "hush", 0o604) },
			`can be read by others than its owner (mode 0604)`,
		},
		"a credential that all can read": {
			func(t *testing.T) (string, func(string) string) {
				return smallest, environment(
					"BEREIKBAAR_ARI_PASSWORD_FILE", secretFile(t, dir, "hush", 0o444), "CREDENTIALS_DIRECTORY", dir,
				)
			},
			`can be read by others than its owner (mode 0444)`,
		},
		"an empty file": {
			func(t *testing.T) (string, func(string) string) { return byFile(t, "\n", 0o600) },
			`10: ari.password_file: there is no password in it; write the password in it, on one line`,
		},
		"a file of several lines": {
			func(t *testing.T) (string, func(string) string) { return byFile(t, "hush\nhush\n", 0o600) },
			`it holds more than one line`,
		},
		"a large file": {
			func(t *testing.T) (string, func(string) string) {
				return byFile(t, strings.Repeat("hush", 2000), 0o600)
			},
			`too large for a password`,
		},
		"a file that is not there": {
			func(t *testing.T) (string, func(string) string) {
				return withARIFile(t, "/nowhere/at/all"), environment()
			},
			`10: ari.password_file: the password file "/nowhere/at/all": it cannot be opened: no such file or directory`,
		},
		"a directory": {
			func(t *testing.T) (string, func(string) string) { return withARIFile(t, dir), environment() },
			`it is not a regular file`,
		},
		"a path from here": {
			func(*testing.T) (string, func(string) string) {
				return smallest, environment("BEREIKBAAR_REDIS_PASSWORD_FILE", "hush", "BEREIKBAAR_ARI_PASSWORD", "x7")
			},
			`BEREIKBAAR_REDIS_PASSWORD_FILE: "hush" is not a full path`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text, getenv := test.given(t)
			_, err := config.Load(write(t, text), getenv)
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].String(), test.want)
			require.NotContains(
				t, strings.ReplaceAll(problems[0].String(), `"hush"`, ""), "hush", "an error may end in a log",
			)
		})
	}
}

func TestASecretNeverPrints(t *testing.T) {
	cfg, err := config.Load(write(t, smallest), environment("BEREIKBAAR_ARI_PASSWORD", "hush-hush"))
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "ari", cfg.ARI, "password", cfg.ARI.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "ari", cfg.ARI, "password", cfg.ARI.Password)
	encoded, err := json.Marshal(cfg.ARI)
	require.NoError(t, err)
	for _, printed := range []string{
		fmt.Sprint(cfg.ARI), fmt.Sprintf("%+v %#v %s %q", cfg.ARI, cfg.ARI, cfg.ARI.Password, cfg.ARI.Password),
		log.String(), string(encoded),
	} {
		require.NotContains(t, printed, "hush")
		require.Contains(t, printed, "[secret]")
	}
	require.Empty(t, cfg.Redis.Password.String(), "that there is none may be seen")
}
