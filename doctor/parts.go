package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

func judgeNotes(problems []redisstore.Problem) []Finding {
	if len(problems) == 0 {
		return []Finding{{Check: checkRedis, Verdict: OK, Text: "it answers, and its settings keep promises safe"}}
	}
	var found []Finding
	for _, p := range problems {
		verdict := Warning
		if p.Grave {
			verdict = Wrong
		}
		found = append(found, Finding{checkRedis, verdict, p.Setting + ": " + p.Text, p.Mend})
	}
	return found
}

// promptFacts is the state of the sound files.
type promptFacts struct {
	directory string
	problems  []prompts.Problem
	// a directory on the way that others than its owner cannot enter; empty when there is none, or Asterisk goes
	// another way
	closed string
}

func lookAtPrompts(c config.Prompts) promptFacts {
	f := promptFacts{directory: c.Directory, problems: prompts.Check(c.Directory, c.Manifest, c.Languages)}
	if c.AsteriskDirectory == "" || filepath.Clean(c.AsteriskDirectory) == filepath.Clean(c.Directory) {
		f.closed = closedDirectory(c.Directory)
	}
	return f
}

// closedDirectory gives the first directory from the root to dir that others cannot enter. One that does not exist is
// skipped: another check reports the missing files.
func closedDirectory(dir string) string {
	var way []string
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		way = append(way, at)
		if at == filepath.Dir(at) {
			break
		}
	}
	for _, at := range slices.Backward(way) {
		info, err := os.Stat(at)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			return at
		}
	}
	return ""
}

// heardAsNothing are the faults that keep a caller from hearing the prompt.
var heardAsNothing = []prompts.Fault{prompts.Missing, prompts.Empty, prompts.Unplayable, prompts.Silent}

// judgePrompts names files and faults only: the texts may hold numbers. `bereikbaar prompts check` tells all.
func judgePrompts(f promptFacts) []Finding {
	var grave, other []string
	for _, p := range f.problems {
		name := fmt.Sprintf("%s/%s %s", p.Language, p.ID, p.Fault)
		if slices.Contains(heardAsNothing, p.Fault) {
			grave = append(grave, name)
		} else {
			other = append(other, name)
		}
	}
	var found []Finding
	if len(grave) > 0 {
		found = append(found, Finding{
			checkPrompts, Wrong, "callers do not hear " + some(grave),
			"Run `bereikbaar prompts render`; `bereikbaar prompts check` tells the reason of each",
		})
	}
	if len(other) > 0 {
		found = append(found, Finding{
			checkPrompts, Warning, "faulty: " + some(other),
			"See `bereikbaar prompts check`",
		})
	}
	if f.closed != "" {
		found = append(found, Finding{
			checkPrompts, Warning,
			f.closed + " can be entered by its owner and group only: if Asterisk's user is neither, " +
				"callers hear nothing",
			"chmod o+x it, or make Asterisk's user a member of its group",
		})
	}
	if len(found) == 0 {
		found = append(found, Finding{Check: checkPrompts, Verdict: OK, Text: "every prompt is in " + f.directory})
	}
	return found
}

// some lists the first few of many.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
