// Package docs has the pages, and the test that what code and pages refer to is there.
package docs

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page is a Markdown file: its headings as they stand, and as the anchors of links name them.
type page struct {
	headings map[string]bool
	anchors  map[string]bool
	text     string
}

var (
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	named    = regexp.MustCompile(`([\w./-]*[\w-]\.md)(?:, "([^"\n]+)")?`)
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	// A heading that is made of several lines of a comment is not looked for: a reference stands on one line.
	fence = regexp.MustCompile("(?ms)^```.*?^```")
)

// tracked lists the files of the repository whose names match, by their paths from its root.
func tracked(t *testing.T, patterns ...string) []string {
	t.Helper()
	args := append([]string{"ls-files", "-co", "--exclude-standard", "--"}, patterns...)
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", file))
	require.NoError(t, err)
	return string(text)
}

// isThere reports whether a file or directory is at a path from the root of the repository.
func isThere(at string) bool {
	_, err := os.Stat(filepath.Join("..", at))
	return err == nil
}

func pages(t *testing.T) map[string]page {
	t.Helper()
	all := map[string]page{}
	for _, file := range tracked(t, "*.md") {
		p := page{
			headings: map[string]bool{}, anchors: map[string]bool{}, text: fence.ReplaceAllString(read(t, file), ""),
		}
		for _, m := range heading.FindAllStringSubmatch(p.text, -1) {
			p.headings[plain(m[1])] = true
			p.anchors[anchor(m[1])] = true
		}
		all[file] = p
	}
	return all
}

// plain is a heading without marks.
func plain(h string) string { return strings.NewReplacer("`", "", "*", "").Replace(h) }

// anchor is how a link names a heading: small letters, hyphens for blanks, and no punctuation.
func anchor(h string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(plain(h)) {
		switch {
		case r == ' ' || r == '-':
			b.WriteRune('-')
		case r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// installed is where the pages are on the machine of an operator.
const installed = "/usr/share/doc/bereikbaar/"

// find gives the page that a file means by a name: beside it, from the root, or among these pages.
func find(all map[string]page, from, name string) (page, bool) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, installed), "./")
	for _, at := range []string{path.Join(path.Dir(from), name), name, path.Join("docs", name)} {
		if p, ok := all[path.Clean(at)]; ok {
			return p, true
		}
	}
	return page{}, false
}

func TestWhatCodeAndPagesReferToIsThere(t *testing.T) {
	all := pages(t)
	for _, file := range tracked(t, "*.go", "*.md", "*.lua", "*.yaml", "*.yml", "*.conf", "*.service", "Makefile") {
		if file == "docs/docs_test.go" {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(read(t, file), -1) {
			p, ok := find(all, file, m[1])
			assert.True(t, ok, "%s refers to %s, which is not in the repository", file, m[1])
			if m[2] != "" {
				assert.True(t, p.headings[m[2]], "%s refers to %q in %s, which has no such heading", file, m[2], m[1])
			}
		}
	}
}

func TestLinksBetweenPagesLeadSomewhere(t *testing.T) {
	all := pages(t)
	for file, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := p
			if target != "" {
				at := path.Join(path.Dir(file), target)
				assert.True(t, isThere(at), "%s links to %s, which is not in the repository", file, m[1])
				to = all[at]
			}
			if fragment != "" {
				assert.True(t, to.anchors[fragment], "%s links to %s, which has no such heading", file, m[1])
			}
		}
	}
}

func TestTestsThatPagesNameExist(t *testing.T) {
	exists := map[string]bool{}
	for _, file := range tracked(t, "*_test.go") {
		for _, m := range testFunc.FindAllStringSubmatch(read(t, file), -1) {
			exists[m[1]] = true
		}
	}
	for file, p := range pages(t) {
		for _, m := range testName.FindAllStringSubmatch(p.text, -1) {
			assert.True(t, exists[m[1]], "%s names the test %s, which does not exist", file, m[1])
		}
	}
}

// Code names the invariants and the rows of the fault matrix by their numbers.
func TestInvariantsAndRowsThatCodeNamesExist(t *testing.T) {
	reliability := read(t, "docs/reliability.md")
	for _, file := range tracked(t, "*.go", "*.md") {
		if file == "docs/docs_test.go" {
			continue
		}
		text := read(t, file)
		for _, m := range regexp.MustCompile(`\bI([0-9])\b`).FindAllStringSubmatch(text, -1) {
			assert.Contains(t, reliability, "| I"+m[1]+" |", file)
		}
		for _, m := range regexp.MustCompile(
			`(?i)rows? ([0-9]+) of the fault matrix|fault matrix, rows? ([0-9]+)|func TestRow([0-9]+)`,
		).FindAllStringSubmatch(text, -1) {
			assert.Contains(t, reliability, "\n| "+m[1]+m[2]+m[3]+" |", file)
		}
	}
}

// widest is how many columns a line of a page may have. A row of a table, and what stands between fences, cannot be
// broken.
const widest = 120

func TestLinesOfPagesFitABookOfCode(t *testing.T) {
	for file, p := range pages(t) {
		for n, line := range strings.Split(p.text, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "|") || strings.Contains(line, "](http") {
				continue
			}
			assert.LessOrEqual(t, utf8.RuneCountInString(line), widest, "%s, line %d without fences", file, n+1)
		}
	}
}
