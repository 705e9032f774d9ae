package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// judgeSettings compares the settings in effect with deploy/asterisk/pjsip.conf: a finding for each line of ours that
// is not in effect, with its places. A setting that Asterisk does not tell never counts as right.
func judgeSettings(objects []object) []Finding {
	var found []Finding
	for _, s := range settings {
		var where, sections, have []string
		for _, o := range objects {
			if o.role != s.role || o.err != nil || o.missing && !o.ours() || s.met(o.values[s.key]) {
				continue
			}
			where, sections, have = append(where, o.shown), append(sections, o.section), append(
				have, valueOf(o.values[s.key]),
			)
		}
		if len(where) == 0 {
			continue
		}
		slices.Sort(have)
		found = append(found, Finding{
			checkSIP, s.verdict,
			fmt.Sprintf("%s of %s is %s: %s", s.key, some(where), some(slices.Compact(have)), s.follows),
			s.mend(sections),
		})
	}
	found = append(found, judgeAddresses(objects)...)
	found = append(found, unseen(objects)...)
	if len(found) == 0 {
		found = append(found, Finding{
			Check: checkSIP, Verdict: OK,
			Text: "trunk, phones and their log-ins are set as deploy/asterisk/pjsip.conf says",
		})
	}
	return found
}

// ours reports whether an object must exist under this very name. Another check reports a missing phone or trunk.
func (o object) ours() bool { return o.role == roleReplaces || o.role == roleMatch }

// unseen reports the objects that could not be judged.
func unseen(objects []object) []Finding {
	var hidden []string
	trunk := false
	for _, o := range objects {
		trunk = trunk || o.role == roleTrunk
		if o.err != nil || o.role == roleGlobal && o.missing {
			hidden = append(hidden, o.shown)
		}
	}
	var found []Finding
	if len(hidden) > 0 {
		found = append(found, Finding{
			checkSIP, Warning, "Asterisk does not tell what is in effect for " + some(hidden) + ": it was not judged",
			"Load res_ari_asterisk.so and name the section [global] in pjsip.conf so; " +
				"else compare with deploy/asterisk/pjsip.conf by hand",
		})
	}
	if !trunk {
		found = append(found, Finding{
			checkSIP, Warning, "which endpoint is the trunk cannot be told: its settings were not judged",
			"Name it in callbacks.dial, or compare it with deploy/asterisk/pjsip.conf by hand",
		})
	}
	return found
}

func (s setting) met(have string) bool {
	if s.want == anything {
		return have != ""
	}
	return plainValue(have) == plainValue(s.want)
}

// plainValue gives one form to a value as a file writes it and as Asterisk tells it: yes and true, alaw,g722 and
// (alaw|g722).
func plainValue(text string) string {
	switch text = strings.ReplaceAll(strings.Trim(text, "()"), "|", ","); strings.ToLower(text) {
	case "yes", "true":
		return "yes"
	case "no", "false":
		return "no"
	}
	return strings.ReplaceAll(text, ", ", ",")
}

func valueOf(text string) string {
	if text == "" {
		return "not set"
	}
	return plainValue(text)
}

// reloadSIP makes Asterisk read pjsip.conf again.
const reloadSIP = `asterisk -rx "module reload res_pjsip.so"`

// mend says which line to write where. One section is named; for many it is their template.
func (s setting) mend(sections []string) string {
	place := "the template of these sections"
	if len(sections) == 1 {
		place = "the section for it"
		if slices.Contains([]role{roleTrunk, roleOther, roleReplaces, roleMatch, roleGlobal}, s.role) {
			place = "[" + sections[0] + "]"
		}
	}
	line := s.key + " = " + s.want
	switch {
	case s.key == "auth":
		line = "auth and a section of type auth with a password"
	case s.role == roleReplaces || s.role == roleMatch:
		return "Take over both sections [" + replacesName + "] from deploy/asterisk/pjsip.conf, then: " + reloadSIP
	}
	return fmt.Sprintf(
		"Set %s in %s of pjsip.conf, then: %s (a change in [global] needs a restart)", line, place, reloadSIP,
	)
}
