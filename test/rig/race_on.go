//go:build race

package rig

// raceDetector tells whether we run with the race detector; the daemon is then built with it too.
const raceDetector = true
