package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/prompts"
)

const (
	// heartbeat is how often the daemon looks whether it still turns.
	heartbeat = time.Second
	// pulseLimit is after how long without a turn it counts as stuck.
	pulseLimit = 10 * time.Second
)

func (s *service) watchHealth(library *prompts.Library) error {
	s.pulse = metrics.NewPulse("heartbeat", pulseLimit)
	parts := []metrics.Part{
		{Name: "ari", Needed: true, InMemory: true, Health: s.linkHealth},
		{Name: "redis", Health: s.redis.health},
		{Name: "prompts", Health: s.promptsHealth(library)},
	}
	if s.api != nil {
		parts = append(parts, metrics.Part{Name: "api", Health: s.api.health})
	}
	return s.metrics.Watch(metrics.Sources{
		Queues:         s.queues,
		Notes:          s.store,
		Municipalities: s.towns.names,
		Pulses:         []*metrics.Pulse{s.pulse},
		Parts:          parts,
		Backlog:        s.conn.Backlog,
		Faults:         func() map[string]int { return faultCounts(s.store.Faults()) },
		Active:         s.board.Size,
	})
}

func (s *service) linkHealth(context.Context) metrics.Health {
	up, since, err := s.conn.State()
	h := metrics.Health{Up: up, Since: since.UTC()}
	calls, of, takingBack := s.board.TakingBack()
	switch {
	case up:
	case takingBack:
		h.Detail = fmt.Sprintf("taking back %d of %d calls that Asterisk kept", calls, of)
	case err != nil:
		h.Detail = err.Error()
	default:
		h.Detail = "connecting to Asterisk, and asking it what it has"
	}
	return h
}

// promptsHealth looks whether the prompts that every call needs are there.
func (s *service) promptsHealth(library *prompts.Library) func(context.Context) metrics.Health {
	started := time.Now().UTC()
	return func(context.Context) metrics.Health {
		for _, language := range s.settings.config().Prompts.Languages {
			speaker, err := prompts.NewSpeaker(language)
			if err != nil {
				return metrics.Health{Since: started, Detail: err.Error()}
			}
			if _, missing := library.Media(speaker.Say(prompts.Welcome, prompts.OfferCallback, prompts.AllBusy)); len(missing) > 0 {
				return metrics.Health{Since: started, Detail: fmt.Sprintf("no sound file for %s/%s: run bereikbaar prompts render", language, missing[0])}
			}
		}
		return metrics.Health{Up: true, Since: started}
	}
}

// tellReady tells systemd that the daemon is ready, once it is.
func (s *service) tellReady(ctx context.Context) {
	if s.conn.AwaitUp(ctx) == nil {
		s.notify(daemon.SdNotifyReady)
	}
}

// keepAlive tells systemd that the daemon still turns. One that no longer turns is not noticed by Asterisk, and its
// callers would hear silence: systemd kills it.
func (s *service) keepAlive(ctx context.Context) {
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		s.queues.Snapshot() // returns only when the queues turn
		s.board.Size()
		s.pulse.Beat()
		s.notify(daemon.SdNotifyWatchdog)
	}
}

func (s *service) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("could not notify systemd", "err", err)
	}
}
