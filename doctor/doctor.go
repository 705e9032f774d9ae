// Package doctor examines a running installation, check by check: what is wrong, and how to mend it.
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

// Verdict is the result of a check.
type Verdict string

// The verdicts, from good to bad.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning" // it works, and may fail under load or at the next fault
	Wrong   Verdict = "wrong"   // callers or promises suffer
)

// Finding is one result. Its texts hold no secret and no telephone number.
type Finding struct {
	Check   string  `json:"check"` // the name of the check, such as "redis"
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`           // the fact, and what follows from it
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
	checkPages         = "pages"
	checkMail          = "mail"
)

// Notes is what the doctor needs of Redis.
type Notes interface {
	Check(ctx context.Context) []redisstore.Problem
	Survey(ctx context.Context, m call.MunicipalityID, colleagues []call.AgentID) error
	Faults() []redisstore.Fault
}

// Installation is what the doctor examines.
type Installation struct {
	Config *config.Config // with its secrets
	Notes  Notes
	// Rehearse tests whether Redis keeps what it confirms, see redisstore.Rehearsal; Proof is what the daemon saw of
	// it.
	Rehearse    func(ctx context.Context) error
	Proof       func() (redisstore.Proof, error)
	AsteriskEtc string // Asterisk's configuration directory, such as /etc/asterisk
	// Tokens reads the tokens file at a path, and says what is wrong with it.
	Tokens func(path string) error
	// Look reads the files of the pages' look, and says what is wrong with them.
	Look func(config.Look) error
	// Mail says why the SMTP server would take no mail; nil when there is none in the configuration.
	Mail func(ctx context.Context) error
}

// partLimit bounds one probe; the limits within the probes are shorter and give a better reason.
const partLimit = 15 * time.Second

// probe examines one part.
type probe struct {
	check string
	look  func(context.Context) []Finding
}

// Examine examines all parts at once and gives the findings in a fixed order. A dead part gives one finding. It takes
// about fifteen seconds at most, even when a part hangs.
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
		{checkPages, func(context.Context) []Finding { return judgePages(in.Config, in.Look) }},
		{checkMail, func(ctx context.Context) []Finding { return judgeMail(ctx, in.Mail) }},
	})
}

// examine runs the probes side by side. A probe that does not return within limit is abandoned: a hanging file system
// or name service takes no context.
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
		check, Wrong, fmt.Sprintf("the check did not end within %s", limit),
		"See whether disk, network and name service of this machine answer, and run the doctor again",
	}
}
