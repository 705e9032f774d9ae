package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// partKeys parts the keys of a path within viper. Its own dot would break names with a dot in two; names here have
// neither (see idForm).
const partKeys = "/"

// parse reads the text of a file: what it holds, as far as its form is right, and everything that is wrong with its
// form. It fails only on a text that is not YAML.
func parse(path string, raw []byte) (*document, *fileForm, error) {
	root, err := outline(path, raw)
	if err != nil {
		return nil, nil, err
	}
	doc := &document{file: path, lines: map[string]int{}, faulty: map[string]bool{}}
	values := doc.record("", root, reflect.TypeFor[fileForm]())
	v := viper.NewWithOptions(viper.KeyDelimiter(partKeys))
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
