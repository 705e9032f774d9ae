package doctor

import (
	"fmt"
	"net/netip"
	"strconv"
)

// mendUnreadable is for files of Asterisk that the doctor cannot read.
const mendUnreadable = "Run the doctor on Asterisk's machine as a user that may read its files, " +
	"and name their directory with --asterisk-etc"

// limitFacts is the content of the files that set Asterisk's limits.
type limitFacts struct {
	http, ari section
	errs      []error // files that cannot be read
}

func readLimits(dir string) limitFacts {
	var f limitFacts
	for _, file := range []struct {
		name string
		into *section
	}{{"http.conf", &f.http}, {"ari.conf", &f.ari}} {
		general, err := readGeneral(dir, file.name)
		if err != nil {
			f.errs = append(f.errs, err)
			continue
		}
		*file.into = general
	}
	return f
}

// limit is a number in Asterisk's configuration whose default is too small.
type limit struct {
	file, key string
	standard  int // when the key is left out (Asterisk 22.10)
	least     int
	recommend int // what deploy/asterisk sets
	verdict   Verdict
	follows   string
}

// limits are those of docs and deploy/asterisk; each was reached in practice.
var limits = []limit{
	{
		file: "http.conf", key: "sessionlimit", standard: 100, least: 200, recommend: 1000, verdict: Warning,
		follows: "one busy moment of other users of ARI keeps the daemon out",
	},
	{
		file: "http.conf", key: "session_keep_alive", standard: 15000, least: 90001, recommend: 120000,
		verdict: Warning,
		follows: "Asterisk closes connections (in ms) too soon: clients keep them 90 s, and may just use them",
	},
	{
		file: "ari.conf", key: "websocket_write_timeout", standard: 100, least: 1000, recommend: 2000, verdict: Wrong,
		follows: "one slow moment of the daemon (in ms) makes Asterisk close the link and lose events",
	},
}

func judgeLimits(f limitFacts) []Finding {
	var found []Finding
	for _, err := range f.errs {
		found = append(found, Finding{
			checkLimits, Warning, "they could not be read: " + err.Error(),
			mendUnreadable,
		})
	}
	for _, l := range limits {
		found = append(found, l.judge(map[string]section{"http.conf": f.http, "ari.conf": f.ari}[l.file])...)
	}
	if f.http != nil {
		found = append(found, judgeHTTP(f.http)...)
	}
	if f.ari != nil && !isYes(f.ari.get("enabled", "yes")) {
		found = append(found, Finding{
			checkLimits, Wrong, "ari.conf: enabled is off: there is no ARI", "Set enabled = yes in [general]",
		})
	}
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkLimits, Verdict: OK, Text: "its time limits fit, and HTTP listens on this machine only",
		})
	}
	return found
}

// judge gives no finding for a file that could not be read.
func (l limit) judge(s section) []Finding {
	if s == nil {
		return nil
	}
	text := s.get(l.key, strconv.Itoa(l.standard))
	mend := fmt.Sprintf("Set %s = %d in [general] of %s, and restart Asterisk", l.key, l.recommend, l.file)
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return []Finding{
			{
				checkLimits, Warning,
				fmt.Sprintf("%s: %s is %q, which is no number: Asterisk uses %d", l.file, l.key, text, l.standard),
				mend,
			},
		}
	case n < l.least:
		return []Finding{{checkLimits, l.verdict, fmt.Sprintf("%s: %s is %d: %s", l.file, l.key, n, l.follows), mend}}
	}
	return nil
}

func judgeHTTP(s section) []Finding {
	var found []Finding
	if !isYes(s.get("enabled", "no")) {
		return []Finding{
			{checkLimits, Wrong, "http.conf: enabled is off: there is no ARI", "Set enabled = yes in [general]"},
		}
	}
	switch host := hostOf(s.get("bindaddr", "")); {
	case host == "":
		found = append(found, Finding{
			checkLimits, Wrong, "http.conf: there is no bindaddr, so Asterisk's HTTP server does not run",
			"Set bindaddr = 127.0.0.1 in [general]",
		})
	case !loopback(host):
		found = append(found, Finding{
			checkLimits, Wrong, "http.conf: bindaddr lets other machines reach ARI, which can make telephone calls",
			"Set bindaddr = 127.0.0.1 in [general] of http.conf",
		})
	}
	if host := hostOf(s.get("tlsbindaddr", "")); isYes(s.get("tlsenable", "no")) && host != "" && !loopback(host) {
		found = append(found, Finding{
			checkLimits, Warning,
			"http.conf: tlsbindaddr lets other machines reach ARI, which can make telephone calls",
			"Set it to 127.0.0.1, or let a firewall and the user's acl in ari.conf admit the daemon's machine only",
		})
	}
	return found
}

// loopback reports whether host can be reached from this machine only.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
