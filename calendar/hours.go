// Package calendar knows a municipality's working days and the opening hours of its teams.
package calendar

import "time"

// Hours are the opening hours of one team.
type Hours struct{}

// Open reports whether the team is open at t.
func (h *Hours) Open(time.Time) bool { return true }
