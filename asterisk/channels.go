package asterisk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// onChannel sends a command about one channel, with further path segments after its id.
func (c *Conn) onChannel(ctx context.Context, name, method, channel string, body any, rest ...string) error {
	if err := checkID("channel", channel); err != nil {
		return fmt.Errorf("asterisk: %s: %w", name, err)
	}
	_, err := c.do(ctx, command{name, method, pathOf(append([]string{"channels", channel}, rest...)...), nil, body})
	return err
}

// Answer answers a channel. It does nothing to one that is up.
func (c *Conn) Answer(ctx context.Context, channel string) error {
	return c.onChannel(ctx, "answer", http.MethodPost, channel, nil, "answer")
}

// HangUp ends a channel; the other side may be shown the reason. IsGone when it had ended already.
func (c *Conn) HangUp(ctx context.Context, channel string, reason Cause) error {
	body := struct {
		ReasonCode string `json:"reason_code"`
	}{strconv.Itoa(int(reason))}
	return c.onChannel(ctx, "hang up", http.MethodDelete, channel, body)
}

// Continue gives a channel back to the dialplan.
func (c *Conn) Continue(ctx context.Context, channel, dialplanContext, extension string, priority int) error {
	if err := errors.Join(checkID("context", dialplanContext), checkID("extension", extension)); err != nil {
		return fmt.Errorf("asterisk: continue: %w", err)
	}
	body := struct {
		Context   string `json:"context"`
		Extension string `json:"extension"`
		Priority  int    `json:"priority"`
	}{dialplanContext, extension, priority}
	return c.onChannel(ctx, "continue", http.MethodPost, channel, body, "continue")
}

// Play plays media, such as "sound:welcome", one after the other. One PlaybackFinished with the given id comes at the
// end of all; Asterisk skips a file that it does not have.
func (c *Conn) Play(ctx context.Context, channel, playback string, media []string) error {
	err := checkID("playback", playback)
	if len(media) == 0 {
		err = errors.Join(err, errors.New("there is nothing to play"))
	}
	for _, m := range media {
		err = errors.Join(err, checkID("medium", m))
	}
	if err != nil {
		return fmt.Errorf("asterisk: play: %w", err)
	}
	body := struct {
		Media []string `json:"media"`
	}{media}
	return c.onChannel(ctx, "play", http.MethodPost, channel, body, "play", playback)
}

const (
	// stopTries and stopAgain bound how long StopPlayback keeps trying on a playback that has just begun.
	stopTries = 10
	stopAgain = 20 * time.Millisecond
)

// StopPlayback ends a playback early; its PlaybackFinished follows. IsGone when it had ended already. For a moment
// after the start Asterisk cannot stop a playback and answers 500 (seen on 22.10.1): StopPlayback tries again, and
// gives up with an error that isUnstoppable.
func (c *Conn) StopPlayback(ctx context.Context, playback string) error {
	if err := checkID("playback", playback); err != nil {
		return fmt.Errorf("asterisk: stop playback: %w", err)
	}
	for try := 1; ; try++ {
		_, err := c.do(ctx, command{"stop playback", http.MethodDelete, pathOf("playbacks", playback), nil, nil})
		if !isUnstoppable(err) || try == stopTries {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(stopAgain):
		}
	}
}

// PlaybackExists reports whether a playback is still going on; its end may have been missed.
func (c *Conn) PlaybackExists(ctx context.Context, playback string) (bool, error) {
	if err := checkID("playback", playback); err != nil {
		return false, fmt.Errorf("asterisk: find playback: %w", err)
	}
	_, err := c.do(ctx, command{"find playback", http.MethodGet, pathOf("playbacks", playback), nil, nil})
	return exists(err)
}

