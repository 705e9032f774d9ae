package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Problem is something about Redis that endangers promises, now or later.
type Problem struct {
	Setting string // what it is about, such as "appendfsync"
	Grave   bool   // a note that was confirmed can be lost, or none can be made; otherwise a warning
	Text    string // what is wrong, and what follows from it
	Mend    string // what to do
}

// String is the problem in one line.
func (p Problem) String() string {
	weight := "warning"
	if p.Grave {
		weight = "grave"
	}
	return fmt.Sprintf("%s: %s: %s. %s", weight, p.Setting, p.Text, p.Mend)
}

const (
	oldestMajor = 7 // #!lua scripts, and reply after fsync proven on it
	slowReply   = 50 * time.Millisecond
	greatSkew   = 2 * time.Second
	fullAt      = 0.9 // of maxmemory
)

//go:embed rights.lua
var rightsSource string

var rightsScript = redis.NewScript(rightsSource)

// facts is what Check finds out, as Redis writes it.
type facts struct {
	info    map[string]string // INFO
	config  map[string]string // CONFIG GET of configured; nil when that is not allowed
	refused error             // why config is nil
	missing []string          // commands that the daemon's user may not run, see rights.lua
	reply   time.Duration     // the shortest of some PINGs
	skew    time.Duration     // Redis's clock minus ours, give or take half of reply
}

var configured = []string{
	"appendfsync", "no-appendfsync-on-rewrite", "aof-load-truncated", "stop-writes-on-bgsave-error",
	"stream-node-max-entries",
}

// Check checks that Redis is set up to keep promises (docs/notes.md), for doctor and for the start. It gives every
// problem at once; a Redis that does not answer is one problem.
func (s *Store) Check(ctx context.Context) []Problem {
	ctx, cancel := context.WithTimeout(ctx, 4*requestLimit) // several trips; nobody waits on the phone for this
	defer cancel()
	f, err := s.gather(ctx)
	if err != nil {
		return []Problem{
			{
				Setting: "connection", Grave: true, Text: err.Error(),
				Mend: "Until then the daemon's journal alone keeps promises, and no colleague can work them",
			},
		}
	}
	return slices.Concat(judge(f), s.certificates.check(), s.checkSentinels(ctx))
}

func (s *Store) gather(ctx context.Context) (facts, error) {
	f := facts{}
	for range 3 {
		start := time.Now()
		at, err := s.client.Time(ctx).Result()
		took := time.Since(start)
		if err != nil {
			return f, down("ask for the time", err)
		}
		if f.reply == 0 || took < f.reply {
			f.reply, f.skew = took, at.Sub(start.Add(took/2))
		}
	}
	info, err := s.client.Info(ctx).Result()
	if err != nil {
		return f, down("ask for INFO", err)
	}
	f.info = parseInfo(info)
	if majorOf(f.info["redis_version"]) >= oldestMajor { // an older one does not know the script
		rights := keysOf("rights")
		names := []string{rights.tag, rights.day("2026-11-20"), sessionKey("rights")}
		if f.missing, err = s.run(ctx, rightsScript, names, nil); err != nil {
			return f, down("ask for our rights", err)
		}
	}
	return f, s.gatherConfig(ctx, &f)
}

func (s *Store) gatherConfig(ctx context.Context, f *facts) error {
	f.config = make(map[string]string)
	for _, name := range configured {
		got, err := s.client.ConfigGet(ctx, name).Result()
		// The user may not ask, or this Redis has no CONFIG.
		if _, said := errors.AsType[redis.Error](err); said && !passing(err) {
			f.config, f.refused = nil, err
			break
		}
		if err != nil {
			return down("ask for CONFIG GET "+name, err)
		}
		f.config[name] = got[name]
	}
	return nil
}

func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

// judge is the verdict on the facts.
func judge(f facts) []Problem {
	var found []Problem
	grave := func(setting, text, mend string) { found = append(found, Problem{setting, true, text, mend}) }
	warn := func(setting, text, mend string) { found = append(found, Problem{setting, false, text, mend}) }

	judgeServer(f.info, grave)
	judgeRights(f.missing, grave, warn)
	judgeConfig(f, grave, warn)
	judgeErasure(f, warn)
	judgeDisk(f, grave, warn)
	switch used, limit := number(f.info["used_memory"]), number(f.info["maxmemory"]); {
	case limit > 0 && used >= limit:
		grave("maxmemory", "all of it is used: Redis takes no notes", "Raise maxmemory")
	case limit > 0 && used > fullAt*limit:
		warn("maxmemory", "more than nine tenths of it is used; at the limit no note can be made", "Raise maxmemory")
	}
	if f.reply > slowReply {
		warn("latency", fmt.Sprintf("the fastest of three replies took %s", f.reply.Round(time.Millisecond)),
			"Put Redis on this machine or near it, and see whether its CPU or memory is short")
	}
	if f.skew.Abs() > greatSkew {
		warn("clock", fmt.Sprintf(
			"Redis's clock differs %s from ours; claims on notes lapse by Redis's", f.skew.Round(time.Second),
		),
			"Run a time service (systemd-timesyncd, chrony) on both machines")
	}
	return found
}

