package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/bereikbaar/bereikbaar/asterisk"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/callback"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/dialling"
	"github.com/bereikbaar/bereikbaar/dispatch"
	"github.com/bereikbaar/bereikbaar/httpserver"
	"github.com/bereikbaar/bereikbaar/ivr"
	"github.com/bereikbaar/bereikbaar/journal"
	"github.com/bereikbaar/bereikbaar/keeper"
	"github.com/bereikbaar/bereikbaar/metrics"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/web"
)

// letGoLimit bounds how long calls get to let go of the daemon when it stops.
const letGoLimit = 5 * time.Second

// standByFor is how long a daemon that was replaced waits before it ends.
const standByFor = time.Minute

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer the telephone",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(configPath(cmd), os.Getenv)
			if err != nil {
				return err
			}
			log, level := newLogger(cfg.Log)
			for _, warning := range cfg.Warnings {
				log.Warn("configuration", "warning", warning.String())
			}
			d, err := newDaemon(cfg, log, level)
			if err != nil {
				return err
			}
			return d.run(cmd.Context())
		},
	}
}

// newLogger makes the log, and what sets its level while the daemon runs.
func newLogger(c config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(c.Level)
	options := &slog.HandlerOptions{Level: level}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), level
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options)), level
}

// service is the daemon: the parts and what joins them.
type service struct {
	log      *slog.Logger
	level    *slog.LevelVar // of log
	settings *settings
	lock     *os.File
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	store    *redisstore.Store
	redis    *storeWatch
	journal  *journal.Journal
	keeper   *keeper.Keeper
	towns    towns
	worklist *callback.Worklist
	notes    countedNotes
	desks    *desks
	api      *apiPort // nil when there is none
	conn     *asterisk.Conn
	board    *asterisk.Switchboard
	queues   *dispatch.Dispatcher
	pulse    *metrics.Pulse
}

func newDaemon(cfg *config.Config, log *slog.Logger, level *slog.LevelVar) (*service, error) {
	s := &service{log: log, level: level, settings: newSettings(cfg), registry: prometheus.NewRegistry()}
	var err error
	if s.lock, err = lockState(cfg.State.Directory); err != nil {
		return nil, err
	}
	s.metrics, err = metrics.New(s.registry, metrics.Options{
		Plan: cfg.Plan, AnswerThreshold: cfg.KPI.AnswerThreshold, ShortAbandon: cfg.KPI.ShortAbandon,
		EventSkips: names(asterisk.SkipReasons()), LinkLosses: names(asterisk.LossReasons()),
		Operations: web.Operations(), TokenRefusals: web.Refusals(),
	})
	if err != nil {
		return nil, err
	}
	s.conn, err = asterisk.New(asterisk.Options{
		URL: cfg.ARI.URL, Application: cfg.ARI.Application, Username: cfg.ARI.Username, Password: cfg.ARI.Password.Reveal(),
		Logger: log, Observer: linkObserver{s.metrics.ARI},
	})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Prompts.Directory, 0o755); err != nil {
		return nil, fmt.Errorf("prompts directory: %w", err)
	}
	library, err := prompts.OpenLibrary(cfg.Prompts.Directory, cfg.Prompts.AsteriskDirectory)
	if err != nil {
		return nil, err
	}
	options := redisOptions(cfg.Redis)
	options.Failed = s.metrics.Redis.CommandFailed
	s.store = redisstore.Open(options)
	s.redis = newStoreWatch(s.store, witnessOf(cfg), log)
	s.board = asterisk.NewSwitchboard(s.conn, log)
	s.queues = dispatch.New(cfg.Plan, s.board, log)
	s.queues.OnUnread(s.metrics.ARI.EventDropped)
	s.queues.OnRingFailed(s.metrics.Rings.Failed)
	s.board.OnStray(s.metrics.ARI.ChannelRefused)
	if err := s.openJournal(); err != nil {
		return nil, err
	}
	_ = s.followTowns() // so that the first figures are whole; the rounds try again, and tell
	work := callback.Joined{Notes: s.keeper, Tally: s.store, Presence: s.store}
	s.worklist = callback.NewWorklist(work, s.settings, nil)
	s.notes = countedNotes{callback.NewService(work, s.settings, s.settings, nil), s.keeper, s.worklist, s.metrics, newRepeats()}
	contacts := loggedContacts{s.metrics, s.notes.repeats, log}
	engaged := ivr.NewEngaged(s.settings.Clocks)
	operator := &ivr.Operator{
		Plan: s.settings.plan, Queue: s.queues, Notes: s.notes, Sounds: library, Register: contacts,
		System: s.board.System, Engaged: engaged, Log: log,
	}
	guard := dialling.NewGuard(s.settings, s.store, s.dialRefused)
	s.desks = &desks{service: s, operator: operator, guard: guard, busy: map[call.AgentID]bool{}, callbacks: &ivr.Callbacks{
		Plan: s.settings.plan, Exchange: asterisk.Exchange{Board: s.board, Trunk: func() string { return s.settings.config().Callbacks.Dial }},
		Attempts: s.worklist, Guard: guard, Engaged: engaged,
		Lease: func(m call.MunicipalityID) time.Duration { return s.settings.Work(m).Lease }, Sounds: library,
		Register: contacts, Log: log,
	}}
	s.api = s.newAPIPort()
	s.board.Connect(operator, s.desks, s.queues.Phone)
	s.conn.Attach(s.board.Handle, s.board.Reconcile)
	return s, s.watchHealth(library)
}

