package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const (
	rewriteTimer   = "bereikbaar-rewrite.timer"
	rewriteService = "bereikbaar-rewrite.service"
)

// rewriteFacts is what systemd says about the nightly rewrite of Redis's log. The check of Redis itself tells whether
// Redis can do it.
type rewriteFacts struct {
	here  bool // Redis is on this machine, as far as its address tells, and systemd runs it
	err   error
	units map[string]map[string]string // by name: the properties that were asked for
}

// askRewrite asks for Redis at an address, or the path of a socket.
func askRewrite(ctx context.Context, redis string) rewriteFacts {
	_, err := os.Stat("/run/systemd/system") // sd_booted(3)
	if err != nil || !strings.HasPrefix(redis, "/") && !loopback(hostOf(redis)) {
		return rewriteFacts{}
	}
	text, err := exec.CommandContext(
		ctx, "systemctl", "show", "--property=Id,LoadState,ActiveState,Result", rewriteTimer, rewriteService,
	).Output()
	return rewriteFacts{here: true, err: err, units: unitsOf(string(text))}
}

// unitsOf reads what systemctl show prints: a block for each unit, a line for each property.
func unitsOf(text string) map[string]map[string]string {
	units := make(map[string]map[string]string)
	for block := range strings.SplitSeq(text, "\n\n") {
		properties := make(map[string]string)
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			properties[name] = value
		}
		units[properties["Id"]] = properties
	}
	return units
}

func judgeRewrite(f rewriteFacts) []Finding {
	warn := func(text, mend string) []Finding {
		return []Finding{{checkRewrite, Warning, text + ": purged and erased data stays on Redis's disk", mend}}
	}
	timer, service := f.units[rewriteTimer], f.units[rewriteService]
	switch {
	case !f.here:
		return []Finding{
			{
				Check: checkRewrite, Verdict: OK,
				Text: "Redis is on another machine, or this one has no systemd: " +
					"see to it that Redis rewrites its log every night (BGREWRITEAOF)",
			},
		}
	case f.err != nil:
		return warn(
			"systemd does not say whether its log is rewritten every night: "+f.err.Error(),
			"See `systemctl status "+rewriteTimer+"`",
		)
	case timer["LoadState"] != "loaded":
		return warn(rewriteTimer+" is not installed", "Install and enable it, as operating.md says (step 3)")
	case timer["ActiveState"] != "active":
		return warn(fmt.Sprintf("%s is %s", rewriteTimer, timer["ActiveState"]), "systemctl enable --now "+rewriteTimer)
	case service["Result"] != "success":
		return warn(
			fmt.Sprintf("the last rewrite of its log ended with %q", service["Result"]),
			"See journalctl -u "+rewriteService+", and then systemctl start "+rewriteService,
		)
	}
	return []Finding{{Check: checkRewrite, Verdict: OK, Text: "its log is rewritten every night"}}
}
