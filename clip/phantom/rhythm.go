package phantom

import (
	"math"
	"math/rand/v2"
)

// rhythm is the sequence of beats round one clip.
type rhythm struct {
	start []float64 // s, start (R wave, end-diastole) of each beat; time 0 is the clip's first frame
	af    bool
}

// newRhythm draws beats that cover [0, duration] s from a random phase: RR intervals vary by 3 %, by 20 % in fibrillation.
func newRhythm(r *rand.Rand, hr float64, af bool, duration float64) rhythm {
	sd := 0.03
	if af {
		sd = 0.20
	}
	rr := func() float64 { return 60 / hr * clamp(1+sd*r.NormFloat64(), 0.55, 1.6) }
	first := rr()
	t := -first * r.Float64()
	q := rhythm{start: []float64{t, t + first}, af: af}
	for q.start[len(q.start)-1] <= duration {
		q.start = append(q.start, q.start[len(q.start)-1]+rr())
	}
	return q
}

// beat is the beat that holds t: its index, the time since its start, and its length, in s.
func (q *rhythm) beat(t float64) (i int, since, rr float64) {
	for i+2 < len(q.start) && q.start[i+1] <= t {
		i++
	}
	return i, t - q.start[i], q.start[i+1] - q.start[i]
}

// longest is the longest RR interval in s.
func (q *rhythm) longest() float64 {
	var m float64
	for i := 1; i < len(q.start); i++ {
		m = math.Max(m, q.start[i]-q.start[i-1])
	}
	return m
}

// systole is the length of ejection in s for a beat of rr s (Weissler 1968: 413 − 1.7 HR ms), at most 0.45 of the beat.
func systole(rr float64) float64 { return math.Min(0.45*rr, 0.413-0.0017*60/rr) }

// The diastolic filling: shares of time and of stroke volume of the early (E) and atrial (A) waves.
const (
	eWaveTime, eWaveVolume = 0.55, 0.72
	aWaveTime              = 0.22
)

// ejected is the fraction of the stroke volume that is out of the ventricle since s after the start of a beat of rr s: a raised
// cosine down in systole, then E wave, diastasis and A wave. In fibrillation there is no A wave and E fills everything.
func ejected(since, rr float64, af bool) float64 {
	ts := systole(rr)
	rise := func(u float64) float64 { return (1 - math.Cos(math.Pi*clamp(u, 0, 1))) / 2 }
	if since < ts {
		return rise(since / ts)
	}
	d := (since - ts) / (rr - ts)
	if af {
		return 1 - rise(d/eWaveTime)
	}
	return 1 - eWaveVolume*rise(d/eWaveTime) - (1-eWaveVolume)*rise((d-(1-aWaveTime))/aWaveTime)
}

// moment is what the heart does at one time.
type moment struct {
	e        float64 // ejected fraction
	systolic bool
	mitral   float64 // opening of mitral and tricuspid valves, 0…1
	aortic   float64 // opening of the aortic valve
	phase    float64 // 0…1 through the beat
}

// at describes the time t s.
func (q *rhythm) at(t float64) moment {
	_, since, rr := q.beat(t)
	ts := systole(rr)
	m := moment{e: ejected(since, rr, q.af), systolic: since < ts, phase: since / rr}
	bump := func(u, w float64) float64 { // opens in the first tenth, closes in the last fifth of [0, 1]
		if u <= 0 || u >= 1 {
			return 0
		}
		return w * math.Min(1, math.Min(u/0.12, (1-u)/0.25))
	}
	if m.systolic {
		m.aortic = bump(since/ts, 1)
		return m
	}
	d := (since - ts) / (rr - ts)
	m.mitral = math.Max(0.25*bump(d, 1), bump(d/(eWaveTime+0.1), 1))
	if !q.af {
		m.mitral = math.Max(m.mitral, bump((d-(1-aWaveTime))/aWaveTime, 0.7))
	}
	return m
}

// ecg is the trace's height at t, about −0.25…1, from Gaussian waves P, Q, R, S and T (after McSharry et al., IEEE TBME 2003).
// Fibrillation has no P wave but small fast ones.
func (q *rhythm) ecg(t float64) float64 {
	i, since, rr := q.beat(t)
	wave := func(u, at, width, height float64) float64 {
		d := (u - at) / width
		return height * math.Exp(-0.5*d*d)
	}
	var v float64
	one := func(u, rr float64) {
		if !q.af {
			v += wave(u, -0.16, 0.022, 0.13)
		}
		v += wave(u, -0.026, 0.009, -0.10) + wave(u, 0, 0.011, 1) + wave(u, 0.028, 0.010, -0.22) + wave(u, 0.75*systole(rr), 0.045, 0.26)
	}
	one(since, rr)
	one(since-rr, rr) // the next beat's early waves
	if i > 0 {
		one(since+q.start[i]-q.start[i-1], q.start[i]-q.start[i-1])
	}
	if q.af {
		v += 0.03 * math.Sin(2*math.Pi*6.3*t)
	}
	return v
}
