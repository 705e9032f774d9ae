package pages

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/attempt"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/note"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/staff"
)

func TestTimesAsPeopleWriteThem(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	require.NoError(t, err)
	now := time.Date(2026, 11, 27, 14, 30, 0, 0, amsterdam) // a Friday
	tests := []struct {
		at         time.Time
		nl, en, by string
	}{
		{now, "vandaag 14.30 uur", "today 14:30", "vandaag voor 14.30 uur"},
		{now.AddDate(0, 0, 1), "morgen 14.30 uur", "tomorrow 14:30", "morgen voor 14.30 uur"},
		{now.AddDate(0, 0, -1), "gisteren 14.30 uur", "yesterday 14:30", "gisteren voor 14.30 uur"},
		{now.AddDate(0, 0, 3), "maandag 14.30 uur", "Monday 14:30", "maandag voor 14.30 uur"},
		{
			now.AddDate(0, 0, 10), "maandag 7 december 14.30 uur", "Monday 7 December 14:30",
			"maandag 7 december voor 14.30 uur",
		},
		{
			now.AddDate(1, 0, 0), "27 november 2027 14.30 uur", "27 November 2027 14:30",
			"27 november 2027 voor 14.30 uur",
		},
		{
			time.Date(2026, 11, 28, 0, 0, 0, 0, amsterdam), "vandaag 24.00 uur", "today 24:00",
			"vandaag voor 24.00 uur",
		},
		{
			time.Date(2026, 11, 26, 9, 5, 0, 0, amsterdam), "gisteren 09.05 uur", "yesterday 09:05",
			"gisteren voor 09.05 uur",
		},
		{
			time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), "zondag 25 oktober 02.30 uur", "Sunday 25 October 02:30",
			"zondag 25 oktober voor 02.30 uur",
		},
	}
	for _, test := range tests {
		require.Equal(t, test.nl, speak(amsterdam, now, "nl").when(test.at.UTC()))
		require.Equal(t, test.en, speak(amsterdam, now, "en").when(test.at.UTC()))
		require.Equal(t, test.by, speak(amsterdam, now, "nl").by(test.at.UTC()))
	}
	require.Empty(t, speak(amsterdam, now, "nl").when(time.Time{}))
}

func TestLengthsAsPeopleSayThem(t *testing.T) {
	nl, en := speak(time.UTC, time.Now(), "nl"), speak(time.UTC, time.Now(), "en")
	tests := map[time.Duration][2]string{
		2*time.Hour + 10*time.Minute:    {"2 uur en 10 minuten", "2 hours and 10 minutes"},
		time.Hour:                       {"1 uur", "1 hour"},
		time.Hour + time.Minute:         {"1 uur en 1 minuut", "1 hour and 1 minute"},
		25 * time.Minute:                {"25 minuten", "25 minutes"},
		time.Second:                     {"1 minuut", "1 minute"},
		59*time.Minute + 40*time.Second: {"1 uur", "1 hour"},
	}
	for d, want := range tests {
		require.Equal(t, want, [2]string{nl.long(d), en.long(d)})
	}
	require.Equal(t, "nog 2 uur en 10 minuten werktijd", nl.say("left", nl.long(130*time.Minute)))
}

func TestALanguageThatIsNotThereIsDutch(t *testing.T) {
	require.Equal(t, "nl", speak(time.UTC, time.Now(), "de", "").lang)
	require.Equal(t, "en", speak(time.UTC, time.Now(), "de", "en", "nl").lang)
}

var verbs = regexp.MustCompile(`%[sd]`)

func TestEveryTextIsThereInBothLanguages(t *testing.T) {
	for name, texts := range catalogue {
		for i, text := range texts {
			require.NotEmpty(t, strings.TrimSpace(text), "%s in %s", name, languages[i])
		}
		require.Equal(t, verbs.FindAllString(texts[0], -1), verbs.FindAllString(texts[1], -1), name)
	}
}

func TestTextsThatPagesAskForAreThere(t *testing.T) {
	asked := regexp.MustCompile(`(?:say|count|wrongField)\((?:"[a-z]*", )?"([a-z][\w.]*)"(?:\)|,)`)
	literal := regexp.MustCompile(`"([a-z]\w*\.?\w+(?:\.\w+)?)"`)
	names, used := []string{}, map[string]bool{}
	for _, pattern := range []string{"*.templ", "*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") || file == "words.go" {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
			for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
				used[m[1]] = true
			}
		}
	}
	require.Greater(t, len(names), 150)
	add := func(prefix string, of ...string) {
		for _, name := range of {
			names = append(names, prefix+name)
		}
	}
	add("list.", only...)
	add("lang.", languages...)
	add("result.", texts(attempt.Results())...)
	add("result.", string(attempt.Untold))
	add("outcome.", texts(note.Outcomes())...)
	add("line.", texts(attempt.LineResults())...)
	add("did.", texts(note.EventKinds())...)
	add("dial.", texts(dialling.Reasons())...)
	add("refused.", texts(dialling.Codes())...)
	add("role.", texts(staff.Roles())...)
	add("why.", texts(signin.Reasons())...)
	add("weak.", texts(signin.PasswordProblems())...)
	add("stage.", "desk", "caller", "talking")
	add("is.", "open", "personal", "calling", "resolved", "cancelled", "purged")
	for act := range acts {
		add("done.", act)
	}
	for _, k := range shortcuts {
		names = append(names, k.Does)
	}
	for _, name := range names {
		require.Contains(t, catalogue, name)
	}
	for _, name := range names {
		used[name], used[name+"1"], used[name+"0"] = true, true, true
	}
	for name := range catalogue {
		require.True(t, used[name], "no page says %q", name)
	}
}

func texts[S ~string](of []S) []string {
	all := make([]string, len(of))
	for i, s := range of {
		all[i] = string(s)
	}
	return all
}

// The assets are committed: they must be made of the script and of the style sheet as they are.
func TestAssetsAreMadeOfOurOwnFilesAsTheyAre(t *testing.T) {
	const again = "run go run ./dev/look"
	own, err := os.ReadFile("look/own.js")
	require.NoError(t, err)
	made, err := embedded.ReadFile("assets/pages.js")
	require.NoError(t, err)
	require.Contains(t, string(made), strings.TrimSpace(string(own)), again)
	bare := regexp.MustCompile(`(?s)/\*.*?\*/|\s+`)
	style, err := os.ReadFile("look/own.css")
	require.NoError(t, err)
	css, err := embedded.ReadFile("assets/pages.css")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(bare.ReplaceAllString(string(css), ""), bare.ReplaceAllString(string(style), "")), again)
}

// The generated code is committed: it must be what the templates say.
func TestGeneratedCodeIsThatOfTheTemplates(t *testing.T) {
	templates, err := filepath.Glob("*.templ")
	require.NoError(t, err)
	dir := t.TempDir()
	for _, file := range templates {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o600))
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "templ", "generate", "-path", dir)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, file := range templates {
		name := strings.TrimSuffix(file, ".templ") + "_templ.go"
		fresh, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		kept, err := os.ReadFile(name)
		require.NoError(t, err)
		paths := regexp.MustCompile("FileName: `[^`]*`")
		require.Equal(t, paths.ReplaceAllString(string(kept), ""), paths.ReplaceAllString(string(fresh), ""),
			"%s: run go tool -modfile=tools/go.mod templ generate -path web/pages", name)
	}
}
