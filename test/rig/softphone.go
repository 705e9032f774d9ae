package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"
)

// Softphone is a real telephone program, baresip, logged in under one of the rig's accounts. It sends a steady tone and
// records what it hears.
type Softphone struct {
	Name string
	// Pitch is that of its tone, in hertz.
	Pitch float64

	process *Process
	dir     string
	book    *Phrasebook
	conn    net.Conn

	mu      sync.Mutex
	events  []phoneEvent
	latest  time.Time // of the latest event
	changed chan struct{}
}

// phoneEvent is an event on baresip's control connection.
type phoneEvent struct {
	Type  string `json:"type"`
	Param string `json:"param"`
}

// The events of baresip that tests wait for.
const (
	eventRegistered  = "REGISTER_OK"
	eventIncoming    = "CALL_INCOMING"
	eventEstablished = "CALL_ESTABLISHED"
	eventClosed      = "CALL_CLOSED"
)

// softphoneConfig are the files of a baresip without a sound card, commanded over TCP. The played stream goes into a
// bridge without another end; it is recorded before that.
var softphoneConfig = map[string]string{
	"config": `sip_listen {{.Host}}:5060
net_af ipv4
audio_source aufile,{{.Dir}}/tone.wav
audio_player aubridge,ear
audio_alert aubridge,alert
audio_level no
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
# It takes them on every address: no port of an Asterisk, whose callers may talk on for a moment after it hung up.
rtp_ports 22000-22100
# Without a jitter buffer: one stray packet with a high sequence number, and it drops the rest of a call as too late.
jitter_buffer_delay 0-0
module_path {{.Modules}}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen {{.Host}}:4444
snd_path {{.Dir}}/heard
`,
	"accounts": "<sip:{{.Name}}@{{.Server}}>;auth_pass={{.Password}};audio_codecs=PCMA;regint=600;answermode=manual\n",
}

// softphoneTone is the length of a softphone's tone; the call ends with it.
const softphoneTone = 5 * time.Minute

// Softphone starts baresip under an account and waits until it is logged in.
func (r *Rig) Softphone(ctx context.Context, name string, pitch float64) (*Softphone, error) {
	index := slices.IndexFunc(r.Phones, func(p Phone) bool { return p.Name == name })
	if index < 0 {
		return nil, fmt.Errorf("no account %q among the rig's phones", name)
	}
	book, err := r.phrasebook()
	if err != nil {
		return nil, err
	}
	// Beside the address of the account's SIPp phone, so that one may take over from the other.
	host := r.place.host(hostPhones + 100 + index)
	p := &Softphone{
		Name: name, Pitch: pitch, book: book, changed: make(chan struct{}),
		dir: filepath.Join(r.Dir, "softphone", fmt.Sprintf("%s-%d", name, processes.Add(1))),
	}
	if err := p.writeConfig(host, r.Asterisk.SIP, r.Phones[index].Password); err != nil {
		return nil, err
	}
	if p.process, err = start(r.Dir, filepath.Base(p.dir), exec.Command("baresip", "-f", p.dir)); err != nil {
		return nil, err
	}
	r.onClose(p.close)
	if err := p.connect(ctx, net.JoinHostPort(host, "4444")); err != nil {
		return nil, err
	}
	return p, p.awaitLogin(ctx)
}

