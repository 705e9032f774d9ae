package rig

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SavedPhones are DefaultPhones with the passwords of this machine: made at random the first time and kept in a file
// that only its owner reads, so that a softphone stays logged in from one run to the next.
func SavedPhones() ([]Phone, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(cache, "phones.json")
	passwords := map[string]string{}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &passwords)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the passwords of the phones: %w (delete %s to have new ones)", err, path)
	}
	phones, added := DefaultPhones(), false
	for i := range phones {
		name := phones[i].Name
		if passwords[name] == "" {
			passwords[name], added = rand.Text()[:12], true
		}
		phones[i].Password = passwords[name]
	}
	if !added {
		return phones, nil
	}
	if text, err = json.MarshalIndent(passwords, "", "  "); err != nil {
		return nil, fmt.Errorf("the passwords of the phones: %w", err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("the passwords of the phones: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("the passwords of the phones: %w", err)
	}
	return phones, nil
}
