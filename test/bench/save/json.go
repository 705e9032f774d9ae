// Package save writes measurements for programs to read.
package save

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// JSON writes figures to path, makes its directory, and prints the path.
func JSON(path string, figures any) error {
	text, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return fmt.Errorf("the figures: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("the figures: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("the figures: %w", err)
	}
	fmt.Printf("\nThe same as JSON: %s\n", path)
	return nil
}
