package rig

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Phone is a SIP account.
type Phone struct {
	// Name is the account, and the endpoint PJSIP/Name.
	Name string
	// Password is made at random when it is empty.
	Password string
	// Context is where its calls start: from-phones for employees, from-trunk for a caller's line.
	Context string
	// Contact, when set, is a fixed SIP URI in place of a log-in.
	Contact string
	// Crowd makes it one of the phones that Rig.Crowd plays in one process; it has no log-in either.
	Crowd bool
}

// DefaultPhones are the accounts of the shipped example: two phones of the contact centre, two of the permits
// department, and one caller's line.
func DefaultPhones() []Phone {
	return []Phone{
		{Name: "kcc1", Context: "from-phones"},
		{Name: "kcc2", Context: "from-phones"},
		{Name: "verg1", Context: "from-phones"},
		{Name: "verg2", Context: "from-phones"},
		{Name: "beller1", Context: "from-trunk"},
	}
}

// site are the values that the configuration under deploy/asterisk leaves open.
type site struct {
	Dir, RunDir, Modules string
	SIP                  string
	HTTPHost, HTTPPort   string
	Password             string
	RTPStart, RTPEnd     int
	TrunkAddress         string
	TrunkContact         string
	Phones               []Phone
	QueueMembers         []string
	PromptsDir, MusicDir string
	DefaultLanguage      string
}

// siteFiles are, for a rig, the files that an operator writes by hand.
var siteFiles = map[string]string{
	"directories.conf": `[directories]
astetcdir => {{.Dir}}/etc
astmoddir => {{.Modules}}
astvarlibdir => {{.Dir}}/lib
astdbdir => {{.Dir}}/lib
astkeydir => {{.Dir}}/lib
astdatadir => /usr/share/asterisk
astagidir => {{.Dir}}/lib
astcachedir => {{.Dir}}/lib
astspooldir => {{.Dir}}/spool
astrundir => {{.RunDir}}
astlogdir => {{.Dir}}/log
`,
	"site/http.conf":  "bindaddr = {{.HTTPHost}}\nbindport = {{.HTTPPort}}\n",
	"site/ari.conf":   "password = {{.Password}}\n",
	"site/rtp.conf":   "rtpstart = {{.RTPStart}}\nrtpend = {{.RTPEnd}}\n",
	"site/music.conf": "directory = {{.MusicDir}}\n",
	"site/globals.conf": `BEREIKBAAR_NUMBER = 140570
BEREIKBAAR_PROMPTS = {{.PromptsDir}}
BEREIKBAAR_LANGUAGE = {{.DefaultLanguage}}
BEREIKBAAR_FALLBACK_WAIT = 300
`,
	"site/queue-members.conf": "{{range .QueueMembers}}member => PJSIP/{{.}}\n{{end}}",
	"site/phones.conf": `{{range .Phones}}{{if eq .Context "from-phones"}}exten => {{.Name}},1,Dial(PJSIP/{{.Name}},30,i)
 same => n,Goto(bereikbaar-unanswered,s,1)
{{end}}{{end}}`,
	"site/pjsip.conf": `[transport-udp]
type = transport
protocol = udp
bind = {{.SIP}}

[trunk](bereikbaar-trunk)
transport = transport-udp
aors = trunk

[trunk]
type = aor
contact = {{.TrunkContact}}

[trunk]
type = identify
endpoint = trunk
match = {{.TrunkAddress}}
{{range .Phones}}
[{{.Name}}](bereikbaar-phone)
transport = transport-udp
context = {{.Context}}
aors = {{.Name}}
; No address translation on the loopback network, and a phone that logs in on behalf of another socket.
rewrite_contact = no
{{if .Contact}}
[{{.Name}}]
type = aor
contact = {{.Contact}}
{{else}}auth = {{.Name}}

[{{.Name}}](bereikbaar-phone-aor)

[{{.Name}}](bereikbaar-phone-auth)
username = {{.Name}}
password = {{.Password}}
{{end}}{{end}}`,
}

