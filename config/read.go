package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/plainfile"
)

// largestFile in bytes is a hundred times the file of a large municipality; more is a mistake, such as a sound file.
const largestFile = 1 << 20

// readFile reads the configuration file whole. Its error is Problems.
func readFile(path string) ([]byte, error) {
	fail := func(what, mend string) ([]byte, error) {
		return nil, Problems{{File: path, What: what, Mend: mend}}
	}
	f, err := plainfile.Open(path)
	if err != nil {
		return fail(err.Error(), "name a configuration file that this user may read")
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, largestFile+1))
	switch {
	case err != nil:
		return fail("it cannot be read: "+err.Error(), "")
	case len(raw) > largestFile:
		return fail(fmt.Sprintf("it is larger than %d kB", largestFile>>10), "is this a configuration file?")
	}
	return raw, nil
}

// outline reads the text of a file into YAML's nodes, which know their lines. A syntax error is one problem: nothing
// after it can be read.
func outline(path string, raw []byte) (*yaml.Node, error) {
	fail := func(line int, what, mend string) (*yaml.Node, error) {
		return nil, Problems{{File: path, Line: line, What: what, Mend: mend}}
	}
	if line := unreadable(raw); line > 0 {
		return fail(line, "this is not text in UTF-8", "is this a configuration file? Save it as UTF-8")
	}
	if line := indentedByTab(raw); line > 0 {
		return fail(line, "a tab stands before the text", "indent with spaces, which YAML asks for")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var file yaml.Node
	switch err := decoder.Decode(&file); {
	case errors.Is(err, io.EOF):
		return fail(
			1, "the file is empty", "start from the example that comes with the program, deploy/bereikbaar.yaml",
		)
	case err != nil:
		line, what := faultLine(raw, err)
		return fail(
			line, "this cannot be read as YAML: "+what,
			"look at this line and the one before it: indentation, quotes, colons and brackets",
		)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return fail(second.Line, "a second document begins here", "leave out the line ---")
	}
	root := file.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null":
		return fail(
			1, "the file is empty", "start from the example that comes with the program, deploy/bereikbaar.yaml",
		)
	case root.Kind != yaml.MappingNode:
		return fail(
			root.Line, "the file holds "+describe(root)+" instead of keys with values",
			"start from the example that comes with the program, deploy/bereikbaar.yaml",
		)
	}
	return root, nil
}

// unreadable is the line of the first byte that no text file has, or 0.
func unreadable(raw []byte) int {
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if (r == utf8.RuneError && size == 1) || (r < ' ' && r != '\n' && r != '\r' && r != '\t') {
			return 1 + bytes.Count(raw[:at], []byte("\n"))
		}
		at += size
	}
	return 0
}

// indentedByTab is the first line with a tab before its text, or 0.
func indentedByTab(raw []byte) int {
	number := 0
	for line := range bytes.Lines(raw) {
		number++
		text := bytes.TrimLeft(line, " \t")
		indent := line[:len(line)-len(text)]
		if bytes.ContainsRune(indent, '\t') && len(bytes.TrimSpace(text)) > 0 && text[0] != '#' {
			return number
		}
	}
	return 0
}

var yamlError = regexp.MustCompile(`(?s)^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// faultLine finds the line of a syntax error. The line that the library names is often that of the block's beginning,
// so it looks for the shortest beginning of the text that gives the same error.
func faultLine(raw []byte, err error) (int, string) {
	named, what := splitYAMLError(err)
	lines := bytes.SplitAfter(raw, []byte("\n"))
	good, bad := 0, len(lines)
	for bad-good > 1 {
		middle := (good + bad) / 2
		var node yaml.Node
		err := yaml.Unmarshal(bytes.Join(lines[:middle], nil), &node)
		if _, same := splitYAMLError(err); err != nil && same == what {
			bad = middle
		} else {
			good = middle
		}
	}
	if bad == 0 {
		return named, what
	}
	return bad, what
}

func splitYAMLError(err error) (line int, what string) {
	if err == nil {
		return 0, ""
	}
	m := yamlError.FindStringSubmatch(err.Error())
	line, _ = strconv.Atoi(m[1]) // empty when the library names none
	return line, strings.TrimSpace(m[2])
}
