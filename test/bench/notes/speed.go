package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// speed makes notes from 64 clients, through the store and by the bare script, in turn: it runs the benchmarks of
// redisstore, which have the script.
func (r *results) speed(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return fmt.Errorf("measure the speed: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "redisstore.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "./redisstore")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the benchmarks (run this at the top of the repository): %w: %s", err, out)
	}
	for range r.Plan.Runs {
		for _, b := range []struct {
			name string
			into *[]float64
		}{{"BenchmarkMake", &r.Store}, {"BenchmarkRawEvalsha", &r.Raw}} {
			cmd := exec.CommandContext(
				ctx, binary, "-test.run=^$", "-test.bench=^"+b.name+"$", "-test.benchtime="+fmt.Sprint(r.Plan.Made)+"x",
			)
			cmd.Dir = "redisstore"
			out, err := cmd.CombinedOutput()
			found := regexp.MustCompile(`([0-9.]+) notes/s`).FindStringSubmatch(string(out))
			if err != nil || found == nil {
				return fmt.Errorf("%s: %w: %s", b.name, err, strings.TrimSpace(string(out)))
			}
			perSecond, err := strconv.ParseFloat(found[1], 64)
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			*b.into = append(*b.into, perSecond)
		}
	}
	return nil
}
