package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// NotificationLabels are the values of the labels of notifications.
type NotificationLabels struct {
	Channels, Kinds, Failures, Drops []string
}

// Notify counts what teams, people and programs are told of notes. No address and no number is a label.
type Notify struct {
	delivered, failed, dropped *prometheus.CounterVec
	waiting, oldest            *prometheus.GaugeVec

	labels NotificationLabels
}

func newNotify(r *registration, labels NotificationLabels) *Notify {
	n := &Notify{
		labels: labels,
		delivered: r.counterVec("notifications_delivered_total",
			"Messages about callback notes that a server took, by channel (mail, webhook) and kind.", "channel", "kind"),
		failed: r.counterVec("notifications_failed_total",
			"Tries that a server did not take, by reason: unreachable, sign_in, refused. They are tried again.",
			"channel", "kind", "reason"),
		dropped: r.counterVec("notifications_dropped_total",
			"Messages that are never delivered, by reason. gone, moot and no_receiver are as it should be.",
			"channel", "kind", "reason"),
		waiting: r.gaugeVec("notifications_waiting", "Messages that wait in the outbox.", "channel"),
		oldest: r.gaugeVec("notifications_oldest_seconds",
			"Age of the event of the message that waits longest; 0 when none waits.", "channel"),
	}
	for _, channel := range labels.Channels {
		n.waiting.WithLabelValues(channel)
		n.oldest.WithLabelValues(channel)
		for _, kind := range labels.Kinds {
			n.delivered.WithLabelValues(channel, kind)
			for _, reason := range labels.Failures {
				n.failed.WithLabelValues(channel, kind, reason)
			}
			for _, reason := range labels.Drops {
				n.dropped.WithLabelValues(channel, kind, reason)
			}
		}
	}
	return n
}

func among(names []string, name string) string {
	if slices.Contains(names, name) {
		return name
	}
	return Elsewhere
}

// Delivered counts a message that was taken.
func (n *Notify) Delivered(channel, kind string) {
	n.delivered.WithLabelValues(among(n.labels.Channels, channel), among(n.labels.Kinds, kind)).Inc()
}

// Failed counts a try that failed.
func (n *Notify) Failed(channel, kind, reason string) {
	n.failed.WithLabelValues(among(n.labels.Channels, channel), among(n.labels.Kinds, kind),
		among(n.labels.Failures, reason)).Inc()
}

// Dropped counts a message that is never delivered.
func (n *Notify) Dropped(channel, kind, reason string) {
	n.dropped.WithLabelValues(among(n.labels.Channels, channel), among(n.labels.Kinds, kind),
		among(n.labels.Drops, reason)).Inc()
}

// Waiting says how many messages of a channel wait, and how long the oldest has.
func (n *Notify) Waiting(channel string, messages int, oldest time.Duration) {
	channel = among(n.labels.Channels, channel)
	n.waiting.WithLabelValues(channel).Set(float64(messages))
	n.oldest.WithLabelValues(channel).Set(oldest.Seconds())
}
