package config_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/config"
)

// place is one value in a YAML file: its path as problems name it, and its line.
type place struct {
	key  string
	line int
	node *yaml.Node
}

// places finds every value of a file, without the program's own way of finding them.
func places(n *yaml.Node, key string, visit func(place)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			at := strings.TrimPrefix(key+"."+n.Content[i].Value, ".")
			visit(place{at, n.Content[i].Line, n.Content[i+1]})
			places(n.Content[i+1], at, visit)
		}
	case yaml.SequenceNode:
		for i, element := range n.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			visit(place{at, element.Line, element})
			places(element, at, visit)
		}
	}
}

func readYAML(t testing.TB, text []byte) *yaml.Node {
	t.Helper()
	var file yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &file))
	return file.Content[0]
}

func shipped(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	return text
}

// full is the shipped example with every key in it that it leaves out.
func full(t testing.TB) []byte {
	t.Helper()
	return []byte(changed(t, string(shipped(t)),
		"  # password_file: /etc/bereikbaar/ari_password", "  password_file: /etc/bereikbaar/ari_password",
		"  address: \"127.0.0.1:6379\" # or the path of a unix socket",
		"  address: \"127.0.0.1:6379\"\n  password_file: /x\n  database: 1\n  tls: false",
		"  # asterisk_directory: /srv/bereikbaar/prompts", "  asterisk_directory: /srv/bereikbaar/prompts",
		"norm:\n", "kpi:\n  answer_threshold: 20s\n  short_abandon: 4s\nnorm:\n",
		"    closed_on_good_friday: false", "    closed_on_good_friday: false\n    open_on_holidays: false",
		"    welcome: welkom-deventer\n    first: {menu: keuze}",
		"    welcome: welkom-deventer\n    language: nl\n    first: {menu: keuze}",
		"  welcome: welkom-deventer\n  first: {team: kcc}",
		"  welcome: welkom-deventer\n  language: nl\n  first: {team: kcc}",
		"    name: Vergunningen\n",
		"    name: Vergunningen\n    municipality: deventer\n    priority: 3\n    own_days: true\n    open_on_holidays: false\n    norm: same_time\n    music: default\n    max_wait: 10m\n    overflow: kcc\n    strategy: ring_all\n    missed_limit: 2\n    missed_pause: 2m\n    exceptions: [{date: 2026-12-24, hours: [\"09:00-10:00\"], reason: Kerst}]\n",
		"    callback:\n      after: 2m\n      key: 1\n",
		"    callback:\n      enabled: true\n      after: 2m\n      key: 1\n",
	))
}

func TestTheFullExampleIsValid(t *testing.T) {
	_, err := config.Load(write(t, string(full(t))), nil)
	require.NoError(t, err)
}

// wrong are values that a key must not take. For an old value that fits they are no fault.
var wrong = map[string]struct {
	yaml string
	fits func(old *yaml.Node) bool
}{
	"nothing":           {"null", nil},
	"an empty text":     {`""`, nil},
	"blanks":            {`"  "`, nil},
	"a fraction":        {"17.5", nil},
	"a whole number":    {"1717171717171", nil},
	"true":              {"true", func(old *yaml.Node) bool { return old.ShortTag() == "!!bool" }},
	"a date":            {"2026-01-01", func(old *yaml.Node) bool { return old.ShortTag() == "!!timestamp" }},
	"a list in a list":  {"[[x]]", nil},
	"an unknown key":    {"{zzz: 1}", nil},
	"a strange text":    {`"\x07"`, nil},
	"an alias":          {"*x", nil},
	"a type of its own": {"!x y", nil},
}

func TestEveryFieldBroken(t *testing.T) {
	text, count := full(t), 0
	var all []place
	places(readYAML(t, text), "", func(p place) { all = append(all, p) })
	require.Greater(t, len(all), 150)
	seen := map[string]bool{}
	for i, p := range all {
		if kind := anyName(p.key); seen[kind] {
			continue
		} else {
			seen[kind] = true
		}
		marked, line := replaced(t, text, i)
		for name, broken := range wrong {
			if broken.fits != nil && broken.fits(p.node) {
				continue
			}
			count++
			// An alias needs something to stand for, or it would be no YAML at all.
			problems := refused(t, "zz: &x y\n"+strings.Replace(marked, mark, broken.yaml, 1))
			require.True(t, names(problems, p.key, line+1), "%s as %s on line %d: %s", p.key, name, line+1, problems)
		}
	}
	require.Greater(t, count, 1000)
}

var indexOrName = regexp.MustCompile(
	`\[\d+\]|^(municipalities|menus|agents|teams|texts\.\w+)\.[^.]+|\.(options|hours)\.\w+`,
)

// anyName is a key without the names and places that differ between things of one kind: one of each kind is enough.
func anyName(key string) string { return indexOrName.ReplaceAllString(key, "$1$2.*") }

// names reports whether a problem is about a key, or something in it, on that line.
func names(problems config.Problems, key string, line int) bool {
	for _, p := range problems {
		if (p.Key == key || strings.HasPrefix(p.Key, key+".") || strings.HasPrefix(p.Key, key+"[")) && p.Line == line {
			return true
		}
	}
	return false
}

// mark holds the place in a file where a value is to be put.
const mark = "REPLACEME"

