package doctor

import (
	"path/filepath"
	"strings"
)

// deepestTemplate bounds templates of templates; more is a circle.
const deepestTemplate = 10

// readSection gives a section of a file in Asterisk's configuration directory, templates included, and whether it
// exists.
func readSection(dir, file, name string) (section, bool, error) {
	found := map[string]section{}
	r := confReader{dir: dir, general: section{}, templates: map[string][]string{}}
	r.visit = func(_ string, _ int, line string) {
		key, value, ok := strings.Cut(line, "=")
		if !ok || r.section == "" {
			return
		}
		if found[r.section] == nil {
			found[r.section] = section{}
		}
		found[r.section][strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(strings.TrimPrefix(value, ">"))
	}
	if err := r.file(filepath.Join(dir, file), 0); err != nil {
		return nil, false, err
	}
	whole := section{}
	var add func(name string, depth int)
	add = func(name string, depth int) {
		if depth > deepestTemplate {
			return
		}
		for _, template := range r.templates[name] {
			add(template, depth+1)
		}
		for key, value := range found[name] {
			whole[key] = value
		}
	}
	add(name, 0)
	_, exists := r.templates[name]
	return whole, exists, nil
}

// inherits are the templates in the text after a section's name: "(!,a,b)" names a and b, "(+)" none.
func inherits(text string) []string {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "(") {
		return nil
	}
	text, _, _ = strings.Cut(text[1:], ")")
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" && name != "!" && !strings.HasPrefix(name, "+") {
			names = append(names, name)
		}
	}
	return names
}
