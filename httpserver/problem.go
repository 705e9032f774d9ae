package httpserver

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// Problem says why a request failed, as application/problem+json (RFC 9457). Its type is about:blank: the status gives
// its kind, Code is for programs, Detail for people.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"` // the words of the status
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// NewProblem is a problem with a status.
func NewProblem(status int, code, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
}

// AnswerProblem sends a problem: a Problem, or a struct that holds one and more, of texts and numbers. wait is how soon
// to try again; 0 when that does not help.
func AnswerProblem(w http.ResponseWriter, status int, problem any, wait time.Duration) {
	text, _ := json.Marshal(problem) // texts and numbers can always be written
	w.Header().Set("Content-Type", "application/problem+json")
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that hung up needs no answer
}
