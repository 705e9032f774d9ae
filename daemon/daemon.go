// Package daemon joins the parts into one program: start, stop, reload, rounds over notes, health, observers.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"

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
	"github.com/bereikbaar/bereikbaar/notify"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/redisstore"
	"github.com/bereikbaar/bereikbaar/routing"
	"github.com/bereikbaar/bereikbaar/signin"
	"github.com/bereikbaar/bereikbaar/web/api"
	"github.com/bereikbaar/bereikbaar/web/live"
	"github.com/bereikbaar/bereikbaar/web/pages"
	"github.com/bereikbaar/bereikbaar/web/turns"
)

// letGoLimit bounds the shutdown of active calls.
const letGoLimit = 5 * time.Second

// standByFor is how long a daemon that was replaced waits before it ends.
const standByFor = time.Minute

// Daemon is the program that answers the telephone: the parts, and what joins them.
type Daemon struct {
	version  string
	log      *slog.Logger
	level    *slog.LevelVar // of log
	settings *Settings
	lock     *os.File
	registry *prometheus.Registry
	metrics  *metrics.Metrics
	store    *redisstore.Store
	redis    *storeWatch
	journal  *journal.Journal
	keeper   *keeper.Keeper
	worklist *callback.Worklist
	notes    countedNotes
	people   *people
	desks    *desks
	stages   *stages
	web      *webPort   // nil when there is none
	feed     *live.Feed // of changes, for pages; nil without them
	conn     *asterisk.Conn
	board    *asterisk.Switchboard
	queues   *dispatch.Dispatcher
	pulse    *metrics.Pulse

	municipalities municipalities
}

// New joins the parts of a checked configuration. level is that of log: a reload sets it. version names the program in
// the log. A *SecondError says that a daemon runs already.
func New(cfg *config.Config, log *slog.Logger, level *slog.LevelVar, version string) (*Daemon, error) {
	d := &Daemon{
		version: version, log: log, level: level, settings: NewSettings(cfg), registry: prometheus.NewRegistry(),
	}
	var err error
	if d.lock, err = LockState(cfg.State.Directory); err != nil {
		return nil, err
	}
	d.tellOff(cfg, false)
	if err := d.count(cfg); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Prompts.Directory, 0o755); err != nil {
		return nil, fmt.Errorf("prompts directory: %w", err)
	}
	library, err := prompts.OpenLibrary(cfg.Prompts.Directory, cfg.Prompts.AsteriskDirectory)
	if err != nil {
		return nil, err
	}
	if err := d.openLink(cfg); err != nil {
		return nil, err
	}
	if err := d.openStores(cfg); err != nil {
		return nil, err
	}
	if err := d.answer(library); err != nil {
		return nil, err
	}
	return d, d.watchHealth(library)
}

// count makes the figures.
func (d *Daemon) count(cfg *config.Config) (err error) {
	d.metrics, err = metrics.New(d.registry, metrics.Options{
		Plan: cfg.Plan, AnswerThreshold: cfg.KPI.AnswerThreshold, ShortAbandon: cfg.KPI.ShortAbandon,
		EventSkips: names(asterisk.SkipReasons()), LinkLosses: names(asterisk.LossReasons()),
		Operations: api.Operations(), TokenRefusals: api.Refusals(),
		SignInWays: names(signin.Ways()), SignInRefusals: names(signin.Reasons()),
		SessionEndings: names(signin.Endings()),
		Notifications: metrics.NotificationLabels{
			Channels: names(notify.Channels()), Kinds: names(notify.Kinds()), Failures: names(notify.Failures()),
			Drops: names(notify.Drops()),
		},
	})
	return err
}

