package rig

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// RTP payload types as the scenarios of test/sipp offer them.
const (
	payloadALaw   = 8
	payloadDigits = 101 // as Asterisk offers it too: the answerer uses the number in the offer
)

// Handset is the sound and the keys of a caller or an agent: an RTP socket. It hears from the start, and sends to the
// address that it hears from.
type Handset struct {
	conn *net.UDPConn

	mu      sync.Mutex
	packets []packet
	reader  reader
	peer    *net.UDPAddr
	changed chan struct{}
	// marked are the datagrams to itself that were not read yet, with the channels to close.
	marked map[string]chan struct{}
	marks  int

	speaking  sync.Mutex
	mouth     chan frame
	connected chan struct{}
	closed    chan struct{}
}

// packet is the arrival of a part of the reader's stream.
type packet struct {
	at   time.Time
	from int
	loud bool
}

// newHandset opens the socket on a free port of host. The book may be nil: then no phrases are recognised.
func newHandset(host string, book *Phrasebook) (*Handset, error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		return nil, fmt.Errorf("the handset's socket: %w", err)
	}
	h := &Handset{
		conn: conn, reader: reader{book: book}, changed: make(chan struct{}), marked: map[string]chan struct{}{},
		mouth: make(chan frame), connected: make(chan struct{}), closed: make(chan struct{}),
	}
	go h.listen()
	go h.speak()
	return h, nil
}

// Port is the UDP port of the sound.
func (h *Handset) Port() int { return h.conn.LocalAddr().(*net.UDPAddr).Port }

func (h *Handset) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
		return nil
	default:
		close(h.closed)
		return h.conn.Close()
	}
}

// listen reads packets until the socket is closed.
func (h *Handset) listen() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := h.conn.ReadFromUDP(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && from.String() == h.conn.LocalAddr().String() {
			h.passed(buffer[:n])
			continue
		}
		if err != nil || n <= 12 || buffer[1]&0x7f != payloadALaw {
			continue
		}
		h.mu.Lock()
		if h.peer == nil {
			close(h.connected)
		}
		h.peer = from
		h.packets = append(h.packets, packet{
			at: time.Now(), from: len(h.reader.stream), loud: DecodeALaw(buffer[12:n]).RMS() >= silenceLevel,
		})
		h.reader.feed(buffer[12:n])
		close(h.changed)
		h.changed = make(chan struct{})
		h.mu.Unlock()
	}
}

// catchUp waits until the handset has read all packets so far: on a busy machine the end of a call is known before its
// last packets are read. It sends a datagram to itself through the same queue.
func (h *Handset) catchUp(ctx context.Context) error {
	h.mu.Lock()
	h.marks++
	mark, passed := fmt.Sprint(h.marks), make(chan struct{})
	h.marked[mark] = passed
	h.mu.Unlock()
	if _, err := h.conn.WriteToUDP([]byte(mark), h.conn.LocalAddr().(*net.UDPAddr)); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return fmt.Errorf("a mark in what the handset hears: %w", err)
	}
	select {
	case <-passed:
		return nil
	case <-h.closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of what the handset heard: %w", context.Cause(ctx))
	}
}

// passed wakes the waiter of a mark that was read.
func (h *Handset) passed(mark []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if passed, waited := h.marked[string(mark)]; waited {
		close(passed)
		delete(h.marked, string(mark))
	}
}

// Heard is everything heard since the start, without gaps between packets.
func (h *Handset) Heard() Sound { return h.HeardSince(time.Time{}) }

// HeardSince is everything heard since t.
func (h *Handset) HeardSince(t time.Time) Sound {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, _ := slices.BinarySearchFunc(h.packets, t, func(p packet, t time.Time) int { return p.at.Compare(t) })
	if i == len(h.packets) {
		return nil
	}
	return DecodeALaw(h.reader.stream[h.packets[i].from:])
}

// LastHeard is when the last packet came in; zero when none has.
func (h *Handset) LastHeard() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.packets) == 0 {
		return time.Time{}
	}
	return h.packets[len(h.packets)-1].at
}

// Phrase is a prompt or a piece of music that was heard.
type Phrase struct {
	// IDs are LANGUAGE/ID of a prompt, or music/NAME: more than one when they sound the same.
	IDs []string
	// From and To are when it began and ended; To is the last packet so far when it still sounds.
	From, To time.Time
	// Whole tells that it was heard from the beginning to the end.
	Whole bool
}

