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

	"github.com/bereikbaar/bereikbaar/test/redistest"
)

// Redis is one real Redis with the files of deploy/redis: it keeps all confirmed writes.
type Redis struct {
	// Address is host:port.
	Address string

	dir       string
	installed *redistest.Installation
	process   *Process
}

// newRedis prepares a Redis that keeps its data under dir.
func newRedis(dir, address string) (*Redis, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the directory of Redis: %w", err)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("the address of Redis: %w", err)
	}
	installed, err := redistest.Install(dir, redistest.Redis, "bind "+host, "port "+port)
	if err != nil {
		return nil, err
	}
	return &Redis{Address: address, dir: dir, installed: installed}, nil
}

// SetUsers replaces the shipped rules of users (redistest.ShippedUsers) from the next start on.
func (r *Redis) SetUsers(acl string) error { return r.installed.SetUsers(acl) }

// Process gives access to freezing, thawing and signalling Redis.
func (r *Redis) Process() *Process { return r.process }

// Start starts Redis on its data, and waits until it has loaded them.
func (r *Redis) Start(ctx context.Context) error {
	if err := r.installed.BeforeStart(); err != nil {
		return err
	}
	cmd, err := r.installed.Command()
	if err != nil {
		return err
	}
	process, err := start(filepath.Dir(r.dir), "redis", cmd)
	if err != nil {
		return err
	}
	r.process = process
	return process.await(ctx, "answers", func(ctx context.Context) error {
		answer, err := r.CLI(ctx, "PING")
		if err == nil && answer != "PONG" {
			err = fmt.Errorf("it answers %q", answer)
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

// CLI runs one command with redis-cli, as the operators' user, and gives its answer, one value to a line.
func (r *Redis) CLI(ctx context.Context, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(r.Address)
	if err != nil {
		return "", fmt.Errorf("the address of Redis: %w", err)
	}
	cmd := exec.CommandContext(
		ctx, "redis-cli", append([]string{"-e", "-h", host, "-p", port, "--user", redistest.Operator}, args...)...,
	)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH="+redistest.OperatorPassword)
	output, err := cmd.CombinedOutput()
	answer := strings.TrimSuffix(string(output), "\n")
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %w: %s", args[0], err, answer)
	}
	return answer, nil
}