// run serves until ctx ends or the daemon is replaced, and then leaves the calls to whoever comes next.
func (s *service) run(ctx context.Context) error {
	defer s.lock.Close()
	defer s.store.Close()
	defer s.journal.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	listener, err := httpserver.Listen(ctx, "listen.operations", s.settings.config().Listen.Operations)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer stop(nil)
	work.Go(func() {
		if err := httpserver.Serve(ctx, listener, s.metrics.Operations(s.registry, s.log), s.log); err != nil {
			stop(fmt.Errorf("operations port: %w", err))
		}
	})
	if s.api != nil {
		work.Go(func() { s.serveAPI(ctx) })
	}
	work.Go(func() { s.watchConfig(ctx) })
	work.Go(func() { s.keepAlive(ctx) })
	work.Go(func() { s.tellReady(ctx) })
	work.Go(func() { s.keepPromises(ctx) })
	work.Go(func() { s.redis.run(ctx) })
	work.Go(func() { s.watchFaults(ctx) })
	if err := s.board.Watch(ctx, endpoints(s.settings.plan())); err != nil {
		return err
	}

	// The link outlives ctx: calls still have to let go of it.
	link, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	ended := make(chan error, 1)
	work.Go(func() { ended <- s.conn.Run(link) })
	s.log.Info("bereikbaar is starting", "version", version(), "numbers", len(s.settings.plan().Entries))
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = notInterrupt(context.Cause(ctx))
	}
	replaced := errors.Is(err, asterisk.ErrReplaced)
	if !replaced {
		s.notify(daemon.SdNotifyStopping)
	}
	s.letGo()
	if replaced {
		s.standBy(ctx, err)
		s.notify(daemon.SdNotifyStopping) // not earlier: from then on systemd gives us TimeoutStopSec only
	}
	return err
}

// standBy waits after another program took our place at Asterisk. Two daemons on one application are a mistake that only
// people can mend: until then they must not take each other's calls all the time. But who took over may also be gone by
// now, so that staying away for good would be worse.
func (s *service) standBy(ctx context.Context, why error) {
	s.log.Error("another daemon took our place at Asterisk; this one ends in a while and may then be started again",
		"err", why, "after", standByFor)
	select {
	case <-ctx.Done():
	case <-time.After(standByFor):
	}
}

// notInterrupt is nil for the ordinary way to stop: a signal.
func notInterrupt(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// letGo stops ringing and leaves every call to Asterisk, where the next daemon finds it.
func (s *service) letGo() {
	s.queues.Close()
	limited, cancel := context.WithTimeout(context.Background(), letGoLimit)
	defer cancel()
	lines, legs := s.board.Size()
	s.log.Info("bereikbaar stops; calls stay with Asterisk", "calls", lines, "phones", legs)
	if err := s.board.Halt(limited); err != nil {
		s.log.Error("calls did not let go in time", "err", err)
	}
}

// watchConfig takes over a changed configuration, on change and on SIGHUP.
func (s *service) watchConfig(ctx context.Context) {
	watcher := config.Watch(ctx, s.settings.config(), os.Getenv, func(fresh *config.Config) { s.reload(ctx, fresh) },
		func(err error) {
			s.metrics.Config.Refused()
			s.log.Error("the changed configuration is refused, the old one stays", "err", err)
		})
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			watcher.Reload()
		case <-ctx.Done():
			watcher.Wait()
			return
		}
	}
}

func (s *service) reload(ctx context.Context, fresh *config.Config) {
	if err := s.metrics.Apply(fresh.Plan); err != nil {
		s.metrics.Config.Refused()
		s.log.Error("the changed configuration is refused, the old one stays", "err", err)
		return
	}
	s.settings.replace(fresh)
	s.level.Set(fresh.Log.Level)
	if err := s.board.Watch(ctx, endpoints(fresh.Plan)); err != nil {
		s.log.Error("could not watch the phones of the changed configuration", "err", err)
	}
	s.queues.Apply(fresh.Plan) // once it is known which of the phones are in use
	s.metrics.Config.Reloaded()
	for _, key := range fresh.NeedsRestart {
		s.log.Warn("a changed setting counts from the next start only", "key", key)
	}
	s.log.Info("configuration reloaded", "teams", len(fresh.Plan.Teams))
}

func endpoints(plan *routing.Plan) []string {
	var list []string
	for _, agent := range plan.Agents {
		list = append(list, agent.Endpoint)
	}
	return list
}
