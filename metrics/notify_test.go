package metrics_test

import (
	"testing"
	"time"
)

func TestNotificationsAreCountedByNamesThatAreKnown(t *testing.T) {
	m, reg := newMetrics(t)
	m.Notify.Delivered("mail", "new")
	m.Notify.Failed("webhook", "daily", "unreachable")
	m.Notify.Dropped("mail", "balie@deventer.nl", "rejected")
	m.Notify.Waiting("mail", 3, 90*time.Second)
	got := exposition(t, reg)
	for _, line := range []string{
		`bereikbaar_notifications_delivered_total{channel="mail",kind="new"} 1`,
		`bereikbaar_notifications_delivered_total{channel="webhook",kind="daily"} 0`,
		`bereikbaar_notifications_failed_total{channel="webhook",kind="daily",reason="unreachable"} 1`,
		`bereikbaar_notifications_dropped_total{channel="mail",kind="(other)",reason="rejected"} 1`,
		`bereikbaar_notifications_waiting{channel="mail"} 3`,
		`bereikbaar_notifications_oldest_seconds{channel="mail"} 90`,
		`bereikbaar_notifications_oldest_seconds{channel="webhook"} 0`,
	} {
		requireLine(t, got, line)
	}
}