// openLink makes the link with Asterisk and the queues that ring its phones.
func (d *Daemon) openLink(cfg *config.Config) (err error) {
	d.conn, err = asterisk.New(asterisk.Options{
		URL: cfg.ARI.URL, Application: cfg.ARI.Application, Username: cfg.ARI.Username,
		Password: cfg.ARI.Password.Reveal(),
		Logger:   d.log, Observer: linkObserver{d.metrics.ARI},
	})
	if err != nil {
		return err
	}
	d.board = asterisk.NewSwitchboard(d.conn, d.log)
	d.board.OnStray(d.metrics.ARI.ChannelRefused)
	d.queues = dispatch.New(cfg.Plan, d.board, d.log)
	d.queues.OnUnread(d.metrics.ARI.EventDropped)
	d.queues.OnRingFailed(d.metrics.Rings.Failed)
	return nil
}

// openStores opens Redis and the journal, and joins what keeps notes.
func (d *Daemon) openStores(cfg *config.Config) (err error) {
	options := RedisOptions(cfg.Redis)
	options.Failed = d.metrics.Redis.CommandFailed
	d.store = redisstore.Open(options)
	d.redis = newStoreWatch(d.store, WitnessOf(cfg), d.log)
	watch := keeperObserver{d.metrics.Keeping, d.log}
	if d.journal, err = openJournal(cfg.State.Directory, watch); err != nil {
		return err
	}
	d.keeper = keeper.New(d.store, d.journal, watch)
	_ = d.municipalities.takeOver(cfg, d.keeper) // so that the first figures are whole; the rounds try again, and tell
	work := callback.Joined{Notes: d.keeper, Tally: d.store, Presence: d.store}
	d.worklist = callback.NewWorklist(work, d.settings, nil)
	promises := callback.NewService(work, d.settings, d.settings, nil)
	d.notes = countedNotes{promises, d.keeper, d.worklist, d.metrics, newRepeats()}
	return nil
}

// answer joins what answers callers, what puts colleagues through, and the JSON API.
func (d *Daemon) answer(library *prompts.Library) error {
	plan := d.settings.plan
	contacts := loggedContacts{d.metrics, d.notes.repeats, d.log}
	engaged := ivr.NewEngaged(d.settings.Clocks)
	operator := &ivr.Operator{
		Plan: plan, Queue: d.queues, Notes: d.notes, Sounds: library, Register: contacts,
		System: d.board.System, Engaged: engaged, Log: d.log,
	}
	refused := refusals{d.metrics.Keeping, d.log}
	guard := dialling.NewGuard(d.settings, d.store, refused.add)
	d.stages = newStages()
	d.people = newPeople(d.settings, d.store, d.conn)
	d.desks = &desks{
		settings: d.settings, people: d.people, phones: phones{d.conn, d.board, d.queues}, notes: d.notes,
		operator: operator, guard: guard, refusals: refused, log: d.log,
		busy: map[call.AgentID]bool{}, stages: d.stages,
		callbacks: &ivr.Callbacks{
			Plan: plan,
			Exchange: staged{d.stages, asterisk.Exchange{
				Board: d.board, Trunk: func() string { return d.settings.config().Callbacks.Dial },
			}},
			Attempts: d.worklist, Guard: guard, Engaged: engaged,
			Lease:  func(m call.MunicipalityID) time.Duration { return d.settings.Work(m).Lease },
			Sounds: library, Register: contacts, Log: d.log,
		},
	}
	d.board.Connect(operator, d.desks, d.queues.Phone)
	d.conn.Attach(d.board.Handle, d.board.Reconcile)
	return d.openWeb()
}

