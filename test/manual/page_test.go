package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// page is docs/operating.md: its commands in order, each with the headings above it.
type page struct {
	commands []command
	followed map[int]bool // by line
}

// command is one command as a reader types it, possibly over several lines.
type command struct {
	line     int
	headings []string // without their marks, the outermost first
	text     string
	// prints is the output that the manual gives.
	prints string
}

var (
	heading = regexp.MustCompile(`^(#{1,4}) (.*)`)
	says    = regexp.MustCompile(` {2,}# "([^"]+)"`)
)

// readPage reads the blocks of commands: those without a language at their fence.
func readPage(t *testing.T) *page {
	t.Helper()
	source, err := root.Source()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(source, "docs", "operating.md"))
	require.NoError(t, err)
	p := &page{followed: map[int]bool{}}
	var headings []string
	fence, begin, draft := "", 0, ""
	for i, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case strings.HasPrefix(trimmed, "```") && fence == "":
			fence = trimmed
		case strings.HasPrefix(trimmed, "```"):
			require.Empty(t, draft, "the command that begins in line %d does not end in its block", begin)
			fence = ""
		case fence == "```":
			if draft == "" {
				begin = i + 1
			}
			draft += strings.TrimPrefix(line, "  ") + "\n"
			if whole(draft) {
				p.add(begin, headings, draft)
				draft = ""
			}
		case fence == "" && heading.MatchString(line):
			found := heading.FindStringSubmatch(line)
			headings = append(slices.Clone(headings[:min(len(headings), len(found[1])-1)]), found[2])
		}
	}
	return p
}

// whole tells whether bash accepts the command: loops are closed, here-documents end.
func whole(draft string) bool {
	if strings.HasSuffix(draft, "\\\n") {
		return false
	}
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(draft)
	out, err := cmd.CombinedOutput()
	return err == nil && len(out) == 0
}

func (p *page) add(line int, headings []string, text string) {
	c := command{line: line, headings: headings, text: text}
	if found := says.FindStringSubmatch(text); found != nil {
		c.prints = found[1]
	}
	p.commands = append(p.commands, c)
}

// under are the commands of a section, in order, with its subsections, except the named ones.
func (p *page) under(t *testing.T, title string, not ...string) []command {
	t.Helper()
	var found []command
	for _, c := range p.commands {
		other := slices.ContainsFunc(not, func(title string) bool { return slices.Contains(c.headings, title) })
		if slices.Contains(c.headings, title) && !other {
			p.followed[c.line] = true
			found = append(found, c)
		}
	}
	require.NotEmpty(t, found, "the manual has no commands under %q", title)
	return found
}

// directly are the commands between a heading and its first subheading.
func (p *page) directly(t *testing.T, title string) []command {
	t.Helper()
	var smaller []string
	for _, c := range p.commands {
		if i := slices.Index(c.headings, title); i >= 0 {
			smaller = append(smaller, c.headings[i+1:]...)
		}
	}
	return p.under(t, title, smaller...)
}

// unfollowed are the commands that were not followed.
func (p *page) unfollowed() []command {
	return slices.DeleteFunc(slices.Clone(p.commands), func(c command) bool { return p.followed[c.line] })
}
