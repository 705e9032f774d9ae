package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Leg is one call as a SIPp process sees it. Times are those of the message on the wire, zero before it.
type Leg struct {
	CallID string
	// Invited is the first INVITE, sent or received.
	Invited time.Time
	// Ringing is the 180 or 183.
	Ringing time.Time
	// Answered is the 200 to the first INVITE.
	Answered time.Time
	// Status is the final status of the first INVITE, 0 before it.
	Status int
	// Ended is the BYE, the CANCEL, or the refusal.
	Ended time.Time
	// EndedByUs tells that this side sent the BYE or the CANCEL.
	EndedByUs bool

	// settled: no INVITE waits for its ACK, so a BYE may be sent.
	settled bool
}

// sipp is one SIPp process; its messages are read as they happen.
type sipp struct {
	process *Process
	address string
	dir     string

	mu      sync.Mutex
	legs    map[string]*Leg
	order   []string
	changed chan struct{}
	drained chan struct{}
}

// sippOptions are the arguments of one SIPp process.
type sippOptions struct {
	// Name is that of the log and of the trace directory under the rig's.
	Name string
	// Scenario is a file of test/sipp, and Values fills in its double braces.
	Scenario string
	Values   any
	// Host and Port are the local address.
	Host string
	Port int
	// Inject is the text of the injection file; empty for none.
	Inject string
	// Quiet leaves out the trace of whole messages, which costs more than many calls do.
	Quiet bool
	Args  []string
}

// startSIPp writes the scenario and starts the process. Messages are traced to NAME/messages.log.
func (r *Rig) startSIPp(o sippOptions) (*sipp, error) {
	dir := filepath.Join(r.Dir, "sipp", o.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the directory of SIPp: %w", err)
	}
	scenario, err := writeScenario(dir, o.Scenario, o.Values)
	if err != nil {
		return nil, err
	}
	pipe := filepath.Join(dir, "events")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return nil, fmt.Errorf("the events of SIPp: %w", err)
	}
	events, hold, err := openPipe(pipe)
	if err != nil {
		return nil, err
	}
	args := []string{
		r.Asterisk.SIP, "-sf", scenario, "-i", o.Host, "-p", strconv.Itoa(o.Port), "-bind_local", "-nostdin",
		"-ci", o.Host, "-cp", "0",
		"-cid_str", o.Name + "-%u",
		"-trace_shortmsg", "-shortmessage_file", pipe,
		"-trace_err", "-error_file", filepath.Join(dir, "errors.log"),
		"-trace_logs", "-log_file", filepath.Join(dir, "rings.log"),
	}
	if !o.Quiet {
		args = append(args, "-trace_msg", "-message_file", filepath.Join(dir, "messages.log"))
	}
	if o.Inject != "" {
		inject := filepath.Join(dir, "inject.csv")
		if err := os.WriteFile(inject, []byte(o.Inject), 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("the injection file of SIPp: %w", err), events.Close(), hold.Close())
		}
		args = append(args, "-inf", inject)
	}
	s := &sipp{
		address: net.JoinHostPort(o.Host, strconv.Itoa(o.Port)), dir: dir,
		legs: map[string]*Leg{}, changed: make(chan struct{}), drained: make(chan struct{}),
	}
	if s.process, err = start(r.Dir, "sipp-"+o.Name, exec.Command("sipp", append(args, o.Args...)...)); err != nil {
		return nil, errors.Join(err, events.Close(), hold.Close())
	}
	go s.read(events)
	go func() {
		<-s.process.Done()
		hold.Close() // now the pipe ends, after SIPp's last line
		<-s.drained
		events.Close()
	}()
	r.onClose(func() error { return s.process.Kill() })
	return s, nil
}

// openPipe opens a named pipe for reading, without waiting for a writer, and holds it open: reading ends when the hold
// is closed and the pipe is empty.
func openPipe(path string) (pipe, hold *os.File, err error) {
	if pipe, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, nil, fmt.Errorf("the events of SIPp: %w", err)
	}
	if hold, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("the events of SIPp: %w", err), pipe.Close())
	}
	return pipe, hold, nil
}

// writeScenario fills in a scenario of test/sipp.
func writeScenario(dir, name string, values any) (string, error) {
	source, err := root.Source()
	if err != nil {
		return "", err
	}
	text, err := template.ParseFiles(filepath.Join(source, "test", "sipp", name))
	if err != nil {
		return "", fmt.Errorf("the scenario of SIPp: %w", err)
	}
	path := filepath.Join(dir, name)
	file, err := os.Create(path)
	if err != nil {
		return "", fmt.Errorf("the scenario of SIPp: %w", err)
	}
	return path, errors.Join(text.Execute(file, values), file.Close())
}

