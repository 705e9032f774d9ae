//go:build race

package rig

// raceDetector tells whether the test has the race detector; the daemon is then built with it too.
const raceDetector = true
