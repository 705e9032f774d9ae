package rig

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Redis is one real Redis with the settings of deploy/redis: it loses nothing that it confirmed.
type Redis struct {
	// Address is host:port.
	Address string

	dir     string
	process *Process
}

// newRedis prepares a Redis that keeps its data under dir.
func newRedis(dir, address string) (*Redis, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the directory of Redis: %w", err)
	}
	return &Redis{Address: address, dir: dir}, nil
}

// Process gives access to freezing, thawing and signalling Redis.
func (r *Redis) Process() *Process { return r.process }

// Start starts Redis on the data that it left, and waits until it has loaded them.
func (r *Redis) Start(ctx context.Context) error {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return fmt.Errorf("the address of Redis: %w", err)
	}
	root, err := SourceRoot()
	if err != nil {
		return err
	}
	// What is shipped for production, but for the address and the accounts.
	mend := exec.CommandContext(ctx, filepath.Join(root, "deploy", "redis", "before-start"), filepath.Join(r.dir, "appendonlydir", "appendonly.aof.manifest"))
	if output, err := mend.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", mend, err, output)
	}
	cmd := exec.Command("redis-server", filepath.Join(root, "deploy", "redis", "redis.conf"), "--bind", host, "--port", port,
		"--unixsocket", "", "--aclfile", "", "--dir", r.dir)
	process, err := start(filepath.Dir(r.dir), "redis", cmd)
	if err != nil {
		return err
	}
	r.process = process
	return process.await(ctx, "answers", func(ctx context.Context) error {
		answer, err := r.CLI(ctx, "PING")
		if err == nil && answer != "PONG" {
			err = fmt.Errorf("it says %q", answer)
		}
		return err
	})
}

// Stop ends Redis in an orderly way.
func (r *Redis) Stop() error { return r.process.stop(10 * time.Second) }

// Kill ends Redis with SIGKILL, as a crash would.
func (r *Redis) Kill() error { return r.process.Kill() }

// Restart starts Redis again after Stop or Kill, or stops it first when it runs.
func (r *Redis) Restart(ctx context.Context) error {
	if r.process != nil && r.process.Running() {
		if err := r.Stop(); err != nil {
			return err
		}
	}
	return r.Start(ctx)
}

// CLI runs one command with redis-cli and gives its answer, one value to a line.
func (r *Redis) CLI(ctx context.Context, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return "", fmt.Errorf("the address of Redis: %w", err)
	}
	cmd := exec.CommandContext(ctx, "redis-cli", append([]string{"-e", "-h", host, "-p", port}, args...)...)
	output, err := cmd.CombinedOutput()
	answer := strings.TrimSuffix(string(output), "\n")
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %w: %s", args[0], err, answer)
	}
	return answer, nil
}
