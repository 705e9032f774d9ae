// Package doctor owns the look at a running installation: what is found is judged check by check, with what is wrong
// and how to mend it.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/config"
	"github.com/bereikbaar/bereikbaar/redisstore"
)

// Verdict is how one thing stands.
type Verdict string

// The verdicts, from good to bad.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning" // it works, and may not under load or at the next fault
	Wrong   Verdict = "wrong"   // callers or promises suffer
)

// Finding is one thing that was looked at. Its texts hold no secret and no telephone number.
type Finding struct {
	Check   string  `json:"check"` // what was looked at, such as "redis"
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`           // what is, and what follows from it
	Mend    string  `json:"mend,omitempty"` // what to do; empty when all is well
}

// The names of the checks, in the order of the report.
const (
	checkConfiguration = "configuration"
	checkAsterisk      = "asterisk"
	checkLimits        = "asterisk limits"
	checkApplication   = "application"
	checkPhones        = "phones"
	checkCallbacks     = "callbacks"
	checkKeys          = "keys"
	checkSIP           = "sip"
	checkDialplan      = "dialplan"
	checkMusic         = "music"
	checkRecords       = "call records"
	checkRedis         = "redis"
	checkStored        = "redis contents"
	checkDurability    = "redis durability"
	checkRewrite       = "redis rewrite"
	checkPrompts       = "prompts"
	checkMenus         = "menus"
	checkClock         = "clock"
	checkDaemon        = "daemon"
	checkAPI           = "api"
)

// Notes is what the doctor asks of Redis.
type Notes interface {
	Check(ctx context.Context) []redisstore.Problem
	Survey(ctx context.Context, m call.MunicipalityID, colleagues []call.AgentID) error
	Faults() []redisstore.Fault
}

// Installation is what the doctor looks at.
type Installation struct {
	Config *config.Config // with its secrets
	Notes  Notes
	// Rehearse looks whether Redis keeps what it confirms, see redisstore.Rehearsal; Proof is what the daemon saw of
	// it.
	Rehearse    func(ctx context.Context) error
	Proof       func() (redisstore.Proof, error)
	AsteriskEtc string // Asterisk's configuration directory, such as /etc/asterisk
	// Tokens reads who may use the JSON API, from the file that the configuration names.
	Tokens func(path string) error
}

// partLimit bounds the look at one part; those of the parts below it are shorter and give a better reason.
const partLimit = 15 * time.Second

// probe looks at one part.
type probe struct {
	check string
	look  func(context.Context) []Finding
}

// Examine looks at all parts at once and gives the findings in a fixed order. A part that is dead gives one finding. It
// takes at most about fifteen seconds, whatever hangs.
func Examine(ctx context.Context, in Installation) Report {
	return examine(ctx, partLimit, []probe{
		{checkConfiguration, func(context.Context) []Finding { return Configuration(in.Config.Path, in.Config, nil) }},
		{checkAsterisk, func(ctx context.Context) []Finding {
			phones, dial := phonesOf(in.Config.Plan), in.Config.Callbacks.Dial
			return judgeSwitch(askSwitch(ctx, in.Config.ARI, phones, dial), phones, dial)
		}},
		{checkDialplan, func(context.Context) []Finding {
			return judgeDialplan(readDialplan(in.AsteriskEtc, in.Config.ARI.Application))
		}},
		{checkLimits, func(context.Context) []Finding { return judgeLimits(readLimits(in.AsteriskEtc)) }},
		{
			checkMusic,
			func(context.Context) []Finding { return judgeMusic(readMusic(in.AsteriskEtc, musicOf(in.Config.Plan))) },
		},
		{checkRecords, func(context.Context) []Finding { return judgeRecords(readRecords(in.AsteriskEtc)) }},
		{checkRedis, func(ctx context.Context) []Finding { return judgeNotes(in.Notes.Check(ctx)) }},
		{checkStored, func(ctx context.Context) []Finding { return lookAtStored(ctx, in.Notes, in.Config.Plan) }},
		{checkDurability, func(ctx context.Context) []Finding { return judgeDurability(tryDurability(ctx, in)) }},
		{
			checkRewrite,
			func(ctx context.Context) []Finding { return judgeRewrite(askRewrite(ctx, in.Config.Redis.Address)) },
		},
		{checkPrompts, func(context.Context) []Finding { return judgePrompts(lookAtPrompts(in.Config.Prompts)) }},
		{checkMenus, func(context.Context) []Finding { return judgeSilences(lookAtSilences(in.Config)) }},
		{checkClock, func(context.Context) []Finding { return judgeKernelClock(kernelClock()) }},
		{
			checkDaemon,
			func(ctx context.Context) []Finding { return judgeDaemon(askDaemon(ctx, in.Config.Listen.Operations)) },
		},
		{checkAPI, func(context.Context) []Finding {
			file := in.Config.Web.TokensFile
			return judgeAPI(file, ownerOf(file), ownerOf(in.Config.State.Directory), in.Tokens)
		}},
	})
}

// examine runs the probes side by side. One that does not return within limit is left behind: what hangs is often a
// file system or a name service, and those take no context.
func examine(ctx context.Context, limit time.Duration, probes []probe) Report {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make([][]Finding, len(probes))
	var work sync.WaitGroup
	for i, p := range probes {
		done := make(chan []Finding, 1)
		go func() { done <- p.look(ctx) }()
		work.Go(func() {
			select {
			case found[i] = <-done:
			case <-ctx.Done():
				found[i] = []Finding{hung(p.check, limit)}
			}
		})
	}
	work.Wait()
	var report Report
	for _, some := range found {
		report.Findings = append(report.Findings, some...)
	}
	return report.complete()
}

func hung(check string, limit time.Duration) Finding {
	return Finding{
		check, Wrong, fmt.Sprintf("the look at it did not end within %s", limit),
		"See whether disk, network and name service of this machine answer, and run the doctor again",
	}
}
