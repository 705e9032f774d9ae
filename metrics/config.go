package metrics

import "github.com/prometheus/client_golang/prometheus"

// Config counts reloads of the configuration.
type Config struct {
	reloads    *prometheus.CounterVec
	successful prometheus.Gauge
	last       prometheus.Gauge
}

const (
	reloadOK      = "ok"
	reloadRefused = "refused"
)

// newConfig counts the configuration that the daemon started with as loaded: without it there is no daemon.
func newConfig(r *registration) *Config {
	c := &Config{
		reloads: r.counterVec(
			"config_reloads_total",
			"Reloads of the configuration since the start, by result; a refused one leaves the old one in force.",
			"result",
		),
		successful: r.gauge(
			"config_last_reload_successful", "1 when the file as it was last read is in force, 0 when it was refused.",
		),
		last: r.gauge(
			"config_last_reload_success_timestamp_seconds",
			"When the configuration in force was read, in seconds since 1970 UTC.",
		),
	}
	c.reloads.WithLabelValues(reloadOK)
	c.reloads.WithLabelValues(reloadRefused)
	c.successful.Set(1)
	c.last.SetToCurrentTime()
	return c
}

// Reloaded counts a configuration that was taken over.
func (c *Config) Reloaded() {
	c.reloads.WithLabelValues(reloadOK).Inc()
	c.successful.Set(1)
	c.last.SetToCurrentTime()
}

// Refused counts a configuration that was refused: the one before it stays in force.
func (c *Config) Refused() {
	c.reloads.WithLabelValues(reloadRefused).Inc()
	c.successful.Set(0)
}
