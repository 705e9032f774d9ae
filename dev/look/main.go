// Command look makes web/pages/assets out of the npm packages that web/pages/look/package.json pins: run it after a
// change of that file, of own.css, own.js or of the classes that the pages use.
//
//	npm ci --ignore-scripts --prefix web/pages/look && go run ./dev/look
//
// The assets are committed: whoever builds the daemon needs neither Node nor a network.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	pages   = "web/pages"
	look    = pages + "/look"
	modules = look + "/node_modules"
	assets  = pages + "/assets"
)

// components are the style sheets that are used, in order: a later one wins.
var components = []string{
	"@utrecht/alert-css/dist/index.css",
	"@utrecht/form-field-css/dist/index.css",
	"@utrecht/form-field-description-css/dist/index.css",
	"@utrecht/form-field-error-message-css/dist/index.css",
	"@utrecht/form-label-css/dist/index.css",
	"@utrecht/select-css/dist/index.css",
	"@utrecht/table-css/dist/index.css",
	"@utrecht/textarea-css/dist/index.css",
	"@utrecht/textbox-css/dist/index.css",
	"@nl-design-system-candidate/button-css/dist/button.css",
	"@nl-design-system-candidate/data-badge-css/dist/data-badge.css",
	"@nl-design-system-candidate/heading-css/dist/heading.css",
	"@nl-design-system-candidate/link-css/dist/link.css",
	"@nl-design-system-candidate/paragraph-css/dist/paragraph.css",
	"@nl-design-system-candidate/skip-link-css/dist/skip-link.css",
}

const tokens = "@nl-design-system-unstable/voorbeeld-design-tokens/dist/theme.css"

// scripts are served as one file.
var scripts = []string{
	modules + "/htmx.org/dist/htmx.min.js",
	look + "/own.js",
}

// fonts are the parts of the typeface; a browser fetches only those whose characters a page has.
var fonts = []string{"latin", "latin-ext"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "look:", err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := os.Stat(modules); err != nil {
		return fmt.Errorf("%w; first run: npm ci --ignore-scripts --prefix %s", err, look)
	}
	if err := os.MkdirAll(assets, 0o755); err != nil {
		return err
	}
	for _, step := range []func() error{style, script, typeface, licences} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// style writes the style sheet: the rules whose classes the pages use, and the tokens that those rules read.
func style() error {
	used, err := usedClasses()
	if err != nil {
		return err
	}
	var rules strings.Builder
	for _, file := range components {
		text, err := os.ReadFile(filepath.Join(modules, file))
		if err != nil {
			return err
		}
		rules.WriteString(prune(plain(string(text)), used))
	}
	own, err := os.ReadFile(look + "/own.css")
	if err != nil {
		return err
	}
	rules.WriteString(plain(string(own)))
	theme, err := os.ReadFile(filepath.Join(modules, tokens))
	if err != nil {
		return err
	}
	css := "/* Made by dev/look. Licences: LICENSES.txt beside this file. */\n" +
		needed(plain(string(theme)), rules.String()) + faces() + rules.String()
	return os.WriteFile(assets+"/pages.css", []byte(css), 0o644)
}

func faces() string {
	ranges := map[string]string{
		"latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F," +
			"U+20AC,U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD",
		"latin-ext": "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+0304,U+0308,U+0329," +
			"U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF,U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF",
	}
	var b strings.Builder
	for _, part := range fonts {
		fmt.Fprintf(&b, "@font-face{font-family:'Source Sans 3';font-style:normal;font-display:swap;"+
			"font-weight:200 900;src:url(source-sans-3-%s.woff2) format('woff2');unicode-range:%s}\n", part, ranges[part])
	}
	return b.String()
}

var (
	comment   = regexp.MustCompile(`(?s)/\*.*?\*/`)
	blanks    = regexp.MustCompile(`\s+`)
	tight     = regexp.MustCompile(`\s*([{};])\s*`)
	className = regexp.MustCompile(`\.(-?[A-Za-z_][\w-]*)`)
	word      = regexp.MustCompile(`[A-Za-z_][\w-]*`)
	variable  = regexp.MustCompile(`var\(\s*(--[\w-]+)`)
	declared  = regexp.MustCompile(`(--[\w-]+)\s*:\s*([^;}]*)`)
)

// plain is CSS without comments and needless blanks.
func plain(css string) string {
	css = comment.ReplaceAllString(css, "")
	css = blanks.ReplaceAllString(css, " ")
	return strings.TrimSpace(tight.ReplaceAllString(css, "$1")) + "\n"
}

// usedClasses are all words of the templates, of which the classes are some: a rule too many does no harm.
func usedClasses() (map[string]bool, error) {
	used := map[string]bool{}
	files, err := filepath.Glob(pages + "/*.templ")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, w := range word.FindAllString(string(text), -1) {
			used[w] = true
		}
	}
	return used, nil
}

