package rig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CrowdPhones are n accounts of phones for Rig.Crowd, called crowd1, crowd2, …
func CrowdPhones(n int) []Phone {
	phones := make([]Phone, n)
	for i := range phones {
		phones[i] = Phone{Name: fmt.Sprintf("crowd%d", i+1), Context: "from-phones", Crowd: true}
	}
	return phones
}

// QueueOfCrowd is text for Options.AsteriskExtra: an app_queue of Asterisk with n phones of a crowd as members, reached
// on the number. Bereikbaar is measured against it.
func QueueOfCrowd(number string, n int) map[string]string {
	var queue strings.Builder
	queue.WriteString(
		"[crowd]\nstrategy = rrmemory\nmusicclass = bereikbaar\ntimeout = 20\nretry = 1\nringinuse = no\nwrapuptime = 0\njoinempty = yes\n",
	)
	for _, phone := range CrowdPhones(n) {
		fmt.Fprintf(&queue, "member => PJSIP/%s\n", phone.Name)
	}
	return map[string]string{
		"queues.conf": queue.String(),
		"extensions.conf": "[from-trunk]\nexten => " + number + ",1,Answer(,i)\n same => n,Set(CHANNEL(musicclass)=bereikbaar)\n" +
			" same => n,Queue(crowd)\n same => n,Hangup()\n",
	}
}

// Crowd is all crowd phones of the rig in one SIPp process: cheap enough for hundreds.
type Crowd struct {
	sipp *sipp
}

// Crowd starts the rig's crowd phones. With echo they send back what they hear, so that sound flows both ways.
func (r *Rig) Crowd(b Behaviour, echo bool) (*Crowd, error) {
	host := r.place.host(hostCrowd)
	args := []string{"-key", "audio", "6000"}
	if echo {
		args = append(args, "-rtp_echo", "-mi", host, "-mp", "6000")
	}
	s, err := r.startSIPp(sippOptions{
		Name: fmt.Sprintf("crowd%d", processes.Add(1)), Scenario: "agent.xml", Values: b.values(), Host: host,
		Port: 5060, Args: args, Quiet: true,
	})
	return &Crowd{sipp: s}, err
}

// Rings are the calls to the crowd so far, in the order in which the phones rang.
func (c *Crowd) Rings() []Leg { return c.sipp.Legs() }

// AwaitRings waits until the phones have rung n times in all.
func (c *Crowd) AwaitRings(ctx context.Context, n int) error {
	return c.sipp.await(
		ctx, fmt.Sprintf("the crowd has rung %d times", n), func(legs []Leg) bool { return len(legs) >= n },
	)
}

// Callers gives the caller's number of each ring, by Call-ID.
func (c *Crowd) Callers() (map[string]string, error) { return c.sipp.callers() }

// Close ends the phones; active calls get no BYE.
func (c *Crowd) Close() error { return c.sipp.process.Kill() }

// LoadOptions describe many callers from the telephone network in one SIPp process. They hear nothing.
type LoadOptions struct {
	// To is the number dialled.
	To string
	// Calls is their number, PerSecond how many begin in a second.
	Calls, PerSecond int
	// HoldFor is how long after the answer a caller hangs up; 0 leaves it to the other side.
	HoldFor time.Duration
	// Speak lets every caller send sound all the time, as a real telephone does.
	Speak bool
}

// Load is a running crowd of callers. The n-th calls from LoadNumber(n).
type Load struct {
	sipp *sipp
}

// LoadNumber is the number of the n-th caller of a Load, from 0 on.
func LoadNumber(n int) string { return fmt.Sprintf("06%08d", 10000000+n) }

// Load starts the callers and returns at once.
func (r *Rig) Load(o LoadOptions) (*Load, error) {
	host := r.place.host(hostOutside)
	n := processes.Add(1)
	name := fmt.Sprintf("load%d", n)
	var inject strings.Builder
	inject.WriteString("SEQUENTIAL\n")
	for i := range o.Calls {
		fmt.Fprintln(&inject, CallerOptions{To: o.To, From: LoadNumber(i)}.line(host, 6000))
	}
	values := CallerOptions{}.values()
	values.HoldMS = o.HoldFor.Milliseconds()
	if o.Speak {
		values.Stream = filepath.Join(r.Dir, "sipp", name, "speech.alaw")
		if err := os.MkdirAll(filepath.Dir(values.Stream), 0o755); err != nil {
			return nil, fmt.Errorf("the callers' sound: %w", err)
		}
		if err := os.WriteFile(values.Stream, Tone(300, 5*time.Second).ALaw(), 0o644); err != nil {
			return nil, fmt.Errorf("the callers' sound: %w", err)
		}
	}
	port, err := freePort("udp", host, 5070+int(n)%20000)
	if err != nil {
		return nil, err
	}
	s, err := r.startSIPp(sippOptions{
		Name: name, Scenario: "caller.xml", Values: values, Host: host, Port: port, Inject: inject.String(),
		Quiet: true,
		Args: []string{
			"-m", strconv.Itoa(o.Calls), "-l", strconv.Itoa(o.Calls), "-r", strconv.Itoa(o.PerSecond), "-mi", host,
		},
	})
	return &Load{sipp: s}, err
}

// Calls are the calls so far, in order of arrival: the n-th is that of LoadNumber(n).
func (l *Load) Calls() []Leg { return l.sipp.Legs() }

// AwaitEnd waits until all calls are over. The error counts those that failed.
func (l *Load) AwaitEnd(ctx context.Context) error {
	if _, err := l.sipp.process.ExitCode(ctx); err != nil {
		return err
	}
	<-l.sipp.drained
	failed := 0
	for _, leg := range l.Calls() {
		if leg.Answered.IsZero() {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf(
			"%d of %d callers were not answered; SIPp's errors are in %s", failed, len(l.Calls()), l.sipp.dir,
		)
	}
	return nil
}

// Close ends the callers; active calls get no BYE.
func (l *Load) Close() error { return l.sipp.process.Kill() }
