package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/nyaruka/phonenumbers"
	"go.yaml.in/yaml/v3"

	"github.com/bereikbaar/bereikbaar/calendar"
	"github.com/bereikbaar/bereikbaar/call"
	"github.com/bereikbaar/bereikbaar/prompts"
	"github.com/bereikbaar/bereikbaar/queue"
	"github.com/bereikbaar/bereikbaar/spelling"
	"github.com/bereikbaar/bereikbaar/staff"
)

// scalar reads a single value of the type that the field has.
func (d *document) scalar(key string, n *yaml.Node, t reflect.Type, tag reflect.StructTag) (any, bool) {
	var (
		value      any
		what, mend string
	)
	switch {
	case tag.Get("form") == "secret":
		what, mend = "a password does not belong in this file", "take it out, change it, and give it by an environment variable or password_file"
	case n.Kind != yaml.ScalarNode:
		what, mend = "it must be a single value, not "+describe(n), "write one value"+such(tag)
	case t == reflect.TypeFor[time.Duration]():
		value, what, mend = durationValue(n, tag)
	case t.Kind() == reflect.Int:
		value, what, mend = intValue(n, tag)
	case t.Kind() == reflect.Bool:
		value = n.Value == "true"
		if n.ShortTag() != "!!bool" || (n.Value != "true" && n.Value != "false") {
			what, mend = "it must be true or false, not "+describe(n), "write true or false, without quotes"
		}
	default:
		value = n.Value
		what, mend = textValue(n, tag)
	}
	if what != "" {
		d.malformed(key, what, mend)
		return nil, false
	}
	return value, true
}

func durationValue(n *yaml.Node, tag reflect.StructTag) (value, what, mend string) {
	mend = "write it with a unit, such as " + durationExample(tag)
	got, err := time.ParseDuration(n.Value)
	switch {
	case n.ShortTag() == "!!int" && n.Value != "0":
		return "", "it is " + describe(n) + " without a unit", "write " + clipped(
			n.Value,
		) + "s for seconds or " + clipped(n.Value) + "m for minutes"
	case n.ShortTag() != "!!str" && n.Value != "0", err != nil:
		return "", "it must be a length of time, not " + describe(n), mend
	}
	least, most := mustDuration(tag.Get("min")), mustDuration(tag.Get("max"))
	if got < least || got > most {
		return "", fmt.Sprintf("%s is out of range", clipped(n.Value)), fmt.Sprintf(
			"it may be from %s to %s", tag.Get("min"), tag.Get("max"),
		)
	}
	return got.String(), "", ""
}

func durationExample(tag reflect.StructTag) string {
	if eg := example(tag); eg != "0s" {
		return eg
	}
	return "2m"
}

// mustDuration reads a limit of the form's tags; a test checks that all of them are well formed.
func mustDuration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic("config: the limit of a duration in form.go: " + err.Error())
	}
	return d
}

// plainNumber excludes numbers that YAML and people read differently: to YAML 010 is eight.
var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})$`)

func intValue(n *yaml.Node, tag reflect.StructTag) (value int, what, mend string) {
	limits := fmt.Sprintf("write a whole number from %s to %s, without quotes", tag.Get("min"), tag.Get("max"))
	if n.ShortTag() != "!!int" || !plainNumber.MatchString(n.Value) {
		return 0, "it must be a whole number, not " + describe(n), limits
	}
	got, _ := strconv.Atoi(n.Value)             // nine digits at most
	least, _ := strconv.Atoi(tag.Get("min"))    // of form.go
	greatest, _ := strconv.Atoi(tag.Get("max")) // of form.go
	if got < least || got > greatest {
		return 0, clipped(n.Value) + " is out of range", limits
	}
	return got, "", ""
}

func textValue(n *yaml.Node, tag reflect.StructTag) (what, mend string) {
	form, kind := tag.Get("form"), n.ShortTag()
	natural := kind == "!!str" || (form == "date" && kind == "!!timestamp") || (form == "digit" && kind == "!!int")
	switch {
	case !natural && form == "number":
		return "the number " + clipped(
			n.Value,
		) + " is not in quotes, and YAML may read it as another one", `write "` + clipped(n.Value) + `"`
	case !natural:
		return "it must be text, not " + describe(n), `put it in quotes, as "` + clipped(
			n.Value,
		) + `", if that is meant`
	case strings.TrimSpace(n.Value) == "":
		return "it is empty", "write a value" + such(tag) + ", or leave the key out"
	case strings.ContainsFunc(n.Value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return "it has control characters in it", "retype it"
	}
	if known := words(tag); known != nil && !slices.Contains(known, n.Value) {
		return shown(n.Value) + " is not one of its values", "write " + listed(known)
	}
	if check := textForms[form]; check != nil {
		return check(n.Value)
	}
	return "", ""
}

// queueStrategies in a oneof tag means the strategies of package queue.
const queueStrategies = "queue.Strategies"

