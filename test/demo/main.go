// Command demo starts everything, rings 14 0570 twice and prints what happens. It exits with 0 only when both calls
// went as expected.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/test/rig"
	"github.com/bereikbaar/bereikbaar/test/root"
)

// callsLimit bounds the two calls together.
const callsLimit = 3 * time.Minute

func main() {
	stay := flag.Bool("stay", false, "stay up after the calls, until Ctrl-C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *stay); err != nil {
		fmt.Fprintln(os.Stderr, "\nThe demonstration failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stay bool) (err error) {
	cache, err := root.CacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "run")
	phones, err := accounts(dir)
	if err != nil {
		return err
	}
	fmt.Println("Starting …")
	r, err := rig.Start(ctx, rig.Options{
		Dir: dir, Address: "127.0.0.1", Phones: phones, Config: rig.Overrides(rig.AlwaysOpen(), peopleOf()),
		Prometheus: time.Second,
		Progress:   os.Stdout,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	introduce(r)
	limited, cancel := context.WithTimeout(ctx, callsLimit)
	defer cancel()
	if err := ring(limited, r); err != nil {
		return err
	}
	if err := openPages(limited, r); err != nil {
		return err
	}
	if stay {
		fmt.Println("\nIt stays up: log a softphone in and ring 14 0570. Ctrl-C ends everything.")
		<-ctx.Done()
		fmt.Println("\nStopping …")
	}
	return nil
}

// accounts are the SIP accounts of this machine: made once, with random passwords.
func accounts(dir string) ([]rig.Phone, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory of the demonstration: %w", err)
	}
	path := filepath.Join(dir, "accounts.json")
	var phones []rig.Phone
	text, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(text, &phones) == nil && len(phones) == len(rig.DefaultPhones()) {
		return phones, nil
	}
	phones = rig.DefaultPhones()
	for i := range phones {
		phones[i].Password = rand.Text()
	}
	if text, err = json.MarshalIndent(phones, "", "  "); err != nil {
		return nil, fmt.Errorf("the SIP accounts: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("the SIP accounts: %w", err)
	}
	return phones, nil
}

// introduce prints the accounts and addresses.
func introduce(r *rig.Rig) {
	fmt.Printf("\nSIP accounts on %s (UDP), for a softphone:\n", r.Asterisk.SIP)
	fmt.Printf("  %-10s %-28s %s\n", "account", "password", "who")
	for _, phone := range r.Phones {
		fmt.Printf("  %-10s %-28s %s\n", phone.Name, phone.Password, who(phone.Name))
	}
	fmt.Printf("\n  Metrics     http://%s/metrics (health: /healthz, /readyz)\n", r.Daemon.Operations)
	fmt.Printf("  Pages       http://%s (people sign in: below)\n", r.Daemon.Web)
	fmt.Printf("  JSON API    http://%s (what it does: /api/openapi.json)\n", r.Daemon.Web)
	fmt.Printf("  Prometheus  http://%s\n", r.Prometheus.Address)
	fmt.Printf("  Redis       %s\n", r.Redis.Address)
	fmt.Printf("  Logs        %s\n", filepath.Join(r.Dir, "logs"))
	fmt.Println("  Teams are open around the clock here, so that it works at any hour.")
}

func who(account string) string {
	switch {
	case strings.HasPrefix(account, "kcc"):
		return "an agent of the contact centre (KCC)"
	case strings.HasPrefix(account, "verg"):
		return "an agent of the permits department (Vergunningen)"
	default:
		return "a caller's line: ring 140570"
	}
}
