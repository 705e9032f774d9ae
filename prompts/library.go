package prompts

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// playable are the extensions that Asterisk looks for when it plays a sound, in the formats of its standard modules.
// The names are case sensitive. ".wav" is 8 kHz only and ".wav16" 16 kHz only: Asterisk refuses other rates.
var playable = map[string]bool{
	".alaw": true, ".g722": true, ".ulaw": true, ".gsm": true, ".wav": true, ".wav16": true, ".sln": true,
	".sln16": true,
}

// Library is the sound files on disk, as the daemon sees them and as Asterisk does. It notices files that come and go.
// Use by several goroutines at a time is safe.
type Library struct {
	dir, asteriskDir string

	mu      sync.Mutex
	shelves map[string]shelf // by <tree>/<language>
}

// shelf is what one directory held when it was last read.
type shelf struct {
	changed time.Time // the directory's own modification time
	read    time.Time
	settled bool // false when the directory may change without showing it: read again
	ids     map[ID]bool
	spoilt  map[ID]bool // Asterisk cannot play one of their files
}

// OpenLibrary opens the prompts directory. dir is its path for this process, asteriskDir the path by which Asterisk
// finds the same directory: absolute, or relative to Asterisk's sounds directory. The error says what to do about a
// missing directory.
func OpenLibrary(dir, asteriskDir string) (*Library, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open the prompts directory (render the prompts first): %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open the prompts directory: %s is not a directory", dir)
	}
	if asteriskDir == "" {
		return nil, errors.New("prompts directory for Asterisk: it is empty; give the path as Asterisk sees it")
	}
	if err := PlainPath(asteriskDir); err != nil {
		return nil, fmt.Errorf("prompts directory for Asterisk, %q: %w", asteriskDir, err)
	}
	return &Library{dir: dir, asteriskDir: path.Clean(asteriskDir), shelves: map[string]shelf{}}, nil
}

// PlainPath returns an error for a path that ARI or the dialplan would misread: a comma starts the next sound in a
// media list, an ampersand does so in Playback.
func PlainPath(dir string) error {
	if strings.ContainsAny(dir, ",&|?* \t\r\n\"'") {
		return errors.New("Asterisk cannot play sounds from a path with spaces, quotes or one of ,&|?* in it")
	}
	return nil
}

// Media returns what ARI needs to speak u: one "sound:" URI for each part, without extension, so that Asterisk takes
// the file that fits the call's codec. A recorded file takes precedence over a rendered one. Parts without any file are
// left out and returned as missing, to be counted: a call goes on without them.
func (l *Library) Media(u Utterance) (media []string, missing []ID) {
	for _, part := range u.Parts {
		language, id := part.split(u.Language)
		if tree, found := l.find(language, id); found {
			media = append(media, "sound:"+path.Join(l.asteriskDir, tree, string(language), string(id)))
			continue
		}
		missing = append(missing, part)
	}
	return media, missing
}

func (l *Library) find(language Language, id ID) (tree string, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tree := range []string{recordedTree, renderedTree} {
		if l.shelf(tree, language).ids[id] {
			return tree, true
		}
	}
	return "", false
}

// shelf returns the content of a directory, read again when the directory changed. l.mu is held.
func (l *Library) shelf(tree string, language Language) shelf {
	if _, known := grammars[language]; !known {
		return shelf{} // never a path made of unknown input
	}
	name := path.Join(tree, string(language))
	dir := filepath.Join(l.dir, filepath.FromSlash(name))
	info, err := os.Stat(dir)
	if err != nil {
		delete(l.shelves, name)
		return shelf{}
	}
	known, read := l.shelves[name]
	unsettled := !known.settled && time.Since(known.read) > rereadEvery
	if !read || unsettled || !known.changed.Equal(info.ModTime()) {
		known = readShelf(dir, info.ModTime())
		l.shelves[name] = known
	}
	return known
}

// settleTime is how long after its last change a directory is read again at times: two changes can carry the same
// modification time, and a file that is being copied in is empty at first.
const (
	settleTime  = 2 * time.Second
	rereadEvery = 250 * time.Millisecond
)

func readShelf(dir string, changed time.Time) shelf {
	now := time.Now()
	s := shelf{
		changed: changed, read: now, settled: now.Sub(changed) > settleTime, ids: map[ID]bool{}, spoilt: map[ID]bool{},
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return shelf{}
	}
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if !playable[ext] {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
			s.settled = false
			continue
		}
		id := ID(strings.TrimSuffix(e.Name(), ext))
		if !goodHeader(filepath.Join(dir, e.Name())) {
			s.spoilt[id] = true
		}
		s.ids[id] = true
	}
	for id := range s.spoilt {
		delete(s.ids, id)
	}
	return s
}

// goodHeader reports whether Asterisk can open a file, as far as its first bytes show. A WAV file of a wrong rate,
// copied in by hand, would otherwise hide a rendered one, and callers would hear nothing.
func goodHeader(file string) bool {
	ext := filepath.Ext(file)
	if ext != ".wav" && ext != ".wav16" {
		return true
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return false
	}
	_, _, err = readSound(file, head)
	return err == nil
}
