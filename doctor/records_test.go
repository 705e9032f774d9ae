package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// etcOf writes a configuration directory of Asterisk. DIR in a file stands for a directory beside it, which is given.
func etcOf(t *testing.T, files map[string]string) (etc, dir string) {
	t.Helper()
	etc, dir = t.TempDir(), t.TempDir()
	for name, text := range files {
		path := filepath.Join(etc, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600))
	}
	return etc, dir
}

func TestRecordsOfCallsThatAreNotKeptAreNamed(t *testing.T) {
	files := map[string]string{
		"asterisk.conf":   "[directories](!)\nastlogdir => DIR\n[options]\n",
		"cel.conf":        "[general]\nenable = yes\n",
		"cel_custom.conf": "[mappings]\nMaster.csv => ${eventtype}\n",
	}
	for name, test := range map[string]struct {
		file, text string // in the place of what is above
		made       bool
		verdict    Verdict
		words      string
	}{
		"kept":                      {made: true, verdict: OK, words: "kept in"},
		"nobody made the directory": {verdict: Warning, words: "cel-custom is missing"},
		"nothing is to be written": {
			file: "cel_custom.conf", text: "[mappings]\n;Master.csv => x\n", verdict: OK, words: "keeps none",
		},
		"the events are switched off": {
			file: "cel.conf", text: "[general]\nenable = no\n", verdict: OK, words: "keeps none",
		},
		"they never were switched on":  {file: "cel.conf", text: "[general]\n", verdict: OK, words: "keeps none"},
		"an Asterisk without the file": {file: "cel_custom.conf", verdict: OK, words: "keeps none"},
	} {
		t.Run(name, func(t *testing.T) {
			etc, dir := etcOf(t, files)
			switch {
			case test.file != "" && test.text == "":
				require.NoError(t, os.Remove(filepath.Join(etc, test.file)))
			case test.file != "":
				require.NoError(t, os.WriteFile(filepath.Join(etc, test.file), []byte(test.text), 0o600))
			}
			if test.made {
				require.NoError(t, os.Mkdir(filepath.Join(dir, "cel-custom"), 0o755))
			}
			finds(t, judgeRecords(readRecords(etc)), test.verdict, test.words)
		})
	}
}

// Only root can give a directory to somebody else.
func TestADirectoryOfRecordsThatIsNotAsterisksIsNamed(t *testing.T) {
	f := recordFacts{mapped: true, directory: "/var/log/asterisk/cel-custom", exists: true, owner: 0, asterisk: 104}
	finds(t, judgeRecords(f), Warning, "does not belong to the user of /var/log/asterisk")
}

func TestRecordsOfCallsThatCannotBeReadAreNoReasonForPraise(t *testing.T) {
	finds(t, judgeRecords(recordFacts{err: os.ErrPermission}), Warning, "could not be read")
}
