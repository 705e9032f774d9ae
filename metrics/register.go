package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// registration makes collectors and registers each where it is made. It keeps every error, so that New reads as a list.
type registration struct {
	to  prometheus.Registerer
	err error
}

func (r *registration) add(c prometheus.Collector) {
	r.err = errors.Join(r.err, r.to.Register(c))
}

func (r *registration) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	r.add(c)
	return c
}

func (r *registration) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.add(c)
	return c
}

func (r *registration) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	r.add(g)
	return g
}

func (r *registration) gaugeVec(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.add(g)
	return g
}

// histogramVec makes a histogram with fixed buckets, which every Prometheus reads, and native ones beside them for a
// Prometheus that asks for those. The bounds on the native ones keep a strange day from filling the memory.
func (r *registration) histogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     nativeFactor,
		NativeHistogramMaxBucketNumber:  nativeBuckets,
		NativeHistogramMinResetDuration: nativeReset,
	}, labels)
	r.add(h)
	return h
}