// openWeb joins what people and programs reach over HTTP: the JSON API and the pages.
func (d *Daemon) openWeb() error {
	cfg := d.settings.config()
	if cfg.Web.TokensFile == "" && cfg.SignIn == nil {
		d.log.Info("no JSON API and no pages: there is no web.tokens_file, and no sign_in that can be used")
		return nil
	}
	d.web = newWebPort(func() string { return d.settings.config().Listen.Web }, d.log)
	turn, exportTurn := turns.New(turns.AtOnce), turns.New(turns.ExportsAtOnce)
	if file := cfg.Web.TokensFile; file != "" {
		d.web.serveAPI(file, cfg.SignIn != nil, api.Options{
			Reader: reader{d.keeper, d.store}, Work: d.worklist, Phone: d.desks, Promises: d.notes.Service,
			Exports: d.store, Directory: d.settings, Turns: turn, ExportTurns: exportTurn,
			Meter: d.metrics.API, Log: d.log,
		})
	}
	if cfg.SignIn == nil {
		return nil
	}
	d.feed = live.NewFeed(d.store, d.log)
	return d.web.servePages(cfg.SignIn, pages.Options{
		Reader: d.keeper, Lists: reader{d.keeper, d.store}, Exports: d.store, Feed: d.feed,
		Work: d.worklist, Phone: d.desks,
		Promises: d.notes.Service, Directory: directory{d.settings, d.people}, People: d.people,
		Look: lookOf(cfg.Look, d.log), Turns: turn, ExportTurns: exportTurn, Log: d.log,
	}, signin.Options{
		Municipalities: d.settings.Municipalities, Sessions: d.store.Sessions(), SignOuts: d.store, Known: d.people,
		People: d.store, Local: localOf(cfg.SignIn, d.store), OIDC: oidcOf(cfg.SignIn.OIDC),
		Meter: signInMeter{d.metrics.SignIn}, Log: d.log,
	})
}

// serveWeb serves the web port until ctx ends. Then the streams of changes end at once: the port waits for them.
func (d *Daemon) serveWeb(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	if d.feed != nil {
		work.Go(func() {
			<-ctx.Done()
			d.feed.Close()
		})
	}
	d.web.serve(ctx)
}

// webPart is the name of the web port, with its API and its pages, in figures: it is older than the pages.
const webPart = "api"

// watchHealth joins what the operations port tells.
func (d *Daemon) watchHealth(library *prompts.Library) error {
	d.pulse = metrics.NewPulse("heartbeat", pulseLimit)
	parts := []metrics.Part{
		{Name: "ari", Needed: true, InMemory: true, Health: linkHealth(d.conn, d.board)},
		{Name: "redis", Health: d.redis.health},
		{Name: "prompts", Health: promptsHealth(d.settings, library)},
	}
	if d.web != nil {
		parts = append(parts, metrics.Part{Name: webPart, Health: d.web.health})
	}
	return d.metrics.Watch(metrics.Sources{
		Queues:         d.queues,
		Notes:          d.store,
		Municipalities: d.municipalities.names,
		Pulses:         []*metrics.Pulse{d.pulse},
		Parts:          parts,
		Backlog:        d.conn.Backlog,
		Faults:         func() map[string]int { return faultCounts(d.store.Faults()) },
		Active:         d.board.Size,
	})
}

// turns returns only when the queues and the switchboard respond.
func (d *Daemon) turns() {
	d.queues.Snapshot()
	d.board.Size()
	d.pulse.Beat()
}

// whose gives the municipalities and colleagues whose notes may be in Redis.
func (d *Daemon) whose() ([]call.MunicipalityID, []call.AgentID) {
	return d.municipalities.names(), slices.Sorted(maps.Keys(d.settings.plan().Agents))
}