// words are the texts that a key accepts, nil for any.
func words(tag reflect.StructTag) []string {
	switch oneof := tag.Get("oneof"); oneof {
	case "":
		return nil
	case queueStrategies:
		var names []string
		for _, s := range queue.Strategies() {
			names = append(names, string(s))
		}
		return names
	default:
		return strings.Split(oneof, ",")
	}
}

var (
	idPattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)
	promptPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	// asterisk takes 60, and the doctor adds "-doctor" to it
	appPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,52}$`)
	hostPattern  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9a-fA-F:]{2,45}$`)
	wordPattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$`)
	trunkPattern = regexp.MustCompile(
		`^[A-Za-z][A-Za-z0-9]{1,19}/[A-Za-z0-9_.@:/-]{0,40}\{number\}[A-Za-z0-9_.@:/-]{0,80}$`,
	)
	endpointPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{1,19}/[A-Za-z0-9_.+@:/-]{1,80}$`)
	emailPattern    = regexp.MustCompile(`^[^\s@<>(),;:"\\]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,200}[A-Za-z0-9])?$`)
	// RFC 6749, appendix A.4
	scopePattern  = regexp.MustCompile(`^[!#-\[\]-~]{1,100}$`)
	phonesPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\*?$`)
	claimPattern  = regexp.MustCompile(`^[!-~]{1,200}$`)
	extension     = regexp.MustCompile(`^([1-9][0-9]{0,5}|[A-Za-z][A-Za-z0-9_-]{0,31})$`)
)

// textForms say what is wrong with a text of a form, and how to mend it.
var textForms = map[string]func(string) (what, mend string){
	"id": idForm,
	"prompt": patternForm(
		promptPattern, "the name of a prompt has small letters, digits and single hyphens, as in menu-permits",
	),
	"word":        patternForm(wordPattern, "use letters, digits, dots, hyphens and underscores"),
	"application": patternForm(appPattern, "use letters, digits, dots, hyphens and underscores, at most 53"),
	"trunk": patternForm(
		trunkPattern,
		"write it as Asterisk dials it, with {number} where the number comes, such as PJSIP/{number}@trunk",
	),
	"endpoint": patternForm(
		endpointPattern, "write it as Asterisk dials it, TECHNOLOGY/name, such as PJSIP/kcc1 or PJSIP/1234@pbx",
	),
	"phones": patternForm(
		phonesPattern, "write the name of a phone in Asterisk, such as desk1, or how names begin, such as desk*",
	),
	"number":  numberForm,
	"digit":   digitForm,
	"span":    func(s string) (string, string) { _, err := calendar.ParseSpan(s); return parsedForm(err) },
	"date":    func(s string) (string, string) { _, err := calendar.ParseDate(s); return parsedForm(err) },
	"clock":   func(s string) (string, string) { _, err := calendar.ParseClock(s); return parsedForm(err) },
	"path":    pathForm,
	"address": addressForm,
	"address-or-socket": func(s string) (
		string, string,
	) {
		return either(s, strings.HasPrefix(s, "/"), pathForm, addressForm)
	},
	"host": patternForm(
		hostPattern, "write a host's name or address, such as redis.deventer.nl, without a port",
	),
	"ari-address": ariAddressForm,
	"site":        siteForm,
	"link":        linkForm,
	"hook":        hookForm,
	"issuer":      issuerForm,
	"email":       patternForm(emailPattern, "write an address for e-mail, such as a.devries@deventer.nl"),
	"scope":       patternForm(scopePattern, "write the name of a scope, such as profile"),
	"claim":       patternForm(claimPattern, "write the name of a claim, such as preferred_username"),
	"country":     countryForm,
	"zone":        zoneForm,
	"language":    languageForm,
}

// keyForms do the same for the keys of a mapping.
var keyForms = map[string]func(string) (what, mend string){
	"id":       idForm,
	"prompt":   textForms["prompt"],
	"digit":    digitForm,
	"language": languageForm,
	"weekday":  weekdayForm,
	"person":   personKeyForm,
	"team":     func(s string) (string, string) { return either(s, s == string(staff.AllTeams), anyForm, idForm) },
}

func anyForm(string) (what, mend string) { return "", "" }

// personKeyForm wants small letters: what is typed or claimed at sign-in is folded to them.
func personKeyForm(s string) (what, mend string) {
	if call.IsPersonID(s) && s == strings.ToLower(s) {
		return "", ""
	}
	return shown(s) + " cannot be the id of a person",
		"use small letters, digits, dots, hyphens and underscores, at most 64; how colleagues call them goes under name"
}

func either(s string, first bool, a, b func(string) (string, string)) (what, mend string) {
	if first {
		return a(s)
	}
	return b(s)
}

func patternForm(pattern *regexp.Regexp, mend string) func(string) (string, string) {
	return func(s string) (string, string) {
		if !pattern.MatchString(s) {
			return shown(s) + " is not of the right form", mend
		}
		return "", ""
	}
}

func parsedForm(err error) (what, mend string) {
	if err == nil {
		return "", ""
	}
	what, mend, _ = strings.Cut(err.Error(), ", ")
	return what, mend
}

func idForm(s string) (what, mend string) {
	if idPattern.MatchString(s) {
		return "", ""
	}
	return shown(s) + " cannot be a name here", "use small letters, digits, hyphens and underscores, at most 40; how people see it goes under name"
}

func digitForm(s string) (what, mend string) {
	switch {
	case s == "*" || s == "#":
		return "the keys * and # are reserved", "choose a key from 0 to 9"
	case len(s) != 1 || s[0] < '0' || s[0] > '9':
		return shown(s) + " is not a key of a telephone", "choose one key from 0 to 9"
	}
	return "", ""
}

// numberForm takes a telephone number, or the short extension that an exchange sends.
func numberForm(s string) (what, mend string) {
	if _, err := call.ParseTyped(s); err != nil && !extension.MatchString(s) {
		return shown(s) + " is not a telephone number: " + err.Error(), "write it as it is dialled, such as \"140570\" or \"+31570693911\"; an internal extension has at most six digits or is a name"
	}
	return "", ""
}

func pathForm(s string) (what, mend string) {
	if !filepath.IsAbs(s) || strings.ContainsRune(s, '\n') {
		return shown(s) + " is not a full path", "write the path from the root, such as /var/lib/bereikbaar"
	}
	return "", ""
}

func addressForm(s string) (what, mend string) {
	const how = "write host:port, such as 127.0.0.1:9570; an IPv6 address goes in brackets"
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsAny(host, " /@\n") {
		return shown(s) + " is not an address with a port", how
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return shown(port) + " is not a port", how
	}
	return "", ""
}

// ariAddressForm keeps ARI, which controls every call, off networks where it can be overheard.
func ariAddressForm(s string) (what, mend string) {
	const how = "write it as ws://127.0.0.1:8088/ari/events"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme):
		return "it is not the address of ARI", how
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "it holds more than an address",
			"leave out user, password and everything after a question mark: they have keys of their own"
	case (u.Scheme == "ws" || u.Scheme == "http") && !loopback(u.Hostname()):
		return "ARI would go over the network in plain text", "run the daemon beside Asterisk on 127.0.0.1, or use wss://"
	}
	return "", ""
}

// siteForm takes the address at which browsers find the pages. Cookies hold for all of a host, so it has no path.
func siteForm(s string) (what, mend string) {
	const how = "write it as https://bel.deventer.nl"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "it is not the address of a website", how
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/":
		return "it holds more than a host", how + ": the pages need a host of their own"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "passwords would go over the network in plain text", how + ", with a proxy that speaks https"
	}
	return "", ""
}

// linkForm takes the address under which people find notes: mails add /notes/ and a reference to it.
func linkForm(s string) (what, mend string) {
	const how = "write it as https://bel.deventer.nl"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http",
		strings.ContainsFunc(s, unicode.IsSpace):
		return "it is not the address of a website", how
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "it holds more than a host and a path", how
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "people would sign in over the network in plain text", how + ", with a proxy that speaks https"
	}
	return "", ""
}

// hookForm takes the address of a program that is told of notes.
func hookForm(s string) (what, mend string) {
	const how = "write it as https://zaak.deventer.nl/bel"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http",
		strings.ContainsFunc(s, unicode.IsSpace):
		return "it is not the address of a program", how
	case u.User != nil || u.Fragment != "":
		return "it holds more than an address", "leave out user, password and fragment: messages are signed"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "messages would go over the network in plain text", "write https://"
	}
	return "", ""
}

// issuerForm takes the name of an OpenID Connect provider, which is an address.
func issuerForm(s string) (what, mend string) {
	const how = "write it as the provider does in its openid-configuration, such as https://login.deventer.nl"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http",
		u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "it is not the address of a provider", how
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "anybody on the network could be the provider", "write https://"
	}
	return "", ""
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

func countryForm(s string) (what, mend string) {
	if !phonenumbers.GetSupportedRegions()[s] {
		return shown(
			s,
		) + " is not a country with telephone numbers", "write its code of two capitals, such as NL, BE or DE"
	}
	return "", ""
}

func zoneForm(s string) (what, mend string) {
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		return shown(s) + " is not a time zone", "write it as Europe/Amsterdam"
	}
	return "", ""
}

func languageForm(s string) (what, mend string) {
	if !slices.Contains(prompts.Languages(), prompts.Language(s)) {
		return "the language " + shown(s) + " cannot be spoken", "write " + listed(languages())
	}
	return "", ""
}

func languages() []string {
	var names []string
	for _, l := range prompts.Languages() {
		names = append(names, string(l))
	}
	return names
}

// weekdays are the keys of opening hours. "weekdays" are Monday to Friday as far as they are not named themselves.
var weekdays = []string{"weekdays", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

func weekdayForm(s string) (what, mend string) {
	if slices.Contains(weekdays, s) {
		return "", ""
	}
	if near := spelling.Nearest(s, weekdays); near != "" {
		return shown(s) + " is not a day of the week", "did you mean " + near + "?"
	}
	return shown(s) + " is not a day of the week", "the days are " + listed(weekdays)
}
