package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/routing"
)

func TestMusicThatNobodyHearsIsNamed(t *testing.T) {
	const (
		ours = "[general]\n[music](!)\nmode = files\n#include site/music.conf\n" +
			"[bereikbaar](music)\n[default](music)\n"
		streams = "[default]\nmode = custom\napplication = /bin/true\n"
	)
	for name, test := range map[string]struct {
		text    string
		files   []string // beside it
		verdict Verdict
		words   string
	}{
		"as it is shipped": {ours, []string{"a.alaw"}, OK, "something to play for [bereikbaar], [default]"},
		"without a template": {
			"[Bereikbaar]\nmode=files\ndirectory=>DIR\n" + streams, []string{"a.wav"}, OK, "[bereikbaar]",
		},
		"nobody made any":             {ours, nil, Wrong, "has no file in"},
		"files that Asterisk ignores": {ours, []string{".a.alaw", "README"}, Wrong, "hear nothing"},
		"no directory": {
			strings.Replace(ours, "#include site/music.conf", "directory = DIR/away", 1), nil, Wrong, "no file in",
		},
		"nothing but the last one": {streams, nil, Warning, "waiting callers hear [default]"},
		"no last one": {
			"[bereikbaar]\nmode = files\ndirectory = DIR\n",
			[]string{"a.alaw"},
			Wrong, "no class [default]: waiting callers hear nothing",
		},
		"templates in a circle": {
			"[a](bereikbaar)\n[bereikbaar](a)\nmode = files\n[default](a)\n", nil, Wrong, "no file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			etc, dir := etcOf(t, map[string]string{
				"musiconhold.conf": test.text, "site/music.conf": "directory = DIR\n",
			})
			for _, file := range test.files {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), nil, 0o600))
			}
			facts := readMusic(etc, []string{"bereikbaar", "default"})
			for i := range facts.heard {
				facts.heard[i].closed = "" // the directories of a test are
			}
			finds(t, judgeMusic(facts), test.verdict, test.words)
		})
	}
	finds(t, judgeMusic(readMusic(t.TempDir(), []string{"bereikbaar"})), Warning, "could not be read")
}

func TestMusicOfAClosedDirectoryIsNamed(t *testing.T) {
	class := musicClass{name: "bereikbaar", exists: true, mode: "files", files: 1, closed: "/srv/music"}
	finds(t, judgeMusic(musicFacts{heard: []musicClass{class}, last: class}), Warning, "/srv/music can be entered")
}

func TestEachClassThatCallersHearIsExamined(t *testing.T) {
	plan := &routing.Plan{Teams: map[call.TeamID]routing.Team{
		"kcc": {Music: "default"}, "afval": {Music: "jazz"}, "burgerzaken": {Music: "jazz"},
	}}
	require.Equal(t, []string{"bereikbaar", "default", "jazz"}, musicOf(plan))
}
