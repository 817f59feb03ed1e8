package phantom

import "testing"

// BenchmarkClip is the whole cost of one 32-frame clip of 112×112 on one core: patient, heart, speckle, beams, display, overlay.
func BenchmarkClip(b *testing.B) {
	for _, bench := range []struct {
		name string
		cfg  Config
	}{
		{"tissue", Config{Seed: 1, Tissue: true}},
		{"tissue+masks", Config{Seed: 1, Tissue: true, Masks: true}},
		{"overlay", Config{Seed: 1}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c, err := New(bench.cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Clip(i, A4C)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clips/s")
		})
	}
}