// read follows the messages until the process has ended.
func (s *sipp) read(events *os.File) {
	defer close(s.drained)
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		s.note(lines.Text())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// note takes one line of SIPp's short trace: date, time, seconds since 1970, S or R, Call-ID, CSeq, first line.
func (s *sipp) note(line string) {
	fields := strings.Split(line, "\t")
	if len(fields) < 7 {
		return
	}
	seconds, err := strconv.ParseFloat(fields[2], 64)
	if err != nil {
		return
	}
	at := time.UnixMicro(int64(seconds * 1e6))
	s.mu.Lock()
	defer s.mu.Unlock()
	leg := s.legs[fields[4]]
	if leg == nil {
		leg = &Leg{CallID: fields[4]}
		s.legs[leg.CallID] = leg
		s.order = append(s.order, leg.CallID)
	}
	leg.note(at, fields[3] == "S", strings.TrimPrefix(fields[5], "CSeq:"), fields[6])
	close(s.changed)
	s.changed = make(chan struct{})
}

// note moves the leg on by one message.
func (l *Leg) note(at time.Time, sent bool, cseq, first string) {
	_, method, _ := strings.Cut(strings.TrimSpace(cseq), " ")
	answer, isAnswer := strings.CutPrefix(first, "SIP/2.0 ")
	switch {
	case !isAnswer && method == "INVITE" && l.Invited.IsZero():
		l.Invited = at
	case !isAnswer && method == "ACK":
		l.settled = true
	case !isAnswer && method == "INVITE":
		l.settled = false
	case !isAnswer && (method == "BYE" || method == "CANCEL") && l.Ended.IsZero():
		l.Ended, l.EndedByUs = at, sent
	case isAnswer && method == "INVITE" && l.Status == 0:
		code, _, _ := strings.Cut(answer, " ")
		status, err := strconv.Atoi(code)
		switch {
		case err != nil || status == 100:
		case status < 200:
			if l.Ringing.IsZero() {
				l.Ringing = at
			}
		case status < 300:
			l.Status, l.Answered = status, at
		default:
			l.Status = status
			l.settled = true
			if l.Ended.IsZero() {
				l.Ended = at
			}
		}
	}
}

// Legs are the calls so far, in the order in which they began.
func (s *sipp) Legs() []Leg {
	s.mu.Lock()
	defer s.mu.Unlock()
	legs := make([]Leg, 0, len(s.order))
	for _, id := range s.order {
		if leg := s.legs[id]; !leg.Invited.IsZero() {
			legs = append(legs, *leg)
		}
	}
	return legs
}

// await waits until the legs satisfy a condition.
func (s *sipp) await(ctx context.Context, what string, wanted func([]Leg) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if wanted(s.Legs()) {
			return nil
		}
		select {
		case <-changed:
		case <-s.drained:
			if wanted(s.Legs()) {
				return nil
			}
			return fmt.Errorf("waiting until %s: %w", what, s.process.ended())
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w; the messages are in %s", what, context.Cause(ctx), s.dir)
		}
	}
}

// leg finds a call by its Call-ID.
func leg(legs []Leg, callID string) (Leg, bool) {
	for _, l := range legs {
		if l.CallID == callID {
			return l, true
		}
	}
	return Leg{}, false
}

// command makes the scenario take the next step (hang up, answer) by an INFO with the call's Call-ID; only the rig
// sends one.
func (s *sipp) command(callID string) error {
	conn, err := net.Dial("udp", s.address)
	if err != nil {
		return fmt.Errorf("commanding SIPp: %w", err)
	}
	defer conn.Close()
	message := strings.Join([]string{
		"INFO sip:rig@" + s.address + " SIP/2.0",
		"Via: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bKrig" + strconv.FormatInt(
			time.Now().UnixNano(), 36,
		),
		"From: <sip:rig@rig>;tag=rig", "To: <sip:rig@rig>",
		"Call-ID: " + callID, "CSeq: 1 INFO", "Content-Length: 0", "", "",
	}, "\r\n")
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("commanding SIPp: %w", err)
	}
	return nil
}

// ringLine is a line of rings.log, which agent.xml writes: Call-ID, and the From header with the caller's number.
var ringLine = regexp.MustCompile(`^(\S+)\s.*<sip:([^@>]+)@`)

// callers gives the caller's number of each call to a phone, by Call-ID.
func (s *sipp) callers() (map[string]string, error) {
	file, err := os.Open(filepath.Join(s.dir, "rings.log"))
	if err != nil {
		return nil, fmt.Errorf("the callers' numbers: %w", err)
	}
	defer file.Close()
	callers := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if found := ringLine.FindStringSubmatch(lines.Text()); found != nil {
			callers[found[1]] = found[2]
		}
	}
	return callers, nil
}