// writeConfig writes baresip's files and its tone.
func (p *Softphone) writeConfig(host, server, password string) error {
	if err := os.MkdirAll(filepath.Join(p.dir, "heard"), 0o755); err != nil {
		return fmt.Errorf("the directory of a softphone: %w", err)
	}
	modules, err := filepath.Glob("/usr/lib*/baresip/modules")
	if more, _ := filepath.Glob("/usr/lib/*/baresip/modules"); err == nil {
		modules = append(modules, more...)
	}
	if len(modules) == 0 {
		return errors.New("no modules of baresip under /usr/lib: run dev/setup as root")
	}
	values := struct{ Name, Host, Server, Password, Dir, Modules string }{
		p.Name, host, server, password, p.dir, modules[0],
	}
	for name, text := range softphoneConfig {
		var out strings.Builder
		if err := template.Must(template.New(name).Parse(text)).Execute(&out, values); err != nil {
			return fmt.Errorf("%s of a softphone: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(out.String()), 0o600); err != nil {
			return fmt.Errorf("the configuration of a softphone: %w", err)
		}
	}
	return Tone(p.Pitch, softphoneTone).WriteWAV(filepath.Join(p.dir, "tone.wav"))
}

// connect opens the control connection and reads its events.
func (p *Softphone) connect(ctx context.Context, address string) error {
	err := p.process.await(ctx, "takes commands", func(ctx context.Context) (err error) {
		p.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
		return err
	})
	if err != nil {
		return err
	}
	go p.follow(bufio.NewReader(p.conn))
	return nil
}

// follow reads netstrings ("LENGTH:JSON,") until the connection ends.
func (p *Softphone) follow(in *bufio.Reader) {
	for {
		length, err := in.ReadString(':')
		if err != nil {
			return
		}
		size, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil || size < 0 || size > 1<<20 {
			return
		}
		body := make([]byte, size+1)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		var event phoneEvent
		if json.Unmarshal(body[:size], &event) != nil || event.Type == "" {
			continue
		}
		p.mu.Lock()
		p.events, p.latest = append(p.events, event), time.Now()
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// awaitLogin waits for the log-in, which may precede the control connection.
func (p *Softphone) awaitLogin(ctx context.Context) error {
	return p.process.await(ctx, "is logged in", func(context.Context) error {
		log, err := os.ReadFile(p.process.Log)
		if err == nil && (strings.Contains(string(log), "200 OK") || p.count(eventRegistered) > 0) {
			return nil
		}
		return errors.Join(errors.New("not logged in yet"), err)
	})
}

// command sends a command of baresip's menu.
func (p *Softphone) command(name, params string) error {
	body, err := json.Marshal(map[string]string{"command": name, "params": params})
	if err != nil {
		return fmt.Errorf("commanding %s: %w", p.Name, err)
	}
	if _, err := fmt.Fprintf(p.conn, "%d:%s,", len(body), body); err != nil {
		return fmt.Errorf("commanding %s: %w", p.Name, err)
	}
	return nil
}

// count is how often an event has come.
func (p *Softphone) count(event string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Type == event {
			n++
		}
	}
	return n
}

// await waits until an event has come n times.
func (p *Softphone) await(ctx context.Context, event string, n int) error {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if p.count(event) >= n {
			return nil
		}
		select {
		case <-changed:
		case <-p.process.Done():
			return fmt.Errorf("%s waits for %s: %w", p.Name, event, p.process.ended())
		case <-ctx.Done():
			return fmt.Errorf("%s waits for %s: %w; its log is %s", p.Name, event, context.Cause(ctx), p.process.Log)
		}
	}
}

// Dial rings a number and waits until it is answered. An existing call stays: the new one is the second.
func (p *Softphone) Dial(ctx context.Context, number string) error {
	if err := p.awaitNextSecond(ctx); err != nil {
		return err
	}
	before := p.count(eventEstablished)
	if err := p.command("dial", number); err != nil {
		return err
	}
	return p.await(ctx, eventEstablished, before+1)
}

// awaitNextSecond waits until the second of the latest event is over: baresip names a recording after the second of the
// answer.
func (p *Softphone) awaitNextSecond(ctx context.Context) error {
	p.mu.Lock()
	next := p.latest.Truncate(time.Second).Add(time.Second)
	p.mu.Unlock()
	select {
	case <-time.After(time.Until(next)):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s dials: %w", p.Name, context.Cause(ctx))
	}
}

// AwaitRing waits until the phone has rung n times in all.
func (p *Softphone) AwaitRing(ctx context.Context, n int) error {
	return p.await(ctx, eventIncoming, n)
}

// Answer takes the ringing call, and waits until it is up.
func (p *Softphone) Answer(ctx context.Context) error {
	before := p.count(eventEstablished)
	if err := p.command("accept", ""); err != nil {
		return err
	}
	return p.await(ctx, eventEstablished, before+1)
}

// keyEvery is the time from one key to the next. baresip holds a key for 240 ms; Asterisk garbles keys that follow each
// other within 45 ms.
const keyEvery = 400 * time.Millisecond

// Press sends keys during a call, one by one, as a person does.
func (p *Softphone) Press(ctx context.Context, keys string) error {
	pause := time.NewTicker(keyEvery)
	defer pause.Stop()
	for _, key := range keys {
		if err := p.command("sndcode", string(key)); err != nil {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("%s presses keys: %w", p.Name, context.Cause(ctx))
		}
	}
	return nil
}

// HangUp ends the call, and waits until it is down.
func (p *Softphone) HangUp(ctx context.Context) error {
	before := p.count(eventClosed)
	if err := p.command("hangup", ""); err != nil {
		return err
	}
	return p.await(ctx, eventClosed, before+1)
}

// AwaitEnd waits until n calls in all are over.
func (p *Softphone) AwaitEnd(ctx context.Context, n int) error { return p.await(ctx, eventClosed, n) }

// Heard is the sound of the latest call so far.
func (p *Softphone) Heard() (Sound, error) {
	recordings, err := filepath.Glob(filepath.Join(p.dir, "heard", "*dec.wav"))
	if err != nil || len(recordings) == 0 {
		return nil, fmt.Errorf("%s has not had a call yet: no recording in %s", p.Name, p.dir)
	}
	slices.Sort(recordings)
	return ReadWAV(recordings[len(recordings)-1])
}

// Phrases are the prompts and the music of the latest call so far, without their times.
func (p *Softphone) Phrases() ([]Phrase, error) {
	sound, err := p.Heard()
	if err != nil {
		return nil, err
	}
	r := reader{book: p.book}
	r.feed(sound.ALaw())
	var list []Phrase
	for _, s := range r.spans() {
		list = append(list, Phrase{IDs: p.book.phrases[s.phrase].ids, Whole: p.book.complete(s)})
	}
	return list, nil
}

// close quits the phone.
func (p *Softphone) close() error {
	if p.conn != nil {
		p.conn.Close()
	}
	return p.process.Kill()
}
