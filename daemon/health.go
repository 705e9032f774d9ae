package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/prompts"
)

const (
	// heartbeat is how often the daemon checks that it still responds.
	heartbeat = time.Second
	// pulseLimit is after how long without a heartbeat it counts as stuck.
	pulseLimit = 10 * time.Second
)

// linkHealth tells how the link with Asterisk stands.
func linkHealth(conn *asterisk.Conn, board *asterisk.Switchboard) func(context.Context) metrics.Health {
	return func(context.Context) metrics.Health {
		up, since, err := conn.State()
		h := metrics.Health{Up: up, Since: since.UTC()}
		calls, of, takingBack := board.TakingBack()
		switch {
		case up:
		case takingBack:
			h.Detail = fmt.Sprintf("taking back %d of %d calls that Asterisk kept", calls, of)
		case err != nil:
			h.Detail = err.Error()
		default:
			h.Detail = "connecting to Asterisk, and asking it for its calls"
		}
		return h
	}
}

// promptsHealth tells whether the prompts that every call needs are there.
func promptsHealth(settings *Settings, library *prompts.Library) func(context.Context) metrics.Health {
	started := time.Now().UTC()
	return func(context.Context) metrics.Health {
		for _, language := range settings.config().Prompts.Languages {
			speaker, err := prompts.NewSpeaker(language)
			if err != nil {
				return metrics.Health{Since: started, Detail: err.Error()}
			}
			if _, missing := library.Media(speaker.Say(prompts.Welcome, prompts.OfferCallback, prompts.AllBusy)); len(
				missing,
			) > 0 {
				return metrics.Health{
					Since:  started,
					Detail: fmt.Sprintf("no sound file for %s/%s: run bereikbaar prompts render", language, missing[0]),
				}
			}
		}
		return metrics.Health{Up: true, Since: started}
	}
}

// supervisor tells systemd that the daemon is ready, alive or stopping.
type supervisor struct{ log *slog.Logger }

// ready tells it that the daemon is ready, once the link with Asterisk is up.
func (s supervisor) ready(ctx context.Context, conn *asterisk.Conn) {
	if conn.AwaitUp(ctx) == nil {
		s.notify(systemd.SdNotifyReady)
	}
}

// keepAlive feeds the watchdog, by which systemd kills a stuck daemon: Asterisk does not notice one, and its callers
// would hear silence.
func (s supervisor) keepAlive(ctx context.Context, turns func()) {
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		turns()
		s.notify(systemd.SdNotifyWatchdog)
	}
}

func (s supervisor) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		s.log.Warn("could not notify systemd", "err", err)
	}
}
