package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

//go:embed assets
var embedded embed.FS

// Look is what a municipality changes of the look: its logo, its tokens and its fonts, by files of its own.
type Look struct {
	files map[string][]byte // by the name under which they are served
	logo  string            // of files; empty for none
	style string            // of files; empty for none
}

// LookFiles names the files. Each may be left out.
type LookFiles struct {
	Logo   string   // an SVG, PNG or WebP
	Tokens string   // a style sheet that sets design tokens at :root, after ours
	Fonts  []string // WOFF2; the style sheet names them by their base names
}

const maxLookFile = 1 << 20 // bytes

// logoTypes are the images that a logo may be.
var logoTypes = []string{".svg", ".png", ".webp"}

// OpenLook reads and checks the files. The error names the file and the mend.
func OpenLook(from LookFiles) (*Look, error) {
	l := &Look{files: map[string][]byte{}}
	add := func(file, name string, kinds ...string) (string, error) {
		if file == "" {
			return "", nil
		}
		ext := strings.ToLower(filepath.Ext(file))
		if !slices.Contains(kinds, ext) {
			return "", fmt.Errorf("look: %s is no %s: name such a file", file, strings.Join(kinds, " or "))
		}
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return "", fmt.Errorf("look: %w; name a file that the daemon can read", err)
		case !info.Mode().IsRegular():
			return "", fmt.Errorf("look: %s is not a regular file", file)
		case info.Size() > maxLookFile:
			return "", fmt.Errorf("look: %s has more than %d bytes: make it smaller, people wait for it", file, maxLookFile)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("look: %w; name a file that the daemon can read", err)
		}
		if ext == ".css" && bytes.Contains(bytes.ToLower(text), []byte("@import")) {
			return "", fmt.Errorf("look: %s imports another style sheet, which browsers refuse here: put it in one file", file)
		}
		if name == "" {
			name = filepath.Base(file)
		} else {
			name += ext
		}
		_, taken := l.files[name]
		if _, embedded := ours()[name]; taken || embedded {
			return "", fmt.Errorf("look: there is a file %s already: give %s another name", name, file)
		}
		l.files[name] = text
		return name, nil
	}
	var err error
	if l.logo, err = add(from.Logo, "logo", logoTypes...); err != nil {
		return nil, err
	}
	if l.style, err = add(from.Tokens, "tokens", ".css"); err != nil {
		return nil, err
	}
	for _, font := range from.Fonts {
		if _, err := add(font, "", ".woff2"); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// ours are the embedded files, by their names.
var ours = sync.OnceValue(func() map[string]asset {
	files := map[string]asset{}
	entries, err := embedded.ReadDir("assets")
	if err != nil {
		panic(err) // it is in the program
	}
	for _, e := range entries {
		text, err := embedded.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		files[e.Name()] = newAsset(e.Name(), text)
	}
	return files
})

// asset is a file as it is sent.
type asset struct {
	kind         string
	plain, small []byte // small is compressed; nil when that gains nothing
}

// assets are all files of one look, under an address that changes with any of them.
type assets struct {
	hash  string
	files map[string]asset
	logo  string // address; empty for none
	style string // address of the municipality's tokens; empty for none
}

// newAssets reads the embedded files and those of the municipality, and compresses each once.
func newAssets(look *Look) *assets {
	a := &assets{files: maps.Clone(ours())}
	if look != nil {
		for name, text := range look.files {
			a.files[name] = newAsset(name, text)
		}
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		fmt.Fprintf(sum, "%s %d\n", name, len(a.files[name].plain))
		sum.Write(a.files[name].plain)
	}
	a.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	if look != nil && look.logo != "" {
		a.logo = a.at(look.logo)
	}
	if look != nil && look.style != "" {
		a.style = a.at(look.style)
	}
	return a
}

func newAsset(name string, text []byte) asset {
	kinds := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".woff2": "font/woff2",
		".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	}
	ext := path.Ext(name)
	a := asset{kind: kinds[ext], plain: text}
	if a.kind == "" {
		a.kind = mime.TypeByExtension(ext)
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level exists
	}
	_, _ = w.Write(text) // a buffer takes all
	_ = w.Close()
	if b.Len() < len(text)*9/10 {
		a.small = b.Bytes()
	}
	return a
}

// at is the address of a file.
func (a *assets) at(name string) string { return "/static/" + a.hash + "/" + name }

// serve sends a file. Its address changes with it, so a browser may keep it for ever. An address of an older version
// is not found: the page that named it is older too.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.PathValue("file")]
	if !ok || r.PathValue("hash") != a.hash {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Content-Type", file.kind)
	header.Set("Vary", "Accept-Encoding")
	text := file.plain
	if file.small != nil && acceptsGzip(r) {
		header.Set("Content-Encoding", "gzip")
		text = file.small
	}
	header.Set("Content-Length", fmt.Sprint(len(text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a browser that went away needs no answer
	}
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}