// Phrases are the prompts and the music heard so far, in order. Only sound files in A-law are recognised.
func (h *Handset) Phrases() []Phrase {
	h.mu.Lock()
	defer h.mu.Unlock()
	var phrases []Phrase
	for _, s := range h.reader.spans() {
		phrases = append(phrases, Phrase{
			IDs: h.reader.book.phrases[s.phrase].ids, From: h.when(s.from), To: h.when(max(s.from, s.to-1)),
			Whole: h.reader.book.complete(s),
		})
	}
	return phrases
}

// when is the arrival of a byte of the stream.
func (h *Handset) when(offset int) time.Time {
	i, found := slices.BinarySearchFunc(h.packets, offset, func(p packet, offset int) int { return p.from - offset })
	if !found {
		i--
	}
	return h.packets[i].at
}

// AwaitPhrase waits until one of the phrases has begun since t, or with whole has ended. The names are those of
// Phrase.Is.
func (h *Handset) AwaitPhrase(ctx context.Context, t time.Time, whole bool, ids ...string) (Phrase, error) {
	for {
		changed := h.more()
		phrases := h.Phrases()
		for _, p := range phrases {
			if !p.From.Before(t) && (p.Whole || !whole) && slices.ContainsFunc(ids, p.Is) {
				return p, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Phrase{}, fmt.Errorf("waiting to hear %v: %w; heard %v", ids, context.Cause(ctx), names(phrases))
		}
	}
}

// Is tells whether the phrase has this name; "music" stands for any music.
func (p Phrase) Is(id string) bool {
	return slices.ContainsFunc(p.IDs, func(name string) bool {
		return name == id || id == "music" && strings.HasPrefix(name, "music/")
	})
}

// String names the phrase, with dots when it was cut short.
func (p Phrase) String() string {
	if p.Whole {
		return p.IDs[0]
	}
	return p.IDs[0] + "…"
}

// names are the phrases as text.
func names(phrases []Phrase) []string {
	var list []string
	for _, p := range phrases {
		list = append(list, p.String())
	}
	return list
}

// more is closed when the next packet comes in.
func (h *Handset) more() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// AwaitSound waits until at least d of sound, silence left out, was heard since t.
func (h *Handset) AwaitSound(ctx context.Context, t time.Time, d time.Duration) error {
	for {
		loud, all, changed := h.loudSince(t)
		if time.Duration(loud)*20*time.Millisecond >= d {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf(
				"waiting to hear %s: %w; of %d packets heard %d were not silent", d, context.Cause(ctx), all, loud,
			)
		}
	}
}

// AwaitTone waits until a Tone of this pitch was heard since t, whatever else was heard before or after it.
func (h *Handset) AwaitTone(ctx context.Context, t time.Time, hertz float64) error {
	const pure = 0.7
	looked, best := 0, 0.0
	for {
		changed := h.more()
		heard := h.HeardSince(t)
		if best = max(best, heard[looked:].Purest(hertz)); best >= pure {
			return nil
		}
		looked = max(looked, len(heard)-purestOver)
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf(
				"waiting to hear a tone of %v Hz: %w; the purest fifth of a second had %.2f of it", hertz,
				context.Cause(ctx), best,
			)
		}
	}
}

// loudSince counts the packets since t that are not silent, and all of them.
func (h *Handset) loudSince(t time.Time) (loud, all int, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.packets) - 1; i >= 0 && !h.packets[i].at.Before(t); i-- {
		all++
		if h.packets[i].loud {
			loud++
		}
	}
	return loud, all, h.changed
}

