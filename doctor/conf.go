package doctor

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// section is a section of an Asterisk configuration file, by key in lower case. The last of several lines counts.
type section map[string]string

func (s section) get(key, otherwise string) string {
	if value, ok := s[key]; ok {
		return value
	}
	return otherwise
}

const (
	deepestInclude = 10      // of files in files; more is a circle
	largestFile    = 1 << 20 // bytes
)

// readGeneral gives [general] of a file in Asterisk's configuration directory, with what it includes. Names of included
// files are relative to that directory, and may be patterns, as Asterisk reads them. Templates and #exec are not
// followed.
func readGeneral(dir, name string) (section, error) {
	r := confReader{dir: dir, general: section{}}
	if err := r.file(filepath.Join(dir, name), 0); err != nil {
		return nil, err
	}
	return r.general, nil
}

// confReader reads files one after the other, as if they were one text: a section goes on in an included file.
type confReader struct {
	dir     string
	section string // in lower case
	comment bool   // within ;-- --;
	general section
	// templates of each section, by name in lower case; filled unless nil
	templates map[string][]string
	// is called for lines that are no section or directive; may be nil
	visit func(file string, number int, line string)
}

func (r *confReader) file(path string, depth int) error {
	if depth > deepestInclude {
		return fmt.Errorf("%s: files include each other without end", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read Asterisk's configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, largestFile))
	if err != nil {
		return fmt.Errorf("read Asterisk's configuration: %w", err)
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		plain := r.uncommented(line)
		if err := r.line(plain, depth); err != nil {
			return err
		}
		if r.visit != nil && !strings.HasPrefix(plain, "#") && !strings.HasPrefix(plain, "[") {
			r.visit(path, number, plain)
		}
	}
	return nil
}

func (r *confReader) line(line string, depth int) error {
	switch {
	case strings.HasPrefix(line, "#"):
		return r.directive(line[1:], depth)
	case strings.HasPrefix(line, "["):
		name, behind, _ := strings.Cut(line[1:], "]")
		r.section = strings.ToLower(strings.TrimSpace(name))
		if r.templates != nil {
			r.templates[r.section] = append(r.templates[r.section], inherits(behind)...)
		}
	case r.section == "general":
		if key, value, ok := strings.Cut(line, "="); ok {
			r.general[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(strings.TrimPrefix(value, ">"))
		}
	}
	return nil
}

// directive follows #include and #tryinclude. A pattern without files is no fault; in #include a missing plain name is.
func (r *confReader) directive(text string, depth int) error {
	word, rest, _ := strings.Cut(text, " ")
	word = strings.ToLower(word)
	if word != "include" && word != "tryinclude" {
		return nil
	}
	path := strings.Trim(strings.TrimSpace(rest), `"<>`)
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	files, err := filepath.Glob(path)
	if err != nil {
		return fmt.Errorf("read Asterisk's configuration: #include %s: %w", path, err)
	}
	if len(files) == 0 && word == "include" && !strings.ContainsAny(path, "*?[") {
		files = []string{path}
	}
	for _, file := range files {
		if err := r.file(file, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// uncommented removes comments: from a semicolon to the end of the line, and from ;-- to --; over many lines. A
// semicolon after a backslash is part of the text.
func (r *confReader) uncommented(line string) string {
	var kept strings.Builder
	for line != "" {
		if r.comment {
			_, after, found := strings.Cut(line, "--;")
			if !found {
				break
			}
			r.comment, line = false, after
			continue
		}
		at := strings.IndexByte(line, ';')
		switch {
		case at < 0:
			kept.WriteString(line)
			line = ""
		case at > 0 && line[at-1] == '\\':
			kept.WriteString(line[:at-1] + ";")
			line = line[at+1:]
		case strings.HasPrefix(line[at:], ";--") && !strings.HasPrefix(line[at:], ";---"):
			kept.WriteString(line[:at])
			r.comment, line = true, line[at+3:]
		default:
			kept.WriteString(line[:at])
			line = ""
		}
	}
	return strings.TrimSpace(kept.String())
}

// isYes reads a yes or no as Asterisk does (ast_true).
func isYes(text string) bool {
	switch strings.ToLower(text) {
	case "yes", "true", "y", "t", "1", "on":
		return true
	}
	return false
}

// hostOf is the address in a bind address, which may have a port.
func hostOf(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return strings.Trim(text, "[]")
}