// Run serves until ctx ends or the daemon is replaced, and then leaves the calls to the next daemon.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.lock.Close()
	defer d.store.Close()
	defer d.journal.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	listener, err := httpserver.Listen(ctx, "listen.operations", d.settings.config().Listen.Operations)
	if err != nil {
		return err
	}
	supervised := supervisor{d.log}
	var work sync.WaitGroup
	defer work.Wait()
	defer stop(nil)
	work.Go(func() {
		if err := httpserver.Serve(ctx, listener, d.metrics.Operations(d.registry, d.log), d.log); err != nil {
			stop(fmt.Errorf("operations port: %w", err))
		}
	})
	if d.web != nil {
		work.Go(func() { d.serveWeb(ctx) })
	}
	work.Go(func() { d.watchConfig(ctx) })
	work.Go(func() { supervised.keepAlive(ctx, d.turns) })
	work.Go(func() { supervised.ready(ctx, d.conn) })
	work.Go(func() { d.newRounds().run(ctx) })
	work.Go(func() { d.redis.run(ctx) })
	work.Go(func() { d.newNotifier(notify.RealSenders).Run(ctx) })
	work.Go(func() { newFaultWatch(d.store, d.log).run(ctx, d.whose) })
	if err := d.board.Watch(ctx, endpoints(d.settings.plan())); err != nil {
		return err
	}

	// The link outlives ctx: the shutdown of calls needs it.
	link, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	ended := make(chan error, 1)
	work.Go(func() { ended <- d.conn.Run(link) })
	d.log.Info("bereikbaar is starting", "version", d.version, "numbers", len(d.settings.plan().Entries))
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = notInterrupt(context.Cause(ctx))
	}
	replaced := errors.Is(err, asterisk.ErrReplaced)
	if !replaced {
		supervised.notify(systemd.SdNotifyStopping)
	}
	d.letGo()
	if replaced {
		d.standBy(ctx, err)
		supervised.notify(systemd.SdNotifyStopping) // not earlier: from then on systemd gives us TimeoutStopSec only
	}
	return err
}

// standBy waits after another program took our place at Asterisk. Two daemons on one application are a mistake that
// only people can mend: until then they must not take each other's calls all the time. But the other one may also be
// gone by now, so that staying away for good would be worse.
func (d *Daemon) standBy(ctx context.Context, why error) {
	d.log.Error("another daemon connected to Asterisk as this application; this one waits, and stops: run only one",
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
func (d *Daemon) letGo() {
	d.queues.Close()
	limited, cancel := context.WithTimeout(context.Background(), letGoLimit)
	defer cancel()
	lines, legs := d.board.Size()
	d.log.Info("bereikbaar stops; calls stay with Asterisk", "calls", lines, "phones", legs)
	if err := d.board.Halt(limited); err != nil {
		d.log.Error("shutdown timed out with calls active", "err", err)
	}
}

// watchConfig takes over a changed configuration, on change and on SIGHUP.
func (d *Daemon) watchConfig(ctx context.Context) {
	watcher := config.Watch(ctx, d.settings.config(), os.Getenv, func(fresh *config.Config) { d.reload(ctx, fresh) },
		func(err error) {
			d.metrics.Config.Refused()
			d.log.Error("the changed configuration is refused, the old one stays", "err", err)
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

func (d *Daemon) reload(ctx context.Context, fresh *config.Config) {
	if err := d.metrics.Apply(fresh.Plan); err != nil {
		d.metrics.Config.Refused()
		d.log.Error("the changed configuration is refused, the old one stays", "err", err)
		return
	}
	d.settings.replace(fresh)
	d.level.Set(fresh.Log.Level)
	if err := d.board.Watch(ctx, endpoints(fresh.Plan)); err != nil {
		d.log.Error("could not watch the phones of the changed configuration", "err", err)
	}
	d.queues.Apply(fresh.Plan) // once it is known which of the phones are in use
	d.metrics.Config.Reloaded()
	d.tellOff(fresh, true)
	for _, key := range fresh.NeedsRestart {
		d.log.Warn("a changed setting takes effect at the next start only", "key", key)
	}
	d.log.Info("configuration reloaded", "teams", len(fresh.Plan.Teams))
}

// tellOff tells what is switched off. What is made at the start only goes on after a reload as it was.
func (d *Daemon) tellOff(cfg *config.Config, reloaded bool) {
	for _, off := range cfg.Off {
		log := d.log.With("part", off.Part, "problem", off.Problem.String())
		if reloaded && off.Restart {
			log.Error("a secret cannot be used: its part goes on as it is, and would be switched off by a restart")
			continue
		}
		log.Error("a secret cannot be used: its part is switched off, and calls are answered without it")
	}
}

func endpoints(plan *routing.Plan) []string {
	var list []string
	for _, agent := range plan.Agents {
		list = append(list, agent.Endpoint)
	}
	return list
}
