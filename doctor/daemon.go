package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/bereikbaar/bereikbaar/config"
)

const (
	answerLimit = 5 * time.Second // for a health page: one silent part takes a second
	pageLimit   = 1 << 16         // bytes
)

// daemonFacts is the daemon's health page.
type daemonFacts struct {
	err    error // there is no readable answer
	silent bool  // it took the connection and did not answer: it is stuck
	State  string
	Parts  []partFacts
}

type partFacts struct {
	Name   string
	State  string
	Needed bool
	Detail string
}

// askDaemon reads /readyz.
func askDaemon(ctx context.Context, address string) daemonFacts {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return daemonFacts{err: fmt.Errorf("ask /readyz: %w", err)}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	response, err := client.Do(request)
	if err != nil {
		return daemonFacts{err: withoutAddress(err), silent: ctx.Err() != nil}
	}
	defer response.Body.Close()
	var f daemonFacts
	if err := json.NewDecoder(io.LimitReader(response.Body, pageLimit)).Decode(&f); err != nil || f.State == "" {
		return daemonFacts{err: fmt.Errorf("status %d, and not the health page of bereikbaar", response.StatusCode)}
	}
	return f
}

func judgeDaemon(f daemonFacts) []Finding {
	switch {
	case f.silent:
		return []Finding{{
			checkDaemon, Wrong,
			"its operations port takes connections and answers nothing: the daemon is stuck, and callers hear silence",
			"Restart it: systemctl restart bereikbaar",
		}}
	case f.err != nil:
		return []Finding{{
			checkDaemon, Wrong, "its operations port does not answer: " + f.err.Error(),
			"Start it: systemctl start bereikbaar; if it stops again its log says why: journalctl -u bereikbaar",
		}}
	}
	var found []Finding
	for _, p := range f.Parts {
		if p.State == "up" {
			continue
		}
		verdict := Warning
		if p.Needed {
			verdict = Wrong
		}
		text := fmt.Sprintf("it says that %s is %s", p.Name, p.State)
		if p.Detail != "" {
			text += ": " + p.Detail
		}
		found = append(found, Finding{
			checkDaemon, verdict, text, "Mend that part; the daemon takes it up again by itself",
		})
	}
	switch {
	case len(found) > 0:
	case f.State == "ready":
		return []Finding{{Check: checkDaemon, Verdict: OK, Text: "it takes calls"}}
	default:
		found = append(found, Finding{
			checkDaemon, Wrong, fmt.Sprintf("it says that it is %q", f.State), "See its log: journalctl -u bereikbaar",
		})
	}
	return found
}

// judgeAPI judges the tokens file. owner is its owner. d is the daemon's user, the owner of the state directory: the
// doctor itself may be root and can read everything. Both are empty when they are unknown.
func judgeAPI(path, owner, d string, tokens func(path string) error) []Finding {
	if path == "" {
		return []Finding{{Check: checkAPI, Verdict: OK, Text: "web.tokens_file is not set: there is no JSON API"}}
	}
	if err := tokens(path); err != nil {
		return []Finding{{
			checkAPI, Wrong, err.Error(),
			"Mend the line, or make the file with `bereikbaar token new`; " +
				"it belongs to the daemon's user, with mode 0600",
		}}
	}
	if owner != "" && d != "" && owner != d && d != "root" {
		return []Finding{{
			checkAPI, Wrong, fmt.Sprintf(
				"the tokens file belongs to %s, and the daemon, which runs as %s, may not read it: "+
					"a token that is removed from it stays valid", owner, d,
			),
			fmt.Sprintf("chown %s %s", d, path),
		}}
	}
	return []Finding{{Check: checkAPI, Verdict: OK, Text: "the tokens file can be used"}}
}

// judgePages judges the files of the pages' look.
func judgePages(cfg *config.Config, look func(config.Look) error) []Finding {
	if cfg.SignIn == nil {
		if slices.ContainsFunc(cfg.Off, func(o config.Off) bool { return o.Restart }) {
			return nil // the check of the configuration says why
		}
		return []Finding{{Check: checkPages, Verdict: OK, Text: "sign_in is not set: there are no pages"}}
	}
	if err := look(cfg.Look); err != nil {
		return []Finding{{
			checkPages, Wrong, err.Error(), "Mend the file or the line under look, and restart the daemon: " +
				"until then the pages have the plain look",
		}}
	}
	return []Finding{{Check: checkPages, Verdict: OK, Text: "the files of their look can be used"}}
}

// ownerOf names the owner of a file, by number when there is no name; empty when it is unknown.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if known, err := user.LookupId(id); err == nil {
		return known.Username
	}
	return id
}
