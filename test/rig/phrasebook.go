package rig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Phrasebook knows the prompts and the music that Asterisk plays in A-law, byte by byte. Such a file reaches the
// caller without being transcoded, so the received sound can be read like a text.
type Phrasebook struct {
	phrases []phraseText
	// index finds a phrase by a few bytes of it.
	index map[phraseKey][]phrasePlace
}

// phraseText is one sound, and the names of all files that hold it: a digit and its number sound the same.
type phraseText struct {
	ids  []string
	data []byte
	// data[from:to] is its audible part: silence at the end of a file looks like a pause.
	from, to int
}

// phrasePlace is a place within a phrase.
type phrasePlace struct{ phrase, offset int }

// keyBytes is how many bytes must agree before a phrase is considered: 4 ms that are not near silence occur once.
const keyBytes = 32

// leastBytes must agree before a phrase counts as heard: 40 ms.
const leastBytes = 2 * frameBytes

type phraseKey [keyBytes]byte

// phrasebooks are those of this process, by the files that they were read from: reading one takes as much of a core as
// half a call.
var phrasebooks sync.Map

// openPhrasebook is LoadPhrasebook, unless the files are as they were at an earlier time.
func openPhrasebook(promptsDir, musicDir string) (*Phrasebook, error) {
	paths, err := soundFiles(promptsDir, musicDir)
	if err != nil {
		return nil, err
	}
	var files strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("the phrasebook: %w", err)
		}
		fmt.Fprintln(&files, path, info.Size(), info.ModTime().UnixNano())
	}
	if book, ok := phrasebooks.Load(files.String()); ok {
		return book.(*Phrasebook), nil
	}
	book, err := LoadPhrasebook(promptsDir, musicDir)
	if err == nil {
		phrasebooks.Store(files.String(), book)
	}
	return book, err
}

// soundFiles are the prompts, the recorded before the rendered, and the music.
func soundFiles(promptsDir, musicDir string) ([]string, error) {
	var all []string
	for _, pattern := range []string{
		filepath.Join(promptsDir, "recorded", "*", "*.alaw"),
		filepath.Join(promptsDir, "rendered", "*", "*.alaw"),
		filepath.Join(musicDir, "*.alaw"),
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("the phrasebook: %w", err)
		}
		all = append(all, paths...)
	}
	return all, nil
}

// LoadPhrasebook reads the prompts under promptsDir (the recorded one of an id hides the rendered one, as in Asterisk)
// and the music. A phrase is called LANGUAGE/ID, such as nl/welcome; music is called music/NAME.
func LoadPhrasebook(promptsDir, musicDir string) (*Phrasebook, error) {
	paths, err := soundFiles(promptsDir, musicDir)
	if err != nil {
		return nil, err
	}
	b := &Phrasebook{index: map[phraseKey][]phrasePlace{}}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("the phrasebook: %w", err)
		}
		language := filepath.Base(filepath.Dir(path))
		if filepath.Dir(path) == filepath.Clean(musicDir) {
			language = "music"
		}
		b.add(language+"/"+strings.TrimSuffix(filepath.Base(path), ".alaw"), data)
	}
	return b, nil
}

// add adds a phrase unless its name is known.
func (b *Phrasebook) add(id string, data []byte) {
	same := -1
	for i, p := range b.phrases {
		if slices.Contains(p.ids, id) {
			return
		}
		if bytes.Equal(p.data, data) {
			same = i
		}
	}
	if same >= 0 {
		b.phrases[same].ids = append(b.phrases[same].ids, id)
		return
	}
	from, to := audible(data)
	b.phrases = append(b.phrases, phraseText{ids: []string{id}, data: data, from: from, to: to})
	for offset := 0; offset+keyBytes <= len(data); offset += frameBytes {
		if key := phraseKey(data[offset : offset+keyBytes]); telling(key) {
			b.index[key] = append(b.index[key], phrasePlace{len(b.phrases) - 1, offset})
		}
	}
}

// telling tells whether the bytes are more than silence.
func telling(key phraseKey) bool {
	var seen [256]bool
	different := 0
	for _, b := range key {
		if !seen[b] {
			seen[b] = true
			different++
		}
	}
	return different >= 10
}

// span is a phrase found in a stream: stream[from:to] is the same as the phrase from offset on.
type span struct {
	phrase, offset, from, to int
}

// reader finds phrases in a stream of A-law while it comes in.
type reader struct {
	book   *Phrasebook
	stream []byte
	// next is the first byte not yet read; the current phrase does not begin before floor.
	next, floor int
	// reading are the phrases that agree with the stream so far; whole is one of them that has ended.
	reading []span
	whole   *span
	found   []span
}

// feed reads on.
func (r *reader) feed(data []byte) {
	r.stream = append(r.stream, data...)
	if r.book == nil {
		return
	}
	for {
		if len(r.reading) > 0 {
			if r.next >= len(r.stream) {
				return
			}
			r.advance()
			continue
		}
		if r.next+keyBytes > len(r.stream) {
			return
		}
		r.recognise()
		if len(r.reading) == 0 {
			r.next++
		}
	}
}

// recognise looks for phrases at the next byte, and traces them back to their beginning.
func (r *reader) recognise() {
	key := phraseKey(r.stream[r.next : r.next+keyBytes])
	for _, place := range r.book.index[key] {
		data := r.book.phrases[place.phrase].data
		from, offset := r.next, place.offset
		for from > r.floor && offset > 0 && r.stream[from-1] == data[offset-1] {
			from--
			offset--
		}
		r.reading = append(r.reading, span{place.phrase, offset, from, r.next})
	}
}

// advance compares one byte with every phrase being read. When none continues, the one that has ended is chosen, else
// the one that agreed longest.
func (r *reader) advance() {
	var on []span
	longest := r.reading[0]
	for _, s := range r.reading {
		if s.to-s.from > longest.to-longest.from {
			longest = s
		}
		data := r.book.phrases[s.phrase].data
		at := s.offset + s.to - s.from
		if at >= len(data) || data[at] != r.stream[r.next] {
			continue
		}
		s.to++
		if at+1 == len(data) {
			r.whole = &s
		}
		on = append(on, s)
	}
	if len(on) > 0 {
		r.reading = on
		r.next++
		return
	}
	if r.whole != nil {
		longest = *r.whole
	}
	r.reading, r.whole = nil, nil
	r.next, r.floor = longest.to, longest.to
	if longest.to-longest.from >= leastBytes {
		r.found = append(r.found, longest)
	}
}

// spans are the phrases found so far, the current one included.
func (r *reader) spans() []span {
	spans := append([]span(nil), r.found...)
	if len(r.reading) == 0 {
		return spans
	}
	now := r.reading[0]
	if r.whole != nil {
		now = *r.whole
	}
	if now.to-now.from < leastBytes {
		return spans
	}
	return append(spans, now)
}

// complete tells whether a span is the whole audible part of its phrase.
func (b *Phrasebook) complete(s span) bool {
	p := b.phrases[s.phrase]
	return s.offset <= p.from && s.offset+s.to-s.from >= p.to
}

// audible gives the bounds of the sound between silences, by whole packets; all of it when all is silent.
func audible(data []byte) (from, to int) {
	from, to = len(data), 0
	for at := 0; at < len(data); at += frameBytes {
		end := min(at+frameBytes, len(data))
		if DecodeALaw(data[at:end]).RMS() >= silenceLevel {
			from, to = min(from, at), end
		}
	}
	if to == 0 {
		return 0, len(data)
	}
	return from, to
}
