package asterisk

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bereikbaar/bereikbaar/queue"
)

// endpoint is an agent's phone as Asterisk sees it.
type endpoint struct {
	known bool // Asterisk has reported its state since the link is up
	state queue.PhoneState
}

// stateOf gives the state of a phone apart from our own legs: the queues know those.
func stateOf(e Endpoint) queue.PhoneState {
	if slices.ContainsFunc(e.Channels, func(id string) bool { return !isLeg(id) }) {
		return queue.PhoneInUse
	}
	if e.Online() {
		return queue.PhoneFree
	}
	return queue.PhoneOffline
}

// watchable reports whether Asterisk knows the state of an endpoint: of its own phone ("PJSIP/kcc1") it does, of an
// extension behind another exchange ("PJSIP/1234@pbx") it does not.
func watchable(name string) bool {
	return !strings.ContainsAny(name, "@") && strings.Count(name, "/") == 1
}

// Watch sets which phones are watched; others are forgotten. The state of each is reported anew, because the phone may
// have another agent now. It takes effect at once when the link is up, and again whenever the link comes up.
func (b *Switchboard) Watch(ctx context.Context, names []string) error {
	b.mu.Lock()
	wanted := map[string]*endpoint{}
	for _, name := range names {
		if !watchable(name) {
			continue
		}
		wanted[name] = &endpoint{}
	}
	b.endpoints = wanted
	b.mu.Unlock()
	if up, _, _ := b.conn.State(); !up {
		return nil
	}
	return b.watchPhones(ctx)
}

// subscribeAtOnce is how many sources one command may name: Asterisk refuses more than 128.
const subscribeAtOnce = 100

// watchPhones subscribes to the phones and reads their states.
func (b *Switchboard) watchPhones(ctx context.Context) error {
	b.mu.Lock()
	names := slices.Sorted(maps.Keys(b.endpoints))
	b.mu.Unlock()
	if len(names) == 0 {
		return nil
	}
	sources := make([]string, len(names))
	for i, name := range names {
		sources[i] = "endpoint:" + name
	}
	for some := range slices.Chunk(sources, subscribeAtOnce) {
		// a phone that Asterisk does not have is reported below
		if err := b.conn.Subscribe(ctx, some); err != nil && !IsGone(err) {
			return err
		}
	}
	told, err := b.conn.Endpoints(ctx)
	if err != nil {
		return err
	}
	for _, e := range told {
		b.endpointChanged(e)
	}
	for _, name := range names {
		if !slices.ContainsFunc(told, func(e Endpoint) bool { return e.Name() == name }) {
			b.log.Error("a phone of the configuration does not exist in Asterisk; it is not rung", "endpoint", name)
			b.phone(name, queue.PhoneOffline)
		}
	}
	return nil
}

// endpointChanged notes the state of a phone, and passes it on when it is new.
func (b *Switchboard) endpointChanged(told Endpoint) {
	name, state := told.Name(), stateOf(told)
	b.mu.Lock()
	e := b.endpoints[name]
	news := e != nil && (!e.known || e.state != state)
	if news {
		e.known, e.state = true, state
	}
	b.mu.Unlock()
	if news {
		b.phone(name, state)
	}
}

// PhoneNow asks Asterisk for the state of a phone, apart from our own calls. It is unknown for a phone that Asterisk
// does not watch; a phone that Asterisk does not have is offline.
func (b *Switchboard) PhoneNow(ctx context.Context, name string) (queue.PhoneState, error) {
	if !watchable(name) {
		return queue.PhoneUnknown, nil
	}
	e, err := b.conn.Endpoint(ctx, name)
	if IsGone(err) {
		return queue.PhoneOffline, nil
	}
	if err != nil {
		return queue.PhoneUnknown, err
	}
	// Also a channel that has just ended: the callbacks and the queues know those.
	e.Channels = slices.DeleteFunc(e.Channels, isOurs)
	return stateOf(e), nil
}