// judgeRights tells apart what notes need, and what only the sessions of people need.
func judgeRights(missing []string, grave, warn finding) {
	const mend = "Give it the rights that deploy/redis/users.acl names, keep the hash of the installed line (docs/operating.md, " +
		"Restarting and updating), and take a rename-command of these out of redis.conf"
	var notes, sessions []string
	for _, command := range missing {
		if of, ok := strings.CutPrefix(command, "session "); ok {
			sessions = append(sessions, of)
			continue
		}
		notes = append(notes, command)
	}
	if len(notes) > 0 {
		grave("rights", "the Redis user may not run "+strings.Join(notes, ", "), mend)
	}
	if len(sessions) > 0 {
		warn("rights", "nobody can sign in: the Redis user may not run "+strings.Join(sessions, ", ")+
			" on bereikbaar:session:*", mend)
	}
}

type finding func(setting, text, mend string)

func judgeServer(info map[string]string, grave finding) {
	version := info["redis_version"]
	if majorOf(version) < oldestMajor {
		grave(
			"version", fmt.Sprintf("Redis is version %q", version),
			fmt.Sprintf("Install Redis %d.0 or newer", oldestMajor),
		)
	}
	if info["role"] != "master" {
		grave(
			"role", fmt.Sprintf("this Redis is a %q, which takes no notes", info["role"]),
			"Point the configuration at the primary, or promote this one",
		)
	}
	if info["loading"] == "1" {
		grave("loading", "Redis is still reading its data after a start", "Wait")
	}
}

func judgeConfig(f facts, grave, warn finding) {
	if f.info["aof_enabled"] != "1" {
		grave("appendonly", "it is off: a crash loses every note since the last snapshot", "Set appendonly yes")
	}
	if policy := f.info["maxmemory_policy"]; policy != "noeviction" {
		grave(
			"maxmemory-policy", fmt.Sprintf("it is %q: Redis throws notes away when memory is short", policy),
			"Set maxmemory-policy noeviction",
		)
	}
	if f.config == nil {
		judgeRefused(f.refused, warn)
		return
	}
	if fsync := f.config["appendfsync"]; fsync != "always" {
		grave(
			"appendfsync", fmt.Sprintf("it is %q: a crash loses notes that were confirmed to callers", fsync),
			"Set appendfsync always",
		)
	}
	if f.config["no-appendfsync-on-rewrite"] == "yes" {
		grave(
			"no-appendfsync-on-rewrite",
			"it is yes: while Redis rewrites its log, a crash loses notes that were confirmed",
			"Set no-appendfsync-on-rewrite no",
		)
	}
	if f.config["aof-load-truncated"] == "yes" {
		warn("aof-load-truncated", "it is yes: after a crash in the middle of a write Redis writes on behind half a "+
			"transaction, and runs it at the next start",
			"Install deploy/redis/before-start for the Redis unit, then set aof-load-truncated no")
	}
}

// judgeRefused warns that the settings cannot be seen. They may be right.
func judgeRefused(refused error, warn finding) {
	if redis.HasErrorPrefix(refused, "NOPERM") {
		warn(
			"appendfsync", "the Redis user may not ask for it: "+refused.Error(),
			"Give the user +config|get as in deploy/redis/users.acl",
		)
		return
	}
	warn("appendfsync", "this Redis has no CONFIG: whether a note is on its disk before it is confirmed cannot be "+
		"checked",
		"See in redis.conf that the settings are those of deploy/redis/redis.conf; or take rename-command CONFIG out "+
			"there: deploy/redis/users.acl keeps everybody from changing them")
}

// judgeErasure checks that erased events really go. Redis only marks an entry of a stream as deleted, and goes on
// writing it to its files until all entries of its node are deleted.
func judgeErasure(f facts, warn finding) {
	if entries := f.config["stream-node-max-entries"]; entries != "" && entries != "1" {
		warn("stream-node-max-entries", fmt.Sprintf(
			"it is %s: purged data of old notes stays in Redis's memory and files beside newer notes", entries,
		),
			"Set stream-node-max-entries 1 before the first note is made")
	}
}

func judgeDisk(f facts, grave, warn finding) {
	if status := f.info["aof_last_write_status"]; status != "ok" && f.info["aof_enabled"] == "1" {
		grave(
			"aof_last_write_status", fmt.Sprintf("it is %q: Redis cannot write to its disk", status),
			"Free the disk, see Redis's log",
		)
	}
	if status := f.info["aof_last_bgrewrite_status"]; status != "ok" && f.info["aof_enabled"] == "1" {
		warn(
			"aof_last_bgrewrite_status", fmt.Sprintf("it is %q: the log only grows", status),
			"Free memory and disk, see Redis's log",
		)
	}
	if status := f.info["rdb_last_bgsave_status"]; status != "ok" {
		text := fmt.Sprintf("it is %q: the last snapshot failed", status)
		if f.config["stop-writes-on-bgsave-error"] == "yes" {
			text += ", and stop-writes-on-bgsave-error makes Redis refuse notes because of it"
			grave("rdb_last_bgsave_status", text, `Free the disk; snapshots are not needed beside the log: save ""`)
			return
		}
		warn("rdb_last_bgsave_status", text, `Free the disk; snapshots are not needed beside the log: save ""`)
	}
}

func majorOf(version string) float64 {
	major, _, _ := strings.Cut(version, ".")
	return number(major)
}

// number reads a number that Redis wrote; any other text counts as 0.
func number(s string) float64 {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return n
}
