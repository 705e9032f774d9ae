package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration. It never carries a secret.
type Problem struct {
	File string
	Line int    // from 1; 0 when no line is at fault, as with a missing environment variable
	Key  string // such as teams.kcc.ring_time or entries[0].number, or the environment variable's name
	What string // what is wrong
	Mend string // how to put it right
}

// String is the problem on one line: file:line: key: what; mend.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Mend != "" {
		b.WriteString("; " + p.Mend)
	}
	return b.String()
}

// Problems are all faults of a configuration, in the order of the file. They are an error unless empty.
type Problems []Problem

// Error lists all problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(
		p, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key)) },
	)
	return p
}

// shown quotes a value of the file for an error text, cut short when it is long.
func shown(value string) string {
	const limit = 60
	if r := []rune(value); len(r) > limit {
		value = string(r[:limit]) + "…"
	}
	return fmt.Sprintf("%q", value)
}

// listed joins words as a sentence does: a, b or c.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
