package phantom

import (
	"math/rand/v2"
	"testing"
)

// Weissler's ejection time by hand: 413 − 1.7·60 = 311 ms at 60 beats a minute; 226 ms at 110, where 45 % of the beat would be 245.
func TestSystole(t *testing.T) {
	near(t, "at 60", systole(1), 0.311, 1e-9)
	near(t, "at 110", systole(60.0/110), 0.226, 1e-9)
	near(t, "at 150, 45 % of the beat", systole(0.4), 0.158, 1e-9)
	near(t, "a very short beat", systole(0.3), 0.073, 1e-9)
}

func TestVolumeCurve(t *testing.T) {
	const rr = 1.0
	ts := systole(rr)
	d := rr - ts
	for _, c := range []struct {
		what      string
		at        float64
		af        bool
		want, tol float64
	}{
		{"start", 0, false, 0, 0},
		{"mid systole", ts / 2, false, 0.5, 1e-9},
		{"end systole", ts, false, 1, 1e-9},
		{"after the E wave 72 % is back", ts + 0.55*d, false, 0.28, 1e-9},
		{"diastasis", ts + 0.70*d, false, 0.28, 1e-9},
		{"middle of the A wave", ts + 0.89*d, false, 0.14, 1e-9},
		{"end", rr - 1e-9, false, 0, 1e-9},
		{"fibrillation: all is back with E", ts + 0.55*d, true, 0, 1e-9},
	} {
		near(t, c.what, ejected(c.at, rr, c.af), c.want, c.tol+1e-12)
	}
}

func TestRhythmCoversTheClip(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		q := newRhythm(r, 72, seed%2 == 0, 3)
		if q.start[0] > 0 || q.start[len(q.start)-1] <= 3 {
			t.Fatalf("beats from %g to %g s do not cover 0–3 s", q.start[0], q.start[len(q.start)-1])
		}
		for s := 0.0; s < 3; s += 0.01 {
			i, since, rr := q.beat(s)
			if since < 0 || since >= rr || i < 0 {
				t.Fatalf("at %g s: %g s into a beat of %g s", s, since, rr)
			}
		}
	}
}

func TestECGPeaksAtTheRWave(t *testing.T) {
	q := newRhythm(rand.New(rand.NewPCG(1, 2)), 70, false, 5)
	for _, r := range q.start[1 : len(q.start)-1] {
		peak := q.ecg(r)
		near(t, "R wave", peak, 1, 0.1)
		for _, d := range []float64{-0.05, 0.05, 0.2} {
			if q.ecg(r+d) > peak/2 {
				t.Errorf("the trace is %.2f at %.2f s from the R wave", q.ecg(r+d), d)
			}
		}
	}
}

// A clip of N frames covers a whole beat, whatever the heart rate and the acquisition rate: it holds an end-diastole and an
// end-systole.
func TestClipsHoldABeat(t *testing.T) {
	for _, frames := range []int{16, 32, 64} {
		c := mustNew(t, Config{Seed: 3, Frames: frames})
		for i := range 200 {
			p := c.Patient(i)
			times, fps, q := c.timing(p, A4C)
			if len(times) != frames || fps > 80 {
				t.Fatalf("%d frames at %g/s", len(times), fps)
			}
			if span := times[len(times)-1] + 1/fps; span < 1.1*q.longest() {
				t.Errorf("%d frames span %.2f s, the longest beat is %.2f s", frames, span, q.longest())
			}
			truth := Truth{FPS: fps}
			truth.describe(p, times, &q)
			if len(truth.ED) == 0 || len(truth.ES) == 0 {
				t.Errorf("patient %d, %d frames: ED %v, ES %v", i, frames, truth.ED, truth.ES)
			}
		}
	}
}

func TestNativeRate(t *testing.T) {
	c := mustNew(t, Config{Seed: 3, Frames: -1})
	for i := range 50 {
		p := c.Patient(i)
		times, fps, _ := c.timing(p, A4C)
		if fps < 30 || fps > 80 {
			t.Errorf("%g frames/s", fps)
		}
		if beats := times[len(times)-1] * p.HR / 60; beats < 1.9 || beats > 4.1 {
			t.Errorf("%.2f beats", beats)
		}
	}
}
