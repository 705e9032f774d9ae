package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// etc makes a configuration directory of Asterisk.
func etc(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

func TestAsterisksFilesAreReadAsAsteriskReadsThem(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		value string // of key in [general]; "-" when it is not there
	}{
		"as it is":                  {map[string]string{"http.conf": "[general]\nkey = 12\n"}, "12"},
		"with an arrow":             {map[string]string{"http.conf": "[general]\nkey => 12\n"}, "12"},
		"any case":                  {map[string]string{"http.conf": "[General]\nKEY=12"}, "12"},
		"the last counts":           {map[string]string{"http.conf": "[general]\nkey=1\nkey=12\n"}, "12"},
		"a comment after it":        {map[string]string{"http.conf": "[general]\nkey = 12 ; not 13\n"}, "12"},
		"a semicolon that is meant": {map[string]string{"http.conf": "[general]\nkey = 1\\;2\n"}, "1;2"},
		"commented out":             {map[string]string{"http.conf": "[general]\n;key = 12\n"}, "-"},
		"in a block comment": {
			map[string]string{"http.conf": "[general]\n;-- key = 1\nkey = 2\n--;\nother = 1\n"}, "-",
		},
		"a line of dashes is no block": {map[string]string{"http.conf": "[general]\n;------\nkey = 12\n"}, "12"},
		"in another section":           {map[string]string{"http.conf": "[general]\n[post]\nkey = 12\n"}, "-"},
		"in a section that is added to": {
			map[string]string{"http.conf": "[general]\n[a]\n[general](+)\nkey = 12\n"}, "12",
		},
		"in an included file": {
			map[string]string{"http.conf": "[general]\n#include site/http.conf\n", "site/http.conf": "key = 12"}, "12",
		},
		"in quotes": {
			map[string]string{"http.conf": "[general]\n#include \"site/http.conf\"\n", "site/http.conf": "key = 12"},
			"12",
		},
		"by a pattern": {
			map[string]string{
				"http.conf": "[general]\n#include site/*.conf\n", "site/a.conf": "key=1", "site/b.conf": "key=12",
			},
			"12",
		},
		"a pattern without files": {
			map[string]string{"http.conf": "[general]\n#include site/*.conf\nkey=12"}, "12",
		},
		"a file that may be there": {
			map[string]string{"http.conf": "[general]\n#tryinclude site/x.conf\nkey=12"}, "12",
		},
		"two deep, from the top": {
			map[string]string{
				"http.conf": "#include site/a.conf", "site/a.conf": "[general]\n#include site/b.conf",
				"site/b.conf": "key=12",
			},
			"12",
		},
		"the section goes on after it": {
			map[string]string{"http.conf": "[general]\n#include site/a.conf\nkey=12", "site/a.conf": "other=1"}, "12",
		},
		"a program is not run": {map[string]string{"http.conf": "[general]\n#exec /bin/false\nkey=12"}, "12"},
	} {
		t.Run(name, func(t *testing.T) {
			general, err := readGeneral(etc(t, c.files), "http.conf")
			require.NoError(t, err)
			require.Equal(t, c.value, general.get("key", "-"))
		})
	}
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		words string
	}{
		"no file":                {nil, "http.conf"},
		"an include that is not": {map[string]string{"http.conf": "#include site/gone.conf"}, "site/gone.conf"},
		"a circle":               {map[string]string{"http.conf": "#include http.conf"}, "without end"},
		"a broken pattern":       {map[string]string{"http.conf": "#include site/[.conf"}, "site/["},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readGeneral(etc(t, c.files), "http.conf")
			require.ErrorContains(t, err, c.words)
		})
	}
}

func FuzzAsterisksFiles(f *testing.F) {
	f.Add("[general]\nkey = 12 ; x\n;-- a\n--; b\n#include <x>\n[a](!)\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := confReader{dir: t.TempDir(), general: section{}}
		for line := range strings.Lines(text) {
			if err := r.line(r.uncommented(line), deepestInclude); err != nil {
				return
			}
		}
	})
}

const (
	goodHTTP = "[general]\nenabled=yes\nbindaddr=127.0.0.1\nsessionlimit=1000\nsession_keep_alive=120000\n"
	goodARI  = "[general]\nenabled=yes\nwebsocket_write_timeout=2000\n"
)

func TestTheLimitsOfAsteriskAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		http, ari string
		verdict   Verdict
		words     string
	}{
		"as shipped":   {goodHTTP, goodARI, OK, "fit"},
		"few sessions": {goodHTTP + "sessionlimit=100", goodARI, Warning, "sessionlimit is 100"},
		"the default of keep-alive": {
			strings.Replace(goodHTTP, "session_keep_alive", ";", 1), goodARI, Warning, "session_keep_alive is 15000",
		},
		"the default write timeout":   {goodHTTP, "[general]\nenabled=yes", Wrong, "websocket_write_timeout is 100"},
		"just enough":                 {goodHTTP, goodARI + "websocket_write_timeout=1000", OK, ""},
		"just too little":             {goodHTTP, goodARI + "websocket_write_timeout=999", Wrong, "999"},
		"no number":                   {goodHTTP, goodARI + "websocket_write_timeout=2s", Warning, `"2s"`},
		"HTTP for everybody":          {goodHTTP + "bindaddr=0.0.0.0", goodARI, Wrong, "other machines"},
		"HTTP for everybody on IPv6":  {goodHTTP + "bindaddr=::", goodARI, Wrong, "other machines"},
		"HTTP on this machine's IPv6": {goodHTTP + "bindaddr=[::1]:8088", goodARI, OK, ""},
		"HTTP on localhost":           {goodHTTP + "bindaddr=localhost", goodARI, OK, ""},
		"HTTP on another loopback":    {goodHTTP + "bindaddr=127.77.3.1:8088", goodARI, OK, ""},
		"HTTP on a name":              {goodHTTP + "bindaddr=kcc.example.org", goodARI, Wrong, "other machines"},
		"HTTP nowhere": {
			"[general]\nenabled=yes\nsessionlimit=1000\nsession_keep_alive=120000", goodARI, Wrong, "no bindaddr",
		},
		"HTTP off": {goodHTTP + "enabled=no", goodARI, Wrong, "http.conf: enabled"},
		"ARI off":  {goodHTTP, goodARI + "enabled=no", Wrong, "ari.conf: enabled"},
		"TLS for everybody": {
			goodHTTP + "tlsenable=yes\ntlsbindaddr=0.0.0.0:8089", goodARI, Warning, "tlsbindaddr",
		},
		"TLS off": {goodHTTP + "tlsbindaddr=0.0.0.0:8089", goodARI, OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := etc(t, map[string]string{"http.conf": c.http, "ari.conf": c.ari})
			finds(t, judgeLimits(readLimits(dir)), c.verdict, c.words)
		})
	}
	t.Run("one file out of reach", func(t *testing.T) {
		dir := etc(t, map[string]string{"ari.conf": "[general]\n"})
		found := judgeLimits(readLimits(dir))
		finds(t, found, Wrong, "websocket_write_timeout")
		require.Len(t, found, 2)
	})
	t.Run("another machine", func(t *testing.T) {
		found := judgeLimits(readLimits(filepath.Join(t.TempDir(), "asterisk")))
		finds(t, found, Warning, "could not be read")
		require.Len(t, found, 2)
	})
}
