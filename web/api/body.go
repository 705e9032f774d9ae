package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody bounds what a request may carry: the longest text of a note is 2000 characters.
const maxBody = 64 << 10

// byteOrderMark begins the texts of some programs, such as those of Windows. RFC 8259 (section 8.1) lets a reader of
// JSON skip it.
var byteOrderMark = []byte("\uFEFF")

// receive reads what a request carries.
func receive(r *http.Request) ([]byte, error) {
	raw, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem(http.StatusRequestEntityTooLarge, "too_large", "the body is larger than %d bytes", maxBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem(http.StatusRequestTimeout, "body", "the body came too slowly: send it within ten seconds")
	case err != nil:
		return nil, problem(http.StatusBadRequest, "body", "the body was cut off")
	}
	return bytes.TrimPrefix(raw, byteOrderMark), nil
}

// body reads the JSON object that a request carries. Errors name our fields and never quote what was sent: it may be a
// number. A request that needs no field may leave the body out.
func body[B any](v *exchange) (B, error) {
	var b B
	raw := v.sent
	if len(raw) == 0 {
		return b, nil
	}
	if kind, _, err := mime.ParseMediaType(
		v.Request.Header.Get("Content-Type"),
	); err != nil || kind != "application/json" {
		return b, problem(
			http.StatusUnsupportedMediaType, "media_type", "send the body as Content-Type: application/json",
		)
	}
	if !utf8.Valid(raw) {
		return b, problem(http.StatusBadRequest, "body", "the body is not UTF-8")
	}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return b, problem(http.StatusBadRequest, "body", "the body is not a JSON object")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return b, unreadable(err, reflect.TypeFor[B]())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return b, problem(http.StatusBadRequest, "body", "there is more in the body than one JSON object")
	}
	return b, nil
}

// unreadable says what is wrong with JSON, without quoting it.
func unreadable(err error, into reflect.Type) Problem {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return problem(http.StatusBadRequest, "body", "the body is not JSON from byte %d on", syntax.Offset)
	case errors.As(err, &wrong) && wrong.Field != "":
		return problem(
			http.StatusBadRequest, "body", "the field %s is of another type: it takes %s", wrong.Field,
			kindOf(wrong.Type),
		)
	case strings.Contains(err.Error(), "unknown field"):
		return problem(
			http.StatusBadRequest, "body", "the body has a field that is not known; the fields are: %s",
			strings.Join(fieldsOf(into), ", "),
		)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem(http.StatusBadRequest, "body", "the body ends before its JSON does")
	}
	return problem(http.StatusBadRequest, "body", "the body is not the JSON of this operation")
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number"
	default:
		return "a text"
	}
}

func fieldsOf(t reflect.Type) []string {
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	if len(names) == 0 {
		return []string{"none"}
	}
	return names
}

// seenTag is the tag of a note as it comes back: as we sent it, or as a compressing proxy leaves it. nginx, HAProxy and
// Envoy make it weak; Apache, Caddy and Jetty append the coding.
var seenTag = regexp.MustCompile(`^(?:W/)?"([0-9]{1,19})(?:(?:-{1,2}|;)(?:gzip|br|zstd|deflate))?"$`)

// version reads which version of the note the client has seen: If-Match: "7" (RFC 9110, section 13.1.1). A tag that a
// proxy changed counts too, though the RFC compares strongly here: it names the version of the note and not the bytes,
// so that a weak tag tells two states apart as surely as a strong one.
func version(r *http.Request) (uint64, error) {
	tags := r.Header.Values("If-Match")
	if len(tags) == 0 {
		return 0, problem(
			http.StatusPreconditionRequired, "if_match",
			`say which version of the note you saw, as its ETag gave it: If-Match: "7"`,
		)
	}
	var ver uint64
	var err error
	parts := seenTag.FindStringSubmatch(strings.TrimSpace(tags[0]))
	if parts != nil {
		ver, err = strconv.ParseUint(parts[1], 10, 63)
	}
	if len(tags) > 1 || err != nil || ver == 0 {
		return 0, problem(http.StatusBadRequest, "if_match",
			`If-Match takes the one version that you saw, in quotes, as the note's ETag gave it: "7". `+
				`When a proxy gives tags of its own, write the note's ver in quotes`)
	}
	return ver, nil
}

// number reads a whole number from the query, within bounds.
func number(r *http.Request, name string, standard, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, problem(http.StatusBadRequest, "query", "%s is a whole number from 1 to %d", name, most)
	}
	return n, nil
}

// asked refuses query parameters that a route does not know: a misspelt filter must not give everything.
func asked(r *http.Request, known ...string) error {
	for name := range r.URL.Query() {
		if !slices.Contains(known, name) {
			return problem(
				http.StatusBadRequest, "query", "there is a query parameter that is not known; the parameters are: %s",
				strings.Join(append(known, "no others"), ", "),
			)
		}
	}
	return nil
}
