package e2e

import (
	"fmt"

	dto "github.com/prometheus/client_model/go"
)

type family = dto.MetricFamily

// sum adds the values of the series whose labels match, given as name, value, name, value; a missing family is 0.
func sum(f *family, labels ...string) float64 {
	total := 0.0
	for _, m := range f.GetMetric() {
		if !matches(m, labels) {
			continue
		}
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue() +
			float64(m.GetHistogram().GetSampleCount())
	}
	return total
}

func matches(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		found := false
		for _, pair := range m.GetLabel() {
			found = found || pair.GetName() == labels[i] && pair.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}

// equal gives an error unless a figure has the wanted value.
func equal(want, got float64) error {
	if want != got {
		return fmt.Errorf("it is %v, not %v", got, want)
	}
	return nil
}
