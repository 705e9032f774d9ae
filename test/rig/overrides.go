package rig

import (
	"fmt"
	"maps"

	"go.yaml.in/yaml/v3"
)

// AlwaysOpen are overrides of the shipped configuration that keep the municipality and its teams open around the clock,
// and shorten the waits.
func AlwaysOpen() map[string]any {
	quick := map[string]any{"ring_time": "3s", "retry": "1s", "wrap_up": "0s"}
	return map[string]any{
		"municipalities": map[string]any{"deventer": map[string]any{
			"hours": EveryDay("00:00-24:00"), "exceptions": nil, "open_on_holidays": true,
		}},
		"teams": map[string]any{"kcc": quick, "vergunningen": Overrides(quick, map[string]any{"hours": nil})},
	}
}

// EveryDay makes the same opening hours for every day.
func EveryDay(span string) map[string]any {
	hours := map[string]any{"weekdays": nil}
	for _, day := range []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"} {
		hours[day] = []string{span}
	}
	return hours
}

// Overrides lays overrides over others, key by key.
func Overrides(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	for key, value := range over {
		inner, isMap := value.(map[string]any)
		under, wasMap := merged[key].(map[string]any)
		if isMap && wasMap {
			merged[key] = Overrides(under, inner)
			continue
		}
		merged[key] = value
	}
	return merged
}

// Override lays overrides over the text of a configuration, one after the other, as Daemon.Configure does.
func Override(text []byte, overrides ...map[string]any) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	for _, values := range overrides {
		if err := merge(document.Content[0], values); err != nil {
			return nil, fmt.Errorf("overrides of the configuration: %w", err)
		}
	}
	text, err := yaml.Marshal(&document)
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	return text, nil
}

// merge works on YAML nodes, so that quoted numbers and dates keep their form.
func merge(mapping *yaml.Node, values map[string]any) error {
	for key, value := range values {
		at := -1
		for i := 0; i < len(mapping.Content); i += 2 {
			if mapping.Content[i].Value == key {
				at = i
			}
		}
		inner, isMap := value.(map[string]any)
		switch {
		case value == nil && at >= 0:
			mapping.Content = append(mapping.Content[:at], mapping.Content[at+2:]...)
		case value == nil:
		case isMap && at >= 0 && mapping.Content[at+1].Kind == yaml.MappingNode:
			if err := merge(mapping.Content[at+1], inner); err != nil {
				return err
			}
		default:
			node := &yaml.Node{}
			if err := node.Encode(value); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if at >= 0 {
				mapping.Content[at+1] = node
				continue
			}
			mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, node)
		}
	}
	return nil
}
