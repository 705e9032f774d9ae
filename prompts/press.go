package prompts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// item is one prompt to be made into sound files.
type item struct {
	language Language
	id       ID
	file     string // the recording, when there is one
	from     string // fingerprint of its source
	speak    func(context.Context) (sound, error)
}

// name is the item's name in messages.
func (i item) name() string { return string(i.language) + "/" + string(i.id) }

// batchSize is how many prompts go through one run of ffmpeg.
const batchSize = 8

// jobs is how many batches are made at a time.
const jobs = 2

// press turns items into files in one tree, several batches at a time. It holds the lock of the tree.
type press struct {
	tree, work string
	unlock     func()
	progress   func(done, total int)
	// refuse decides on an item that cannot be spoken: it returns the error to stop with, or nil to leave the item out.
	// Without refuse every error stops.
	refuse func(item, error) error
	// replaceAll removes a prompt's files in other forms than the two made here: Asterisk might go on playing those.
	replaceAll bool

	mu     sync.Mutex
	stamps map[Language]map[ID]stamp
	made   int
	done   int
}

func (p *press) close() {
	_ = os.RemoveAll(p.work)
	p.unlock()
}

func (p *press) dir(language Language) string { return filepath.Join(p.tree, string(language)) }

func (p *press) upToDate(language Language, id ID, from string) bool {
	s := p.stamps[language][id]
	return s.From == from && s.intact(p.dir(language), id)
}

// run makes all items and counts those made; the first failure stops the rest.
func (p *press) run(ctx context.Context, items []item) (made int, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches := make(chan []item)
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for batch := range batches {
				if err := p.makeBatch(ctx, batch, len(items)); err != nil {
					stop(err)
				}
			}
		})
	}
	for batch := range slices.Chunk(items, batchSize) {
		select {
		case batches <- batch:
		case <-ctx.Done():
		}
	}
	close(batches)
	workers.Wait()
	return p.made, context.Cause(ctx)
}

// makeBatch speaks, encodes and puts in place.
func (p *press) makeBatch(ctx context.Context, batch []item, total int) error {
	work, err := os.MkdirTemp(p.work, "batch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var items []item
	var clips []clip
	for _, it := range batch {
		c, err := p.speak(ctx, it, work)
		if err == nil {
			items, clips = append(items, it), append(clips, c)
			continue
		}
		if ctx.Err() != nil || p.refuse == nil {
			return fmt.Errorf("%s: %w", it.name(), err)
		}
		if err := p.refuse(it, err); err != nil {
			return err
		}
	}
	if len(clips) > 0 {
		if err := encode(ctx, clips); err != nil {
			return fmt.Errorf("encode %s and %d more: %w", items[0].name(), len(items)-1, err)
		}
	}
	return p.place(items, clips, len(batch), total)
}

func (p *press) speak(ctx context.Context, it item, work string) (clip, error) {
	spoken, err := it.speak(ctx)
	if err != nil {
		return clip{}, err
	}
	c := clip{id: it.id, rate: spoken.rate, raw: filepath.Join(work, string(it.language)+"-"+string(it.id)+".raw")}
	started := silence(spoken.rate, runUp)
	started.samples = append(started.samples, spoken.wholeFrames().samples...)
	return c, os.WriteFile(c.raw, started.overNoise().pcm16(), 0o644)
}

// place moves a batch to where Asterisk reads it and writes its stamps.
func (p *press) place(items []item, clips []clip, handled, total int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := map[Language]bool{}
	for i, it := range items {
		s, err := p.placeOne(it, clips[i])
		if err != nil {
			return fmt.Errorf("put %s in place: %w", it.name(), err)
		}
		p.stamps[it.language][it.id] = s
		p.made++
		changed[it.language] = true
	}
	for language := range changed {
		if err := writeStamps(p.dir(language), p.stamps[language]); err != nil {
			return err
		}
	}
	p.done += handled
	if p.progress != nil {
		p.progress(p.done, total)
	}
	return nil
}

func (p *press) placeOne(it item, c clip) (stamp, error) {
	target := filepath.Join(p.dir(it.language), string(it.id))
	s := stamp{From: it.from}
	for ext, size := range map[string]*int64{alawExt: &s.Alaw, g722Ext: &s.G722} {
		made := c.encoded(ext)
		encoded, err := os.ReadFile(made)
		if err != nil {
			return stamp{}, err
		}
		encoded = encoded[min(runUpBytes, len(encoded)):]
		encoded = encoded[:len(encoded)/frameBytes*frameBytes]
		if *size = int64(len(encoded)); *size == 0 {
			return stamp{}, errors.New("ffmpeg wrote an empty file; is the disk full?")
		}
		if err := os.WriteFile(made, encoded, 0o644); err != nil {
			return stamp{}, err
		}
		if err := os.Chmod(made, 0o644); err != nil {
			return stamp{}, err
		}
		if err := os.Rename(made, target+ext); err != nil {
			return stamp{}, err
		}
	}
	if !p.replaceAll {
		return s, nil
	}
	for ext := range playable {
		if ext == alawExt || ext == g722Ext {
			continue
		}
		if err := os.Remove(target + ext); err != nil && !errors.Is(err, os.ErrNotExist) {
			return stamp{}, err
		}
	}
	return s, nil
}