// exists turns the answer to a look-up into yes, no or an error.
func exists(err error) (bool, error) {
	if e, ok := errors.AsType[*CommandError](err); ok && e.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// StartMusic plays music on hold of a class; the empty class is the channel's own. Music does not stop by itself when
// the channel enters a mixing bridge: the others are heard only after StopMusic, which may come before or after (heard
// on 22.10.1).
func (c *Conn) StartMusic(ctx context.Context, channel, class string) error {
	if err := checkText("music class", class); err != nil {
		return fmt.Errorf("asterisk: start music: %w", err)
	}
	body := struct {
		Class string `json:"mohClass,omitempty"`
	}{class}
	return c.onChannel(ctx, "start music", http.MethodPost, channel, body, "moh")
}

// StopMusic ends the music. It is harmless when there is none.
func (c *Conn) StopMusic(ctx context.Context, channel string) error {
	return c.onChannel(ctx, "stop music", http.MethodDelete, channel, nil, "moh")
}

// GetVariable reads a channel variable, or a function such as CALLERID(num-pres). A variable that is not set is empty,
// as in the dialplan; a channel that is gone is an error.
func (c *Conn) GetVariable(ctx context.Context, channel, name string) (string, error) {
	if err := errors.Join(checkID("channel", channel), checkID("variable", name)); err != nil {
		return "", fmt.Errorf("asterisk: get variable: %w", err)
	}
	r, err := c.do(ctx, command{
		"get variable", http.MethodGet, pathOf("channels", channel, "variable"), url.Values{"variable": {name}}, nil,
	})
	if e, ok := errors.AsType[*CommandError](err); ok && e.Message == messageNoVariable {
		return "", nil
	}
	return gjson.Get(r.Body, "value").String(), err
}

// SetVariable sets a channel variable, which lives as long as the channel, also without a link.
func (c *Conn) SetVariable(ctx context.Context, channel, name, value string) error {
	if err := errors.Join(checkID("variable", name), checkText("value", value)); err != nil {
		return fmt.Errorf("asterisk: set variable: %w", err)
	}
	body := struct {
		Variable string `json:"variable"`
		Value    string `json:"value"`
	}{name, value}
	return c.onChannel(ctx, "set variable", http.MethodPost, channel, body, "variable")
}

// ChannelExists reports whether a channel has not ended.
func (c *Conn) ChannelExists(ctx context.Context, channel string) (bool, error) {
	err := c.onChannel(ctx, "find channel", http.MethodGet, channel, nil)
	return exists(err)
}

// Channels lists every channel that Asterisk has, ours or not, each once and in its latest state.
func (c *Conn) Channels(ctx context.Context) ([]Channel, error) {
	listed, err := list(ctx, c, "list channels", pathOf("channels"), channelIn)
	// Asterisk does not lock its list while it sends it: a channel that changes meanwhile is listed again (seen: three
	// times).
	latest := map[string]int{}
	for i, channel := range listed {
		latest[channel.ID] = i
	}
	var channels []Channel
	for i, channel := range listed {
		if latest[channel.ID] == i {
			channels = append(channels, channel)
		}
	}
	return channels, err
}

// Origination says which phone to ring, and how.
type Origination struct {
	Channel  string // the id that the channel gets; ours to choose, so that a repeated command does not ring twice
	Endpoint string // technology/resource, such as PJSIP/kcc1
	CallerID string // what the phone shows, as `"Name" <number>`
	// Timeout is how long it rings. Asterisk counts whole seconds; a part of one counts as one.
	Timeout    time.Duration
	Originator string            // the caller's channel: the codecs are chosen to fit it
	Variables  map[string]string // set on the new channel
}

// Create makes the channel to a phone; Dial rings it. The channel comes to our application with a StasisStart at once.
// IsRefused when the phone cannot be rung now, IsConflict when the channel id is in use.
//
// Such a channel never follows a redirect (SIP 3xx). A channel of ARI's originate does: the core dials what Contact
// says, another technology and the trunk included (main/dial.c, handle_call_forward; seen on 22.10.1), and nothing in
// ARI or the configuration turns that off.
func (c *Conn) Create(ctx context.Context, o Origination) error {
	if err := o.check(); err != nil {
		return fmt.Errorf("asterisk: create: %w", err)
	}
	variables := maps.Clone(o.Variables)
	if o.CallerID != "" { // the phone shows the second; its other side is told the first
		if variables == nil {
			variables = map[string]string{}
		}
		variables["CALLERID(all)"], variables["CONNECTEDLINE(all,i)"] = o.CallerID, o.CallerID
	}
	_, err := c.do(ctx, command{"create", http.MethodPost, pathOf("channels", "create"), nil, struct {
		Channel    string            `json:"channelId"`
		Endpoint   string            `json:"endpoint"`
		App        string            `json:"app"`
		Originator string            `json:"originator,omitempty"`
		Variables  map[string]string `json:"variables,omitempty"`
	}{o.Channel, o.Endpoint, c.opt.Application, o.Originator, variables}})
	return c.sureOfConflict(ctx, o.Channel, err)
}

// Dial rings the phone of a channel that Create made. IsConflict before the channel has come to our application. It
// returns as soon as Asterisk dials.
func (c *Conn) Dial(ctx context.Context, channel string, timeout time.Duration) error {
	body := struct {
		Timeout int `json:"timeout"`
	}{int(math.Ceil(timeout.Seconds()))}
	return c.onChannel(ctx, "dial", http.MethodPost, channel, body, "dial")
}

// sureOfConflict asks whether the channel really exists. After one true conflict Asterisk answers every failed creation
// on the same websocket with 409, "unique ID already exists", also for a phone that is not registered: it never clears
// the error number of that thread (ast_channel_errno; seen on 22.10.1).
func (c *Conn) sureOfConflict(ctx context.Context, channel string, err error) error {
	said, ok := errors.AsType[*CommandError](err)
	if !ok || said.Status != http.StatusConflict {
		return err
	}
	if there, unsure := c.ChannelExists(ctx, channel); there || unsure != nil {
		return err
	}
	meant := *said
	meant.Status, meant.Message = http.StatusInternalServerError, messageNoContact
	return &meant
}

func (o Origination) check() error {
	problems := []error{
		checkID("channel", o.Channel), checkID("endpoint", o.Endpoint), checkText("caller id", o.CallerID),
		checkText("originator", o.Originator),
	}
	if o.Timeout <= 0 {
		problems = append(problems, errors.New("timeout is not above 0, and Asterisk would ring for 30 s"))
	}
	for name, value := range o.Variables {
		problems = append(problems, checkID("variable", name), checkText("value", value))
	}
	return errors.Join(problems...)
}
