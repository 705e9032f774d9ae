package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/bereikbaar/bereikbaar/test/root"
)

// Behaviour is what an agent's phone does when it rings. The zero value answers at once and talks until the other side
// hangs up.
type Behaviour struct {
	// RingFor is the time from the ring to the answer.
	RingFor time.Duration
	// NeverAnswers lets it ring until Answer is called or the caller gives up.
	NeverAnswers bool
	// Refuses answers every call with this SIP status, such as 486 for busy.
	Refuses int
	// With are header lines of that refusal, such as the Contact of a redirect.
	With []string
	// TalkFor ends the call after this time; 0 waits for HangUp or the other side.
	TalkFor time.Duration
	// Dead logs in and then disappears: the cable is out.
	Dead bool
}

// Agent is a phone that has logged in with Asterisk, played by SIPp; its ear, mouth and keys are a Handset.
type Agent struct {
	*Handset
	Name string

	rig      *Rig
	password string
	host     string
	sipp     *sipp
}

// Agent logs in, for an hour, under one of the rig's accounts with the given behaviour. A second Agent of the same name
// replaces the first.
func (r *Rig) Agent(ctx context.Context, name string, b Behaviour) (*Agent, error) {
	index := -1
	for i, phone := range r.Phones {
		if phone.Name == name {
			index = i
		}
	}
	if index < 0 {
		return nil, fmt.Errorf("no account %q among the rig's phones", name)
	}
	if err := r.replaceAgent(name); err != nil {
		return nil, err
	}
	host := r.place.host(hostPhones + index)
	handset, err := r.newHandset(host)
	if err != nil {
		return nil, err
	}
	a := &Agent{Handset: handset, Name: name, rig: r, password: r.Phones[index].Password, host: host}
	steps := []func() error{
		func() error { return a.listenAs(b) },
		func() error { return a.register(ctx, loggedInFor) },
	}
	if r.attached {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	r.agents[name] = a
	r.mu.Unlock()
	return a, nil
}

// replaceAgent takes the phone that now has this name off the line.
func (r *Rig) replaceAgent(name string) error {
	r.mu.Lock()
	old := r.agents[name]
	delete(r.agents, name)
	r.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Unplug()
}

// Unplug makes the phone disappear without logging out; Asterisk still believes that it is logged in.
func (a *Agent) Unplug() error {
	err := a.Handset.close()
	if a.sipp != nil {
		err = errors.Join(err, a.sipp.process.Kill())
	}
	return err
}

// agentValues fill in the scenario agent.xml.
type agentValues struct {
	Refuse, AnswerMS, TalkMS int64
	With                     []string
}

func (b Behaviour) values() agentValues {
	v := agentValues{
		Refuse: int64(b.Refuses), AnswerMS: b.RingFor.Milliseconds(), TalkMS: b.TalkFor.Milliseconds(), With: b.With,
	}
	if b.NeverAnswers {
		v.AnswerMS = -1
	}
	return v
}

func (a *Agent) listenAs(b Behaviour) error {
	if b.Dead {
		return nil
	}
	var err error
	a.sipp, err = a.rig.startSIPp(sippOptions{
		Name: fmt.Sprintf("%s-%d", a.Name, processes.Add(1)), Scenario: "agent.xml", Values: b.values(),
		Host: a.host, Port: 5060, Args: []string{"-key", "audio", strconv.Itoa(a.Port())},
	})
	return err
}

// LogOut logs the phone out and takes it off the line.
func (a *Agent) LogOut(ctx context.Context) error {
	return errors.Join(a.register(ctx, 0), a.Unplug())
}

// loggedInFor is how long a log-in counts, in seconds: longer than any test takes.
const loggedInFor = 3600

// loginPort is the first port that a phone may log in from.
func (r *Rig) loginPort() int {
	if r.attached {
		return 5060
	}
	return 5070
}

// register logs the phone in for a number of seconds, or out with 0. It returns when Asterisk has accepted.
func (a *Agent) register(ctx context.Context, seconds int) error {
	source, err := root.Source()
	if err != nil {
		return err
	}
	port, err := freePort("udp", a.host, a.rig.loginPort())
	if err != nil {
		return err
	}
	cmd := exec.Command("sipp", a.rig.Asterisk.SIP, "-sf", source+"/test/sipp/register.xml", "-i", a.host, "-p",
		strconv.Itoa(port), "-bind_local", "-nostdin", "-ci", a.host, "-cp", "0", "-m", "1", "-s", a.Name,
		"-au", a.Name, "-ap", a.password,
		"-key", "expires", strconv.Itoa(seconds),
		"-key", "contact", "sip:"+a.Name+"@"+a.host+":5060", "-timeout", "10s", "-timeout_error")
	process, err := start(a.rig.Dir, fmt.Sprintf("register-%s-%d", a.Name, processes.Add(1)), cmd)
	if err != nil {
		return err
	}
	code, err := process.ExitCode(ctx)
	if err != nil {
		return errors.Join(err, process.Kill())
	}
	if code != 0 {
		return fmt.Errorf("%s could not log in: %w", a.Name, process.ended())
	}
	return nil
}

// Calls are the calls to this phone so far, in the order in which it rang.
func (a *Agent) Calls() []Leg {
	if a.sipp == nil {
		return nil
	}
	return a.sipp.Legs()
}

// AwaitRing waits until the phone has rung n times in all, and gives the n-th call.
func (a *Agent) AwaitRing(ctx context.Context, n int) (Leg, error) {
	return a.awaitCall(ctx, "rings", n, func(l Leg) bool { return !l.Invited.IsZero() })
}

// AwaitTalk waits until the n-th call is answered.
func (a *Agent) AwaitTalk(ctx context.Context, n int) (Leg, error) {
	return a.awaitCall(ctx, "talks", n, func(l Leg) bool { return !l.Answered.IsZero() })
}

// AwaitEnd waits until the n-th call is over, and the handset has read all sound sent to the phone.
func (a *Agent) AwaitEnd(ctx context.Context, n int) (Leg, error) {
	l, err := a.awaitCall(ctx, "is free again", n, func(l Leg) bool { return !l.Ended.IsZero() })
	if err != nil {
		return Leg{}, err
	}
	return l, a.catchUp(ctx)
}

func (a *Agent) awaitCall(ctx context.Context, what string, n int, wanted func(Leg) bool) (Leg, error) {
	if a.sipp == nil {
		return Leg{}, fmt.Errorf("%s is dead: it neither rings nor talks", a.Name)
	}
	err := a.sipp.await(ctx, fmt.Sprintf("%s %s, call %d", a.Name, what, n), func(legs []Leg) bool {
		return len(legs) >= n && wanted(legs[n-1])
	})
	if err != nil {
		return Leg{}, err
	}
	return a.Calls()[n-1], nil
}

// Answer takes the n-th call of a phone that NeverAnswers by itself.
func (a *Agent) Answer(ctx context.Context, n int) error {
	l, err := a.AwaitRing(ctx, n)
	if err != nil {
		return err
	}
	if err := a.sipp.command(l.CallID); err != nil {
		return err
	}
	_, err = a.AwaitTalk(ctx, n)
	return err
}

// HangUp ends the n-th call.
func (a *Agent) HangUp(ctx context.Context, n int) error {
	l, err := a.awaitCall(
		ctx, "can hang up", n, func(l Leg) bool { return !l.Answered.IsZero() && (l.settled || !l.Ended.IsZero()) },
	)
	if err != nil || !l.Ended.IsZero() {
		return err
	}
	if err := a.sipp.command(l.CallID); err != nil {
		return err
	}
	_, err = a.AwaitEnd(ctx, n)
	return err
}

// Callee is the caller's phone in a callback: a telephone behind the trunk that takes every number.
func (r *Rig) Callee(b Behaviour) (*Agent, error) {
	host := r.place.host(hostOutside)
	handset, err := r.newHandset(host)
	if err != nil {
		return nil, err
	}
	a := &Agent{Handset: handset, Name: "outside", rig: r, host: host}
	return a, a.listenAs(b)
}

// Callers gives the caller's number of each of the phone's calls, by Call-ID.
func (a *Agent) Callers() (map[string]string, error) { return a.sipp.callers() }

// Messages are the SIP messages of the phone so far, as they were on the wire.
func (a *Agent) Messages() (string, error) {
	text, err := os.ReadFile(filepath.Join(a.sipp.dir, "messages.log"))
	if err != nil {
		return "", fmt.Errorf("the messages of %s: %w", a.Name, err)
	}
	return string(text), nil
}