// write puts the configuration of deploy/asterisk and the site's own files under Dir/etc. extra is text to append, by
// file name, such as "queues.conf".
func (s site) write(deploy string, extra map[string]string) error {
	for _, dir := range []string{"etc/site", "run", "log/cdr-csv", "log/cel-custom", "spool", "lib/keys"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return fmt.Errorf("the directories of Asterisk: %w", err)
		}
	}
	files := map[string]string{}
	for name, text := range siteFiles {
		var out strings.Builder
		if err := template.Must(template.New(name).Parse(text)).Execute(&out, s); err != nil {
			return fmt.Errorf("%s of Asterisk: %w", name, err)
		}
		files[name] = out.String()
	}
	shipped, err := filepath.Glob(filepath.Join(deploy, "*.conf"))
	if err != nil || len(shipped) == 0 {
		return fmt.Errorf("no configuration of Asterisk in %s", deploy)
	}
	for _, path := range shipped {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("the configuration of Asterisk: %w", err)
		}
		files[filepath.Base(path)] += string(text)
	}
	for name, text := range extra {
		if _, known := files[name]; !known {
			return fmt.Errorf("extra text for %s, which is no file of deploy/asterisk", name)
		}
		files[name] += "\n" + text
	}
	files["asterisk.conf"] = files["directories.conf"] + "\n" + files["asterisk.conf"]
	delete(files, "directories.conf")
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, "etc", name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("the configuration of Asterisk: %w", err)
		}
	}
	return nil
}

// modulesDir finds Asterisk's modules in a system tree; the result is a path inside it.
func modulesDir(tree string) (string, error) {
	for _, pattern := range []string{
		"/usr/lib/*/asterisk/modules", "/usr/lib/asterisk/modules", "/usr/lib64/asterisk/modules",
	} {
		found, err := filepath.Glob(filepath.Join(tree, pattern))
		if err == nil && len(found) > 0 {
			return filepath.Join("/", strings.TrimPrefix(found[0], strings.TrimSuffix(tree, "/"))), nil
		}
	}
	return "", fmt.Errorf("no Asterisk modules under %s/usr/lib: run dev/setup as root", strings.TrimSuffix(tree, "/"))
}

// runDir is Asterisk's run directory as it sees it: the name of a socket in it may have 107 bytes at most.
const runDir = "/run/bereikbaar"

// newAsterisk writes the configuration; it does not start Asterisk.
func newAsterisk(dir, sip, http string, place *place, o Options) (*Asterisk, error) {
	tree, err := root.Tree("asterisk")
	if err != nil {
		return nil, err
	}
	modules, err := modulesDir(tree)
	if err != nil {
		return nil, err
	}
	music, err := MusicDir()
	if err != nil {
		return nil, err
	}
	source, err := root.Source()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(http)
	if err != nil {
		return nil, fmt.Errorf("the address of ARI: %w", err)
	}
	a := &Asterisk{
		SIP: sip, HTTP: http, Password: rand.Text(), LogDir: filepath.Join(dir, "log"),
		dir: dir, tree: tree, shared: []string{dir, filepath.Join(dir, "run") + "=" + runDir, music, o.PromptsDir},
	}
	if err := os.MkdirAll(o.PromptsDir, 0o755); err != nil {
		return nil, fmt.Errorf("the directory of the prompts: %w", err)
	}
	phones := slices.Clone(o.Phones)
	for i, phone := range phones {
		if phone.Crowd {
			phones[i].Contact = "sip:" + phone.Name + "@" + place.host(hostCrowd) + ":5060"
		}
	}
	s := site{
		Dir: dir, RunDir: runDir, Modules: modules, SIP: sip, HTTPHost: host, HTTPPort: port, Password: a.Password,
		RTPStart: 10000, RTPEnd: 20000,
		TrunkAddress: place.host(hostOutside), TrunkContact: "sip:" + place.host(hostOutside) + ":5060",
		Phones: phones, QueueMembers: []string{"kcc1", "kcc2"},
		PromptsDir: o.PromptsDir, MusicDir: music, DefaultLanguage: "nl",
	}
	return a, s.write(filepath.Join(source, "deploy", "asterisk"), o.AsteriskExtra)
}
