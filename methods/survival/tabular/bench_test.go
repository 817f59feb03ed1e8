package tabular

import (
	"testing"

	"github.com/cineloop/cineloop/torch"
)

func BenchmarkFit(b *testing.B) {
	train, _ := simulated(1218, 1)
	val, _ := simulated(305, 2)
	for _, name := range []string{LogisticHazard, DeepHit, CoxPH, CoxCC} {
		b.Run(name, func(b *testing.B) {
			err := torch.Run(b.Context(), torch.Config{Device: "cpu", Threads: 1}, func(e *torch.Engine) error {
				for b.Loop() {
					if _, err := Fit(b.Context(), e, Settings{Model: name, Dropout: 0.1, Epochs: 20, Patience: 100}, train, val); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Skip(err)
			}
		})
	}
}
