package rig

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// CallerOptions describe a call from the telephone network.
type CallerOptions struct {
	// To is the number dialled. Empty: 140570.
	To string
	// From is the caller's number. Empty: a mobile number.
	From string
	// Name is shown beside the number; empty for none. SIPp cannot send a semicolon or a square bracket in it.
	Name string
	// Withheld hides the number: From is anonymous, and the trunk still asserts it with Privacy: id.
	Withheld bool
	// Header replaces all lines that identify the caller: From comes first, as a whole line; the others are lines such
	// as "Privacy: id". Nil: the fields above count.
	Header []string
	// NoEvents offers no RTP events (RFC 4733), like a trunk that sends keys as tones or INFO.
	NoEvents bool
	// Formats are the offered RTP payload types, as in SDP. Empty: A-law, "8".
	Formats string
}

// Caller is a call from the telephone network, made by SIPp; sound and keys go through a Handset.
type Caller struct {
	*Handset
	sipp   *sipp
	callID string
	rig    *Rig
	host   string
	cseq   atomic.Int64 // of the latest request that the rig sent in the call

	localTag, remoteTag string // of the dialog; empty until a request is sent in it
}

// callerValues fill in the scenario caller.xml.
type callerValues struct {
	HoldMS                  int64
	Stream                  string
	From, Identity, Formats string
	NoEvents                bool
}

// values are those of the scenario. The caller's identity comes from the injection file, or from Header.
func (o CallerOptions) values() callerValues {
	v := callerValues{
		From: "[field1]", Identity: "P-Asserted-Identity: [field2]\nPrivacy: [field3]\n", Formats: o.Formats,
		NoEvents: o.NoEvents,
	}
	if v.Formats == "" {
		v.Formats = strconv.Itoa(payloadALaw)
	}
	if o.Header != nil {
		v.From = strings.TrimPrefix(o.Header[0], "From: ")
		v.Identity = ""
		for _, line := range o.Header[1:] {
			v.Identity += line + "\n"
		}
	}
	return v
}

// processes numbers the programs that play telephones, for unique names.
var processes atomic.Int64

// Call rings from the telephone network. It returns when the INVITE is sent.
func (r *Rig) Call(ctx context.Context, o CallerOptions) (*Caller, error) {
	callers, err := r.Callers(ctx, 1000, o)
	if err != nil {
		return nil, err
	}
	return callers[0], nil
}

// Callers rings once for each of the options, in order, perSecond calls a second, from one SIPp process. It returns
// when the first INVITE is sent. Header, NoEvents and Formats are those of the first.
func (r *Rig) Callers(ctx context.Context, perSecond int, options ...CallerOptions) ([]*Caller, error) {
	host := r.place.host(hostOutside)
	n := processes.Add(1)
	name := fmt.Sprintf("caller%d", n)
	var inject strings.Builder
	inject.WriteString("SEQUENTIAL\n")
	callers := make([]*Caller, len(options))
	for i, o := range options {
		handset, err := r.newHandset(host)
		if err != nil {
			return nil, err
		}
		callers[i] = &Caller{Handset: handset, callID: fmt.Sprintf("%s-%d", name, i+1), rig: r, host: host}
		callers[i].cseq.Store(1) // the INVITE's
		fmt.Fprintln(&inject, o.line(host, handset.Port()))
	}
	port, err := freePort("udp", host, 5070+int(n)%20000)
	if err != nil {
		return nil, err
	}
	count := fmt.Sprint(len(options))
	s, err := r.startSIPp(sippOptions{
		Name: name, Scenario: "caller.xml", Values: options[0].values(), Host: host, Port: port,
		Inject: inject.String(),
		Args:   []string{"-m", count, "-l", count, "-r", fmt.Sprint(perSecond)},
	})
	if err != nil {
		return nil, err
	}
	for _, c := range callers {
		c.sipp = s
	}
	return callers, callers[0].await(ctx, "the call is made", func(l Leg) bool { return !l.Invited.IsZero() })
}

// line is the caller's line in the injection file of caller.xml.
func (o CallerOptions) line(host string, port int) string {
	to, number := o.To, o.From
	if to == "" {
		to = "140570"
	}
	if number == "" {
		number = "0612345678"
	}
	asserted := fmt.Sprintf("<sip:%s@%s>", number, host)
	if o.Name != "" {
		asserted = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(o.Name) + `" ` + asserted
	}
	from, privacy := asserted, "none"
	if o.Withheld {
		from, privacy = `"Anonymous" <sip:anonymous@anonymous.invalid>`, "id"
	}
	return strings.Join([]string{to, from, asserted, privacy, fmt.Sprint(port)}, ";")
}

// Leg is the call so far.
func (c *Caller) Leg() Leg {
	l, _ := leg(c.sipp.Legs(), c.callID)
	return l
}

func (c *Caller) await(ctx context.Context, what string, wanted func(Leg) bool) error {
	return c.sipp.await(ctx, c.callID+": "+what, func(legs []Leg) bool {
		l, found := leg(legs, c.callID)
		return found && wanted(l)
	})
}

// AwaitAnswer waits for the answer, and gives the time from INVITE to 200.
func (c *Caller) AwaitAnswer(ctx context.Context) (time.Duration, error) {
	err := c.await(ctx, "the call is answered", func(l Leg) bool { return l.Status != 0 })
	if err != nil {
		return 0, err
	}
	l := c.Leg()
	if l.Answered.IsZero() {
		return 0, fmt.Errorf("%s was refused with status %d; the messages are in %s", c.callID, l.Status, c.sipp.dir)
	}
	return l.Answered.Sub(l.Invited), nil
}

// AwaitEnd waits until the call is over and the handset has read all sound sent to the caller.
func (c *Caller) AwaitEnd(ctx context.Context) error {
	if err := c.await(ctx, "the call ends", func(l Leg) bool { return !l.Ended.IsZero() }); err != nil {
		return err
	}
	return c.catchUp(ctx)
}

// HangUp ends the call, answered or not, and waits until the BYE or CANCEL is sent. On an ended call it does nothing.
func (c *Caller) HangUp(ctx context.Context) error {
	err := c.await(
		ctx, "they can hang up", func(l Leg) bool { return l.Answered.IsZero() || l.settled || !l.Ended.IsZero() },
	)
	if err != nil || !c.Leg().Ended.IsZero() {
		return err
	}
	if err := c.sipp.command(c.callID); err != nil {
		return err
	}
	return c.AwaitEnd(ctx)
}

// Vanish makes the caller, and all others of the same Callers, disappear: no BYE, and no answer to Asterisk's requests.
func (c *Caller) Vanish() error { return c.sipp.process.Kill() }

// Converse has each side send a tone until the other has heard it.
func (c *Caller) Converse(ctx context.Context, agent *Agent) error {
	if err := c.MakeHeard(ctx, agent.Handset, 440); err != nil {
		return fmt.Errorf("the agent does not hear the caller: %w", err)
	}
	if err := agent.MakeHeard(ctx, c.Handset, 880); err != nil {
		return fmt.Errorf("the caller does not hear the agent: %w", err)
	}
	return nil
}
