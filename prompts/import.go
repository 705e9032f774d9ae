package prompts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// ImportOptions says which recordings to take in, and where.
type ImportOptions struct {
	Dir      string // the prompts directory; files go to Dir/recorded/<language>
	Manifest *Manifest
	Language Language
	From     string // a directory of recordings, <id>.wav, .flac, .mp3 or other forms that ffmpeg reads, at any rate
	Progress func(done, total int)
}

// Import makes sound files of a recorded voice: trimmed, at one level with the others, in the forms that Asterisk plays
// without transcoding. They replace earlier recordings of the same prompt. Unusable recordings are in refused, and the
// rest goes on; err is a fault that stops everything.
func Import(ctx context.Context, o ImportOptions) (report Report, refused []Problem, err error) {
	if o.Manifest == nil || o.Dir == "" {
		return Report{}, nil, errors.New("import recordings: a directory and a manifest are needed")
	}
	if _, err := chooseLanguages([]Language{o.Language}); err != nil {
		return Report{}, nil, fmt.Errorf("import recordings: %w", err)
	}
	entries, err := os.ReadDir(o.From)
	if err != nil {
		return Report{}, nil, fmt.Errorf("import recordings: %w", err)
	}
	if err := findTools(ffmpeg); err != nil {
		return Report{}, nil, fmt.Errorf("import recordings: %w", err)
	}
	p, err := openPress(ctx, filepath.Join(o.Dir, recordedTree), []Language{o.Language})
	if err != nil {
		return Report{}, nil, fmt.Errorf("import recordings to %s: %w", o.Dir, err)
	}
	defer p.close()
	items, refused := recordings(o, entries)
	p.progress = o.Progress
	p.replaceAll = true
	p.refuse = refuseInto(&refused, o.Language)
	report = Report{Total: len(items)}
	report.Made, err = p.run(ctx, items)
	if err != nil {
		return report, refused, fmt.Errorf(
			"import recordings from %s (%d of %d done, these are kept): %w", o.From, report.Made, len(items), err,
		)
	}
	return report, refused, nil
}

// recordings pairs files with prompts.
func recordings(o ImportOptions, entries []os.DirEntry) (items []item, refused []Problem) {
	seen := map[ID]string{}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := filepath.Join(o.From, e.Name())
		id := ID(strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())))
		prompt, known := o.Manifest.Prompt(o.Language, id)
		refuse := func(fault Fault, detail string) {
			refused = append(refused, Problem{Language: o.Language, ID: id, File: file, Fault: fault, Detail: detail})
		}
		switch {
		case !known:
			refuse(
				Unknown,
				"there is no prompt of this name"+didYouMean(o.Manifest.IDs(o.Language), id)+"; rename the file",
			)
			continue
		case seen[id] != "":
			refuse(Unplayable, "there is another recording of it, "+seen[id]+"; keep one of them")
			continue
		}
		seen[id] = e.Name()
		items = append(items, item{
			language: o.Language, id: id, file: file, from: prompt.recordedFrom(),
			speak: func(ctx context.Context) (sound, error) {
				recorded, err := decode(ctx, file)
				if err != nil || prompt.Silence > 0 {
					return recorded, err
				}
				return recorded.shape(endsSentence(prompt.Text))
			},
		})
	}
	return items, refused
}

// refuseInto collects a recording that cannot be used and lets the others go on.
func refuseInto(refused *[]Problem, language Language) func(item, error) error {
	var mu sync.Mutex
	return func(it item, err error) error {
		fault := Unplayable
		if errors.Is(err, errOnlySilence) {
			fault = Silent
		}
		mu.Lock()
		defer mu.Unlock()
		*refused = append(*refused, Problem{
			Language: language, ID: it.id, File: it.file, Fault: fault, Detail: err.Error(),
		})
		return nil
	}
}
