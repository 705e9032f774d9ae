package main

import (
	"fmt"
	"slices"
)

// owner starts servers as a test does, and ends them when it is done.
type owner struct{ cleanups []func() }

// failure is a server's fatal error.
type failure struct{ error }

// Helper is for tests.
func (o *owner) Helper() {}

// Errorf fails: nothing here goes on after an error.
func (o *owner) Errorf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// Fatalf fails.
func (o *owner) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// FailNow fails.
func (o *owner) FailNow() { o.Errorf("it failed") }

// Cleanup adds a step for the end.
func (o *owner) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }

// do works, cleans up, and gives the errors.
func (o *owner) do(work func() error) (err error) {
	defer func() {
		for _, clean := range slices.Backward(o.cleanups) {
			clean()
		}
		switch cause := recover().(type) {
		case nil:
		case failure:
			err = cause.error
		default:
			panic(cause)
		}
	}()
	return work()
}
