package signin

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// home is where people go who came for nothing else.
const home = "/"

const longestNext = 2000 // bytes

// LocalPath gives the place to return to after signing in, as a page of this site: home for anything else. Browsers
// take "//host", "/\host" and the same behind control characters for other sites.
func LocalPath(next string) string {
	if next == "" || len(next) > longestNext || next[0] != '/' {
		return home
	}
	if strings.ContainsFunc(next, isControl) || strings.ContainsAny(next, "\\ ") {
		return home
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || u.Path == "" {
		return home
	}
	// The path as it reads when a proxy or page decodes it once more.
	for path, i := u.Path, 0; ; i++ {
		switch {
		case strings.HasPrefix(path, "//"), strings.Contains(path, "\\"), strings.ContainsFunc(path, isControl),
			path != "/" && (path[0] != '/' || hasDots(path)):
			return home
		case isOurs(path):
			return home // signing in leads nowhere else
		}
		again, err := url.PathUnescape(path)
		if err != nil || again == path {
			break
		}
		if i == 3 {
			return home
		}
		path = again
	}
	return next
}

func hasDots(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

func isOurs(path string) bool {
	return path == pathSignIn || strings.HasPrefix(path, pathSignIn+"/") || path == pathSignOut
}

func isControl(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }

// withNext is the address of the form, with the place to return to.
func withNext(next string) string {
	if next == home || next == "" {
		return pathSignIn
	}
	return pathSignIn + "?" + url.Values{"next": {next}}.Encode()
}

// hereOf is the page that a request is for, or came from when it is no page itself.
func hereOf(r *http.Request) string {
	page := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead || isPartial(r) {
		page = home
		if from, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && from.Host != "" {
			page = from.RequestURI()
		} else if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
			page = from.RequestURI()
		}
	}
	return LocalPath(page)
}
