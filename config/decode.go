package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// keyDelimiter separates the keys of a path within viper. Its default is a dot, which would break a name with a dot in
// two. Names here have no slash (see idForm).
const keyDelimiter = "/"

// parse reads the text of a file: its well-formed values, and all faults of form. It fails only on a text that is not
// YAML.
func parse(path string, raw []byte) (*document, *fileForm, error) {
	root, err := outline(path, raw)
	if err != nil {
		return nil, nil, err
	}
	doc := &document{file: path, lines: map[string]int{}, faulty: map[string]bool{}}
	values := doc.record("", root, reflect.TypeFor[fileForm]())
	v := viper.NewWithOptions(viper.KeyDelimiter(keyDelimiter))
	if err := v.MergeConfigMap(values); err != nil {
		return nil, nil, Problems{{File: path, What: fmt.Sprintf("it cannot be read: %v", err)}}
	}
	form := &fileForm{}
	hooks := mapstructure.ComposeDecodeHookFunc(
		mapstructure.DecodeHookFuncType(withDefaults), mapstructure.StringToTimeDurationHookFunc(),
	)
	if err := v.UnmarshalExact(form, viper.DecodeHook(hooks)); err != nil {
		return nil, nil, Problems{{File: path, What: fmt.Sprintf("it cannot be read: %v", err)}}
	}
	return doc, form, nil
}

// withDefaults fills in the keys that are left out, wherever a mapping becomes a struct. viper's own defaults know only
// fixed paths, not "ring_time of every team".
func withDefaults(_, to reflect.Type, data any) (any, error) {
	values, ok := data.(map[string]any)
	if !ok || to.Kind() != reflect.Struct {
		return data, nil
	}
	filled := make(map[string]any, to.NumField())
	for i, name := range fieldNames(to) {
		field := to.Field(i)
		switch fallback, has := field.Tag.Lookup("default"); {
		case field.Type.Kind() == reflect.Struct:
			filled[name] = map[string]any{}
		case has && field.Type.Kind() == reflect.Slice:
			filled[name] = strings.Split(fallback, ",")
		case has:
			filled[name] = fallback
		}
	}
	for name, value := range values {
		filled[name] = value
	}
	return filled, nil
}
