package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Report is all findings.
type Report struct {
	Verdict  Verdict   `json:"verdict"` // the worst of the findings
	Findings []Finding `json:"findings"`
}

// NewReport makes a report of findings.
func NewReport(findings []Finding) Report { return Report{Findings: findings}.complete() }

func (r Report) complete() Report {
	r.Verdict = OK
	for _, f := range r.Findings {
		switch {
		case f.Verdict == Wrong:
			r.Verdict = Wrong
		case f.Verdict == Warning && r.Verdict == OK:
			r.Verdict = Warning
		}
	}
	return r
}

// Print writes the report for people: a line for each finding, and one below it with the mend.
func (r Report) Print(w io.Writer) error {
	const layout = "%-8s %-16s %s\n"
	var text strings.Builder
	counts := map[Verdict]int{}
	for _, f := range r.Findings {
		counts[f.Verdict]++
		fmt.Fprintf(&text, layout, f.Verdict, f.Check, oneLine(f.Text))
		if f.Mend != "" {
			fmt.Fprintf(&text, layout, "", "", "-> "+oneLine(f.Mend))
		}
	}
	fmt.Fprintf(&text, "\n%d ok, %d warnings, %d wrong\n", counts[OK], counts[Warning], counts[Wrong])
	_, err := io.WriteString(w, text.String())
	return err
}

// oneLine keeps texts of other programs from breaking the layout, or the terminal.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
}
