package rig

import "maps"

// AlwaysOpen are overrides of the shipped configuration that keep the municipality and its teams open around the clock,
// whenever they are used, and shorten what is waited for.
func AlwaysOpen() map[string]any {
	quick := map[string]any{"ring_time": "3s", "retry": "1s", "wrap_up": "0s"}
	return map[string]any{
		"municipalities": map[string]any{"deventer": map[string]any{
			"hours": EveryDay("00:00-24:00"), "exceptions": nil, "open_on_holidays": true,
		}},
		"teams": map[string]any{"kcc": quick, "vergunningen": Overrides(quick, map[string]any{"hours": nil})},
	}
}

// EveryDay makes opening hours that are the same on every day.
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
