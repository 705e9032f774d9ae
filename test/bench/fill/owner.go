package fill

import (
	"fmt"
	"slices"
)

// Owner starts servers as a test does, and ends them when it is done.
type Owner struct{ cleanups []func() }

// failure is a server's fatal error.
type failure struct{ error }

// Helper is for tests.
func (o *Owner) Helper() {}

// Errorf fails: nothing here goes on after an error.
func (o *Owner) Errorf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// Fatalf fails.
func (o *Owner) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// FailNow fails.
func (o *Owner) FailNow() { o.Errorf("it failed") }

// Cleanup adds a step for the end.
func (o *Owner) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }

// Do works, cleans up, and gives the errors.
func (o *Owner) Do(work func() error) (err error) {
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
