package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// formField is one key of the file, as the documentation names it: teams.<team>.ring_time.
type formField struct {
	key   string
	field reflect.StructField
}

// placeholders name, in the documentation, what users name themselves.
var placeholders = map[string]string{
	"municipalities": "<municipality>", "menus": "<menu>", "agents": "<agent>", "teams": "<team>",
	"people": "<person>", "webhooks": "<webhook>",
}

func formFields(t reflect.Type, key string) []formField {
	var fields []formField
	for i, name := range fieldNames(t) {
		f := t.Field(i)
		at := under(key, name)
		inner := f.Type
		switch inner.Kind() {
		case reflect.Pointer:
			inner = inner.Elem()
		case reflect.Slice:
			inner = inner.Elem()
		case reflect.Map:
			inner = inner.Elem()
		}
		fields = append(fields, formField{at, f})
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[targetForm]() {
			if f.Type.Kind() == reflect.Map {
				at = under(at, placeholders[name])
			}
			fields = append(fields, formFields(inner, at)...)
		}
	}
	return fields
}

func TestTheFormIsWellFormed(t *testing.T) {
	for _, f := range formFields(reflect.TypeFor[fileForm](), "") {
		tag := f.field.Tag
		if form := tag.Get("form"); form != "" && form != "secret" {
			require.Contains(t, textForms, form, f.key)
		}
		for _, kind := range strings.Split(tag.Get("keys"), "/") {
			if kind != "" {
				require.Contains(t, keyForms, kind, f.key)
			}
		}
		if f.field.Type.Kind() == reflect.Map {
			require.NotEmpty(t, tag.Get("keys"), f.key)
		}
		if f.field.Type == reflect.TypeFor[time.Duration]() || f.field.Type.Kind() == reflect.Int {
			require.NotEmpty(t, tag.Get("default"), f.key)
			require.NotEmpty(t, tag.Get("min"), f.key)
			require.NotEmpty(t, tag.Get("max"), f.key)
		}
		if fallback, ok := tag.Lookup("default"); ok && f.field.Type.Kind() != reflect.Slice {
			accepted(t, f, fallback)
		}
		if eg := tag.Get("eg"); eg != "" && f.field.Type.Kind() == reflect.String && tag.Get("form") != "number" {
			accepted(t, f, eg)
		}
	}
}

// accepted checks that the check of a field takes its own default or example.
func accepted(t *testing.T, f formField, value string) {
	t.Helper()
	var file yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(value), &file))
	d := &document{lines: map[string]int{}, faulty: map[string]bool{}}
	_, ok := d.walk(f.key, file.Content[0], f.field.Type, f.field.Tag, "")
	require.True(t, ok, "%s: %s", f.key, d.problems)
}

// Every key is in the documentation, in a row of a table of its own, with its default.
func TestTheDocumentationIsComplete(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	rows := map[string][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, "|"); strings.HasPrefix(line, "| `") && len(cells) > 4 {
			key := strings.Trim(strings.TrimSpace(cells[1]), "`")
			require.NotContains(t, rows, key, "a key stands there once")
			rows[key] = cells
		}
	}
	for _, f := range formFields(reflect.TypeFor[fileForm](), "") {
		row, tag := rows[f.key], f.field.Tag
		if tag.Get("form") == "secret" {
			require.Nil(t, row, "a secret is not offered as a key")
			continue
		}
		inner := f.field.Type.Kind()
		if inner == reflect.Struct && f.field.Type != reflect.TypeFor[targetForm]() {
			continue // a section: its keys are listed
		}
		require.NotNil(t, row, "docs/configuration.md has no row for %s", f.key)
		delete(rows, f.key)
		standard := strings.TrimSpace(row[2])
		switch fallback, ok := tag.Lookup("default"); {
		case tag.Get("need") == "yes":
			require.Equal(t, "needed", standard, f.key)
		case ok && inner == reflect.Slice:
			require.Equal(t, "`["+strings.ReplaceAll(fallback, ",", ", ")+"]`", standard, f.key)
		case ok:
			require.Equal(t, "`"+fallback+"`", standard, f.key)
		default:
			require.False(t, strings.HasPrefix(standard, "`"), "%s has no default of its own", f.key)
		}
		if inner == reflect.Int || inner == reflect.Int64 {
			require.Contains(t, row[3], tag.Get("max"), f.key)
		}
		for _, word := range words(tag) {
			require.Contains(t, row[3], word, f.key)
		}
	}
	require.Empty(t, rows, "docs/configuration.md has rows for keys that do not exist")
}
