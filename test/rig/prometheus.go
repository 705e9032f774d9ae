package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Prometheus is a real Prometheus with the rules of deploy/prometheus, scraping the rig's daemon.
type Prometheus struct {
	// Address is host:port of its web page.
	Address string

	dir     string
	process *Process
}

// newPrometheus writes the configuration: the shipped one with the daemon's address and an interval that suits a test.
func newPrometheus(dir, address, operations string, interval time.Duration) (*Prometheus, error) {
	source, err := root.Source()
	if err != nil {
		return nil, err
	}
	shipped := filepath.Join(source, "deploy", "prometheus")
	if err := os.CopyFS(filepath.Join(dir, "rules"), os.DirFS(filepath.Join(shipped, "rules"))); err != nil {
		return nil, fmt.Errorf("the rules of Prometheus: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(shipped, "prometheus.yml"))
	if err != nil {
		return nil, fmt.Errorf("the configuration of Prometheus: %w", err)
	}
	for pattern, value := range map[string]string{
		`(?m)^( *- targets:).*`:                      "${1} [\"" + operations + "\"]",
		`(?m)^( *(?:scrape|evaluation)_interval:).*`: "${1} " + interval.String(),
		`(?m)^( *scrape_timeout:).*`:                 "${1} " + interval.String(),
	} {
		text = regexp.MustCompile(pattern).ReplaceAll(text, []byte(value))
	}
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), text, 0o644); err != nil {
		return nil, fmt.Errorf("the configuration of Prometheus: %w", err)
	}
	return &Prometheus{Address: address, dir: dir}, nil
}

// Start starts Prometheus and waits until it is ready.
func (p *Prometheus) Start(ctx context.Context) error {
	cmd := exec.Command("prometheus", "--config.file", filepath.Join(p.dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(p.dir, "data"), "--web.listen-address", p.Address, "--log.level", "warn")
	process, err := start(filepath.Dir(p.dir), "prometheus", cmd)
	if err != nil {
		return err
	}
	p.process = process
	return process.await(ctx, "is ready", func(ctx context.Context) error {
		status, body, err := get(ctx, "http://"+p.Address+"/-/ready")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/-/ready answers %d: %s", status, body)
		}
		return err
	})
}

// Stop ends Prometheus in an orderly way.
func (p *Prometheus) Stop() error { return p.process.stop(10 * time.Second) }

// Sample is one value of a query's answer.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query asks for the value of an expression now.
func (p *Prometheus) Query(ctx context.Context, expression string) ([]Sample, error) {
	status, body, err := get(ctx, "http://"+p.Address+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("asking Prometheus for %s: %d: %s", expression, status, body)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return nil, fmt.Errorf("asking Prometheus for %s: %w", expression, err)
	}
	var samples []Sample
	for _, result := range answer.Data.Result {
		value, err := strconv.ParseFloat(fmt.Sprint(result.Value[1]), 64)
		if err != nil {
			return nil, fmt.Errorf("asking Prometheus for %s: %w", expression, err)
		}
		samples = append(samples, Sample{Labels: result.Metric, Value: value})
	}
	return samples, nil
}
