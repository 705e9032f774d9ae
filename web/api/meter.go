package api

import (
	"net/http"
	"slices"
	"time"
)

// Meter counts the requests to the API. It gets names of this package only, never a client's text, and must not wait.
type Meter interface {
	// Answered counts a request that is over: its operation, one of Operations, or empty when it reached none; the HTTP
	// status of the answer, 0 when that was cut off, 499 when the client had hung up before it; and how long it took.
	Answered(operation string, status int, took time.Duration)
	// TokenRefused counts a request that no token let in, by one of Refusals.
	TokenRefused(reason string)
	// Waits counts the requests that wait for their turn, Works those that are worked: 1 for one more, -1 for one
	// fewer.
	Waits(by int)
	Works(by int)
}

// Operations lists the operationIds of the OpenAPI document that need a token, sorted.
func Operations() []string {
	var ids []string
	for _, r := range new(API).routes() {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids
}

// Why no token let a request in.
const (
	refusedMissing = "missing"  // it showed none
	refusedUnknown = "unknown"  // it showed one that is not known, or no longer valid
	refusedTooMany = "too_many" // its address showed too many wrong ones
)

// Refusals lists the reasons why no token let a request in.
func Refusals() []string { return []string{refusedMissing, refusedUnknown, refusedTooMany} }

// statusGone is never sent. Proxies use this number for a client that hung up.
const statusGone = 499

// response records the answer to a request.
type response struct {
	http.ResponseWriter
	operation string // that it reached; empty for none
	status    int    // that was sent; 0 for none yet
}

// WriteHeader implements http.ResponseWriter.
func (r *response) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *response) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// counted counts every request once, however it ends.
func (a *API) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		answer, whole := &response{ResponseWriter: w}, false
		defer func() { // also of an answer that was cut off
			status := answer.status
			if !whole {
				status = 0
			}
			gone := r.Context().Err() != nil
			if gone && (status == 0 || status >= http.StatusInternalServerError) { // not a fault of ours
				status = statusGone
			}
			a.Meter.Answered(answer.operation, status, time.Since(began))
		}()
		h.ServeHTTP(answer, r)
		whole = true
	})
}
