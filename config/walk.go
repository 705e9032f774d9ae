package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/spelling"
)

// document is the file as it is read: its faults, and the line of each key.
type document struct {
	file     string
	lines    map[string]int
	faulty   map[string]bool // keys with a problem of form; they get no second one
	problems Problems
	warnings Problems
}

func (d *document) problem(key, what, mend string) {
	if !d.spoilt(key) {
		d.problems = append(d.problems, Problem{d.file, d.line(key), key, what, mend})
	}
}

func (d *document) warn(key, what, mend string) {
	d.warnings = append(d.warnings, Problem{d.file, d.line(key), key, what, mend})
}

// malformed reports a problem of form and keeps later checks quiet about it.
func (d *document) malformed(key, what, mend string) {
	d.problem(key, what, mend)
	d.faulty[key] = true
}

func (d *document) spoilt(key string) bool {
	for key != "" {
		if d.faulty[key] {
			return true
		}
		key = parent(key)
	}
	return false
}

// line is the line of a key, or of the nearest key above it.
func (d *document) line(key string) int {
	for key != "" {
		if line, ok := d.lines[key]; ok {
			return line
		}
		key = parent(key)
	}
	return 1
}

func (d *document) has(key string) bool { _, ok := d.lines[key]; return ok }

func parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }

func under(key, child string) string {
	if key == "" {
		return child
	}
	return key + "." + child
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// keyName is a key as error texts show it; a strange one is quoted, and loses the signs that separate keys.
func keyName(raw string) string {
	if plainKey.MatchString(raw) {
		return raw
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(".[]", r) {
			return '·'
		}
		return r
	}, shown(raw))
}

// walk checks the form of the value at key and returns it as plain Go, without malformed parts. tag is that of the
// field that holds the value, keys the rest of its keys tag.
func (d *document) walk(key string, n *yaml.Node, t reflect.Type, tag reflect.StructTag, keys string) (any, bool) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		d.malformed(
			key, "anchors (&) and aliases (*) are not read here",
			"write the value out; a text that begins with & or * goes in quotes",
		)
		return nil, false
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.malformed(key, "it has no value", "write a value"+such(tag)+", or leave the key out")
		return nil, false
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if n.Kind != yaml.MappingNode {
			d.malformed(
				key, "it must hold keys with values, not "+describe(n), "write keys and values under it"+such(tag),
			)
			return nil, false
		}
		if len(n.Content) == 0 {
			d.malformed(
				key, "there is nothing in it", "write keys and values under it"+such(tag)+", or leave the key out",
			)
			return nil, false
		}
		if t.Kind() == reflect.Struct {
			return d.record(key, n, t), true
		}
		return d.table(key, n, t, tag, keys), true
	case reflect.Slice:
		return d.list(key, n, t, tag)
	default:
		return d.scalar(key, n, t, tag)
	}
}

// record reads a mapping whose keys are the fields of t.
func (d *document) record(key string, n *yaml.Node, t reflect.Type) map[string]any {
	known := fieldNames(t)
	values := map[string]any{}
	d.pairs(key, n, func(name string, value *yaml.Node) {
		at := under(key, keyName(name))
		i := slices.Index(known, name)
		if i < 0 {
			mend := "the keys here are " + listed(known)
			if near := spelling.Nearest(name, known); near != "" {
				mend = "did you mean " + near + "?"
			}
			d.malformed(at, "this key is not known", mend)
			return
		}
		field := t.Field(i)
		if v, ok := d.walk(at, value, field.Type, field.Tag, field.Tag.Get("keys")); ok {
			values[name] = v
		}
	})
	for i, name := range known {
		tag := t.Field(i).Tag
		if at := under(key, name); tag.Get("need") == "yes" && !d.has(at) {
			d.malformed(at, "it is missing", "add "+name+": "+example(tag))
		}
	}
	return values
}

// table reads a mapping with keys of the user's own choice.
func (d *document) table(key string, n *yaml.Node, t reflect.Type, tag reflect.StructTag, keys string) map[string]any {
	kind, deeper, _ := strings.Cut(keys, "/")
	values := map[string]any{}
	d.pairs(key, n, func(name string, value *yaml.Node) {
		at := under(key, keyName(name))
		if what, mend := keyForms[kind](name); what != "" {
			d.malformed(at, what, mend)
			return
		}
		elementTag := tag
		if kind := t.Elem().Kind(); kind == reflect.Struct || kind == reflect.Map {
			elementTag = ""
		}
		if v, ok := d.walk(at, value, t.Elem(), elementTag, deeper); ok {
			values[name] = v
		}
	})
	return values
}

// pairs visits the keys of a mapping, each once, and remembers their lines.
func (d *document) pairs(key string, n *yaml.Node, visit func(name string, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := under(key, keyName(name.Value))
		line, twice := first[name.Value]
		switch {
		case name.Kind != yaml.ScalarNode || name.Anchor != "":
			d.misplaced(
				under(key, "?"), name.Line, "a key must be a plain word",
				"a key that begins with *, & or ? goes in quotes",
			)
		case name.ShortTag() == "!!merge":
			d.misplaced(under(key, "<<"), name.Line, "merging (<<) is not read here", "write the keys out")
		case twice:
			d.misplaced(
				at, name.Line, fmt.Sprintf("this key is here twice, first on line %d", line),
				"keep one of the two",
			)
		default:
			first[name.Value] = name.Line
			d.lines[at] = name.Line
			visit(name.Value, value)
		}
	}
}

// misplaced reports a problem on a line that is not the key's own.
func (d *document) misplaced(key string, line int, what, mend string) {
	d.problems = append(d.problems, Problem{d.file, line, key, what, mend})
}

// list reads a sequence. A malformed element keeps its place, so that the others keep their lines.
func (d *document) list(key string, n *yaml.Node, t reflect.Type, tag reflect.StructTag) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		d.malformed(key, "it must be a list, not "+describe(n), "write it between brackets"+such(tag))
		return nil, false
	}
	if most, err := strconv.Atoi(tag.Get("max")); err == nil && len(n.Content) > most {
		d.malformed(key, fmt.Sprintf("it has %d elements, more than %d", len(n.Content), most), "leave some out")
		return nil, false
	}
	values := make([]any, len(n.Content))
	for i, element := range n.Content {
		at := fmt.Sprintf("%s[%d]", key, i)
		d.lines[at] = element.Line
		elementTag := tag
		if t.Elem().Kind() == reflect.Struct {
			elementTag = ""
		}
		if v, ok := d.walk(at, element, t.Elem(), elementTag, ""); ok {
			values[i] = v
		}
	}
	return values, true
}

func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i] = t.Field(i).Tag.Get("mapstructure")
	}
	return names
}

// example is what a value may look like.
func example(tag reflect.StructTag) string {
	if eg := tag.Get("eg"); eg != "" {
		return eg
	}
	return tag.Get("default")
}

func such(tag reflect.StructTag) string {
	if eg := example(tag); eg != "" {
		return ", such as " + eg
	}
	return ""
}

// describe says what kind of value a node is.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!str":
		return "the text " + shown(n.Value)
	case "!!int", "!!float":
		return "the number " + clipped(n.Value)
	case "!!bool":
		return "the yes-or-no value " + clipped(n.Value)
	case "!!timestamp":
		return "the date " + clipped(n.Value)
	case "!!null":
		return "nothing"
	default:
		return "a value of the type " + clipped(n.ShortTag())
	}
}

func clipped(value string) string { return strings.Trim(shown(value), `"`) }
