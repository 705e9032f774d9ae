package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example is a command in a page of the documentation, and what it prints.
var example = regexp.MustCompile(`(?m)^\$ bereikbaar (.*)\n((?:[^$\x60].*\n|\n)*)`)

// word is one word of a command line, with or without quotes.
var word = regexp.MustCompile(`"([^"]*)"|(\S+)`)

// The examples of docs/calendar.md are as the commands print them for the shipped configuration. A line with … stands
// for any lines.
func TestTheManualShowsWhatTheCommandsPrint(t *testing.T) {
	page, err := os.ReadFile("../../docs/calendar.md")
	require.NoError(t, err)
	examples := example.FindAllStringSubmatch(string(page), -1)
	require.Len(t, examples, 5)
	for _, shown := range examples {
		t.Run(shown[1], func(t *testing.T) {
			var args []string
			for _, w := range word.FindAllStringSubmatch(shown[1], -1) {
				args = append(args, w[1]+w[2])
			}
			out, err := run(t, "../../deploy/bereikbaar.yaml", args...)
			require.NoError(t, err)
			parts := strings.Split(shown[2], "…\n")
			if len(parts) == 1 {
				require.Equal(t, shown[2], out)
				return
			}
			for _, part := range parts {
				require.Contains(t, out, part)
				out = out[strings.Index(out, part)+len(part):]
			}
		})
	}
}
