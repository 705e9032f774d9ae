package config

// LoadText is Load of a text that is in memory already: thousands of faults are tried on it.
func LoadText(path string, raw []byte) (*Config, error) { return load(path, raw, nil) }