// MakeHeard repeats a tone until the other side has heard it: on a busy machine a tone can arrive in pieces.
func (h *Handset) MakeHeard(ctx context.Context, other *Handset, hertz float64) error {
	for {
		now := time.Now()
		if err := h.Speak(ctx, Tone(hertz, 600*time.Millisecond)); err != nil {
			return err
		}
		patience, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := other.AwaitTone(patience, now, hertz)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Speak sends a sound and returns when it is sent. It waits for the first sound from the other side.
func (h *Handset) Speak(ctx context.Context, sound Sound) error {
	var frames []frame
	for data := sound.ALaw(); len(data) >= frameBytes; data = data[frameBytes:] {
		frames = append(frames, frame{payload: payloadALaw, body: data[:frameBytes]})
	}
	return h.say(ctx, frames)
}

// pressEvery is the time from one key to the next of a quick caller.
const pressEvery = 400 * time.Millisecond

// Press sends keys (0-9, *, #, A-D) as RFC 4733 events of 100 ms, one every 400 ms, and returns when they are sent.
func (h *Handset) Press(ctx context.Context, keys string) error {
	return h.PressEvery(ctx, keys, pressEvery)
}

// PressEvery is Press with another time from one key to the next, 160 ms at the least.
func (h *Handset) PressEvery(ctx context.Context, keys string, every time.Duration) error {
	var frames []frame
	for _, key := range keys {
		event := strings.IndexRune(keysInOrder, key)
		if event < 0 {
			return fmt.Errorf("no key %q on a telephone", key)
		}
		frames = append(frames, keyFrames(byte(event), int(every/(20*time.Millisecond)))...)
	}
	return h.say(ctx, frames)
}

// keysInOrder are the keys of a telephone in the order of their RTP events.
const keysInOrder = "0123456789*#ABCD"

// PressTones sends keys as tones of 100 ms in the sound, one every 400 ms, like a line without events.
func (h *Handset) PressTones(ctx context.Context, keys string) error {
	var sound Sound
	for _, key := range keys {
		tone, err := KeyTone(key, 100*time.Millisecond)
		if err != nil {
			return err
		}
		sound = append(
			append(sound, tone...), make(Sound, int((pressEvery-100*time.Millisecond).Seconds()*sampleRate))...,
		)
	}
	return h.Speak(ctx, sound)
}

// keyFrames is one key: five packets while it is down, the end three times (RFC 4733, 2.5.1.4), and silence.
func keyFrames(event byte, packets int) []frame {
	const down, ends = 5, 3
	pause := packets - down - ends
	var frames []frame
	for i := range down + ends {
		body := []byte{event, 10, 0, 0}
		if i >= down {
			body[1] |= 0x80
		}
		binary.BigEndian.PutUint16(body[2:], uint16(min(i+1, down)*frameBytes))
		frames = append(frames, frame{payload: payloadDigits, body: body, back: i})
	}
	for range pause {
		frames = append(frames, frame{payload: payloadALaw, body: silentFrame})
	}
	return frames
}

// frame is 20 ms of what a handset sends.
type frame struct {
	payload byte
	body    []byte
	// back is how many frames ago this frame's event began: all packets of an event have one timestamp.
	back int
}

var silentFrame = bytes.Repeat([]byte{alawSilence}, frameBytes)

// say hands frames to speak one by one, at its pace.
func (h *Handset) say(ctx context.Context, frames []frame) error {
	h.speaking.Lock()
	defer h.speaking.Unlock()
	for i, f := range frames {
		select {
		case h.mouth <- f:
		case <-h.closed:
			return fmt.Errorf("speaking: %w", net.ErrClosed)
		case <-ctx.Done():
			return fmt.Errorf("speaking, %d of %d packets said: %w", i, len(frames), context.Cause(ctx))
		}
	}
	return nil
}

// speak sends a packet every 20 ms from the first sound heard on, as a telephone does: silence when there is nothing to
// say.
func (h *Handset) speak() {
	select {
	case <-h.connected:
	case <-h.closed:
		return
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	sequence, timestamp, ssrc := uint16(0), uint32(0), rand.Uint32()
	for {
		select {
		case <-ticker.C:
		case <-h.closed:
			return
		}
		f := frame{payload: payloadALaw, body: silentFrame}
		select {
		case f = <-h.mouth:
		default:
		}
		h.mu.Lock()
		peer := h.peer
		h.mu.Unlock()
		data := rtp(f, sequence, timestamp-uint32(f.back*frameBytes), ssrc)
		// A refused packet is normal when the other side has just gone.
		_, _ = h.conn.WriteToUDP(data, peer)
		sequence++
		timestamp += frameBytes
	}
}

// rtp makes an RTP packet (RFC 3550); the first packet of a key has the marker.
func rtp(f frame, sequence uint16, timestamp, ssrc uint32) []byte {
	data := make([]byte, 12, 12+len(f.body))
	data[0], data[1] = 0x80, f.payload
	if f.payload == payloadDigits && f.back == 0 {
		data[1] |= 0x80
	}
	binary.BigEndian.PutUint16(data[2:], sequence)
	binary.BigEndian.PutUint32(data[4:], timestamp)
	binary.BigEndian.PutUint32(data[8:], ssrc)
	return append(data, f.body...)
}