// replaced is the text with the mark for its value number i, and the line of the key after that.
func replaced(t *testing.T, text []byte, i int) (string, int) {
	t.Helper()
	root, n := readYAML(t, text), 0
	places(root, "", func(p place) {
		if n == i {
			*p.node = yaml.Node{Kind: yaml.ScalarNode, Value: mark}
		}
		n++
	})
	return marked(t, root)
}

// marked writes a file that has the mark in it, and returns its line.
func marked(t *testing.T, root *yaml.Node) (string, int) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, yaml.NewEncoder(&out).Encode(root))
	require.Equal(t, 1, strings.Count(out.String(), mark))
	return out.String(), 1 + strings.Count(out.String()[:strings.Index(out.String(), mark)], "\n")
}

func TestEveryKeyMisspelt(t *testing.T) {
	text := full(t)
	var all []place
	places(readYAML(t, text), "", func(p place) { all = append(all, p) })
	for i := range all {
		root, n, key := readYAML(t, text), 0, ""
		eachKey(root, "", func(at string, name *yaml.Node) {
			if n == i {
				name.Value, key = mark, at
			}
			n++
		})
		if key == "" {
			continue // fewer keys than values
		}
		text, line := marked(t, root)
		problems := refused(t, strings.Replace(text, mark, "zzz", 1))
		if !chosen(key) {
			require.True(t, names(problems, key[:strings.LastIndex("."+key, ".")]+"zzz", line), "%s: %s", key, problems)
		}
	}
}

// chosen reports whether a key is a name of the user's own choice, so that misspelling it is a fault where it is used.
func chosen(key string) bool {
	parts := strings.Split(key, ".")
	switch parts[0] {
	case "texts":
		return len(parts) == 3
	case "municipalities", "menus", "agents", "teams":
		return len(parts) == 2
	}
	return false
}

func eachKey(n *yaml.Node, key string, visit func(at string, name *yaml.Node)) {
	for i := 0; n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
		at := strings.TrimPrefix(key+"."+n.Content[i].Value, ".")
		visit(at, n.Content[i])
		eachKey(n.Content[i+1], at, visit)
	}
	for i := 0; n.Kind == yaml.SequenceNode && i < len(n.Content); i++ {
		eachKey(n.Content[i], fmt.Sprintf("%s[%d]", key, i), visit)
	}
}

// A file cut off anywhere, as by a full disk, is refused with a line or is whole as far as it goes; never a panic.
func TestACutFile(t *testing.T) {
	text := shipped(t)
	for cut := 0; cut < len(text); cut += 61 {
		_, err := config.LoadText("test.yaml", text[:cut])
		if err != nil {
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.NotZero(t, problems[0].Line)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(shipped(f))
	f.Add(full(f))
	f.Add([]byte(smallest))
	for _, seed := range []string{
		"", "a: b", "- x", "teams: {kcc: }", "{}", "a: &x [*x]", "\t", "? [a]: b", "entries: [[[]]]",
		"texts: {nl: {a: b}}", "!!set {a}", "<<: {a: b}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := config.LoadText("test.yaml", text)
		if err == nil {
			sound(t, cfg)
			return
		}
		require.Nil(t, cfg)
		var problems config.Problems
		require.ErrorAs(t, err, &problems)
		require.NotEmpty(t, problems)
		for _, p := range problems {
			require.NotEmpty(t, p.What)
			require.LessOrEqual(t, p.Line, 1+bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r")))
			require.NotContains(t, p.String(), "\n", "a problem is one line")
		}
	})
}

// sound checks what every valid plan promises to the rest of the program.
func sound(t require.TestingT, cfg *config.Config) {
	p := cfg.Plan
	require.NotEmpty(t, p.Entries)
	for id, m := range p.Municipalities {
		require.Equal(t, id, m.ID)
		require.NotNil(t, m.Location)
		require.NotEmpty(t, p.Teams[m.ContactCentre].Members)
	}
	for id, team := range p.Teams {
		require.Equal(t, id, team.ID)
		require.NotNil(t, team.Hours)
		require.Contains(t, p.Municipalities, team.Municipality)
		for _, member := range team.Members {
			require.Contains(t, p.Agents, member)
		}
		if team.Overflow != "" {
			require.Contains(t, p.Teams, team.Overflow)
		}
	}
	for id, menu := range p.Menus {
		require.Equal(t, id, menu.ID)
		require.NotEmpty(t, menu.Prompts)
		require.LessOrEqual(t, len(menu.Options), 4)
		at := menu
		for range len(p.Menus) {
			if at.StayOnLine.Menu != "" {
				at = p.Menus[at.StayOnLine.Menu]
			}
		}
		require.Contains(t, p.Teams, at.StayOnLine.Team, "staying on the line ends at a person")
	}
	for number, e := range p.Entries {
		require.Equal(t, number, e.Number)
		require.Contains(t, p.Municipalities, e.Municipality)
		require.NotEmpty(t, e.Language)
	}
	require.NotEmpty(t, p.Unknown.Language)
	require.NotZero(t, p.Unknown.First)
}

func BenchmarkLoad(b *testing.B) {
	text := shipped(b)
	for b.Loop() {
		_, err := config.LoadText("test.yaml", text)
		require.NoError(b, err)
	}
}
