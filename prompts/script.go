package prompts

import (
	"encoding/csv"
	"fmt"
	"io"
)

// WriteScript writes the script for recording a language, as CSV: file name (without extension), text, and how to read
// it. Silences are not in it.
func WriteScript(w io.Writer, manifest *Manifest, language Language) error {
	if _, err := chooseLanguages([]Language{language}); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	lines := [][]string{{"file", "text", "reading"}}
	for _, id := range manifest.IDs(language) {
		p, _ := manifest.Prompt(language, id)
		if p.Silence > 0 {
			continue
		}
		reading := "a sentence of its own"
		if !endsSentence(p.Text) {
			reading = "part of a sentence: keep the voice up, as before a comma"
		}
		lines = append(lines, []string{string(id), cell(p.Text), reading})
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("write the script for recording: %w", err)
	}
	return nil
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(text string) string {
	switch text[0] {
	case '=', '+', '-', '@':
		return "\t" + text
	}
	return text
}
