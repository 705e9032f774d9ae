package rig

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// writeTokens gives every employee's phone a token for the JSON API, as its owner would have it.
func (d *Daemon) writeTokens(path string, phones []Phone) error {
	type line struct {
		Name, Role, Agent, Municipality string
		Teams                           []string
		SHA256                          string `yaml:"sha256"`
	}
	d.tokens = map[string]string{}
	var lines []line
	for _, p := range phones {
		if p.Context != "from-phones" {
			continue
		}
		d.tokens[p.Name] = "bkb_" + rand.Text()
		sum := sha256.Sum256([]byte(d.tokens[p.Name]))
		lines = append(lines, line{p.Name, "agent", p.Name, "deventer", []string{"*"}, hex.EncodeToString(sum[:])})
	}
	text, err := yaml.Marshal(lines)
	if err != nil {
		return fmt.Errorf("the tokens: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("the tokens: %w", err)
	}
	return nil
}

// API sends a request to the daemon's JSON API in the name of a phone's owner. ver is the version of the note that they
// have seen; 0 for none.
func (d *Daemon) API(ctx context.Context, who, method, path string, ver uint64, body string) (
	status int, answer string, err error,
) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+d.Web+path, strings.NewReader(body))
	if err != nil {
		return 0, "", fmt.Errorf("asking the API: %w", err)
	}
	request.Close = true
	request.Header.Set("Authorization", "Bearer "+d.tokens[who])
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", rand.Text()) // for requests that make a note
	if ver > 0 {
		request.Header.Set("If-Match", fmt.Sprintf("%q", fmt.Sprint(ver)))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("asking the API: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", fmt.Errorf("asking the API: %w", err)
	}
	return response.StatusCode, string(text), nil
}
