package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

// Witness keeps the trial number that Redis confirmed (redisstore.Proof): beside the journal, because Redis may lose
// it.
type Witness struct{ path string }

// WitnessOf gives the witness in the state directory of the configuration.
func WitnessOf(cfg *config.Config) Witness {
	return Witness{filepath.Join(cfg.State.Directory, "witness.json")}
}

// Read gives what is kept; the zero value when nothing is kept yet.
func (w Witness) Read() (redisstore.Proof, error) {
	var p redisstore.Proof
	text, err := os.ReadFile(w.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return p, nil
	case err == nil:
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return redisstore.Proof{}, fmt.Errorf("what Redis confirmed as a trial, %s: %w", w.path, err)
	}
	return p, nil
}

// keep puts it on the disk. A failure is no harm: Redis then has a later number than it must have.
func (w Witness) keep(p redisstore.Proof) error {
	text, err := json.Marshal(p)
	if err == nil {
		err = renameio.WriteFile(w.path, append(text, '\n'), 0o640) // whole, also after a power cut
	}
	if err != nil {
		return fmt.Errorf("keep what Redis confirmed as a trial: %w", err)
	}
	return nil
}
