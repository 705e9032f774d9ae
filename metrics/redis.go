package metrics

import "github.com/prometheus/client_golang/prometheus"

// Redis counts what happens on the link with Redis.
type Redis struct{ errors prometheus.Counter }

func newRedis(r *registration) *Redis {
	return &Redis{
		errors: r.counter(
			"redis_command_errors_total",
			"Commands of any kind that Redis refused or did not answer in time.",
		),
	}
}

// CommandFailed counts a command that Redis refused or did not answer.
func (r *Redis) CommandFailed() { r.errors.Inc() }