// prune keeps the rules of which at least one selector has no class but used ones. Rules within rules, such as those of
// @media, are pruned too.
func prune(css string, used map[string]bool) string {
	var out strings.Builder
	for css = strings.TrimSpace(css); css != ""; css = strings.TrimSpace(css) {
		open := strings.IndexByte(css, '{')
		if open < 0 {
			break
		}
		head, end := strings.TrimSpace(css[:open]), closing(css, open)
		body := css[open+1 : end]
		css = css[end+1:]
		if strings.HasPrefix(head, "@media") || strings.HasPrefix(head, "@supports") {
			if inner := prune(body, used); inner != "" {
				out.WriteString(head + "{" + inner + "}\n")
			}
			continue
		}
		if strings.HasPrefix(head, "@") {
			out.WriteString(head + "{" + body + "}\n")
			continue
		}
		unused := func(m []string) bool { return !used[m[1]] }
		kept := slices.DeleteFunc(selectors(head), func(s string) bool {
			return slices.ContainsFunc(className.FindAllStringSubmatch(s, -1), unused)
		})
		if len(kept) > 0 && strings.TrimSpace(body) != "" {
			out.WriteString(strings.Join(kept, ",") + "{" + body + "}\n")
		}
	}
	return out.String()
}

// closing is where the brace at open is closed.
func closing(css string, open int) int {
	depth := 0
	for i := open; i < len(css); i++ {
		switch css[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(css) - 1
}

// selectors splits a list of selectors at its own commas, not at those within brackets.
func selectors(head string) []string {
	var all []string
	depth, from := 0, 0
	for i, c := range head {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			all = append(all, strings.TrimSpace(head[from:i]))
			from = i + 1
		}
	}
	return append(all, strings.TrimSpace(head[from:]))
}

// needed gives the tokens that rules read, and those that these read, as the defaults of every page.
func needed(theme, rules string) string {
	values := map[string]string{}
	for _, m := range declared.FindAllStringSubmatch(theme, -1) {
		values[m[1]] = strings.TrimSpace(m[2])
	}
	keep := map[string]bool{}
	var follow func(text string)
	follow = func(text string) {
		for _, m := range variable.FindAllStringSubmatch(text, -1) {
			if value, ok := values[m[1]]; ok && !keep[m[1]] {
				keep[m[1]] = true
				follow(value)
			}
		}
	}
	follow(rules)
	names := make([]string, 0, len(keep))
	for name := range keep {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(":root{")
	for _, name := range names {
		b.WriteString(name + ":" + values[name] + ";")
	}
	b.WriteString("}\n")
	return b.String()
}

var sourceMap = regexp.MustCompile(`(?m)^//# sourceMappingURL=.*$`)

func script() error {
	var b bytes.Buffer
	for _, file := range scripts {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		b.Write(bytes.TrimSpace(sourceMap.ReplaceAll(text, nil)))
		b.WriteString("\n;\n")
	}
	return os.WriteFile(assets+"/pages.js", b.Bytes(), 0o644)
}

func typeface() error {
	for _, part := range fonts {
		name := "source-sans-3-" + part
		text, err := os.ReadFile(
			modules + "/@fontsource-variable/source-sans-3/files/" + name + "-wght-normal.woff2",
		)
		if err != nil {
			return err
		}
		if err := os.WriteFile(assets+"/"+name+".woff2", text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// licences names each package with its version and licence, as its own package.json states them.
func licences() error {
	var b strings.Builder
	b.WriteString("# What these files are made of\n\nMade by `dev/look` from npm packages, whose texts are not changed " +
		"beyond leaving rules and tokens out.\n\n| package | version | licence |\n|---|---|---|\n")
	names := []string{"@fontsource-variable/source-sans-3", "htmx.org", strings.TrimSuffix(tokens, "/dist/theme.css")}
	for _, c := range components {
		names = append(names, strings.Join(strings.Split(c, "/")[:2], "/"))
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(modules, name, "package.json"))
		if err != nil {
			return err
		}
		var p struct{ Version, License string }
		if err := json.Unmarshal(text, &p); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, p.Version, p.License)
	}
	font, err := os.ReadFile(modules + "/@fontsource-variable/source-sans-3/LICENSE")
	if err != nil {
		return err
	}
	b.WriteString("\nEUPL-1.2 is the licence of this program too: see `LICENSE` at its root. 0BSD asks for no notice.\n\n" +
		"## Source Sans 3\n\n```\n" + strings.TrimSpace(string(font)) + "\n```\n")
	return os.WriteFile(assets+"/LICENSES.txt", []byte(b.String()), 0o644)
}
