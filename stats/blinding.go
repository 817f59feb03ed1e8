package stats

import "math"

// Guesses are what people took one arm of a blinded study for.
type Guesses struct{ Right, Wrong, Unknown float64 }

// Blinding is an index of how well a study was blinded, with its standard error.
type Blinding struct {
	Value, SE float64
	lowest    float64
}

// Interval is Value ± z·SE, cut to what the index can be. Without spread there is none.
func (b Blinding) Interval(level float64) Interval {
	half := NormalQuantile(level) * b.SE
	if !(half > 0) || math.IsNaN(b.Value) {
		return noInterval(level, "delta")
	}
	return Interval{Low: math.Max(b.lowest, b.Value-half), High: math.Min(1, b.Value+half), Level: level, Method: "delta"}
}

// BangIndex is that of one arm (Bang, Ni and Davis, Control Clin Trials 2004;25:143): right minus wrong guesses, of all answers. 0 is what chance
// gives, 1 that everybody guesses right, −1 that everybody takes it for the other. NaN without answers.
func BangIndex(g Guesses) Blinding {
	n := g.Right + g.Wrong + g.Unknown
	b := Blinding{Value: (g.Right - g.Wrong) / n, SE: math.NaN(), lowest: -1}
	if n > 0 {
		b.SE = math.Sqrt(math.Max(0, (g.Right+g.Wrong)/n-b.Value*b.Value) / n)
	}
	return b
}

// JamesIndex is that of two arms (James et al., Stat Med 1996;15:1421): 0 where everybody guesses right, 0.5 where all guess by chance, 1 where
// nobody knows or all are wrong. NaN where chance could bring no wrong guess, as when only one of two arms was guessed about. The error is
// the delta method's over the six counts.
func JamesIndex(a, b Guesses) Blinding {
	p := [6]float64{a.Right, a.Wrong, a.Unknown, b.Right, b.Wrong, b.Unknown}
	out := Blinding{Value: jamesOf(p), SE: math.NaN()}
	n := 0.0
	for _, v := range p {
		n += v
	}
	if math.IsNaN(out.Value) {
		return out
	}
	var first, second float64
	const step = 1e-5
	for i := range p { // jamesOf does not change with the counts' size, so that derivatives need no constraint
		up, down := p, p
		h := step * n
		up[i] += h
		down[i] -= h
		d := (jamesOf(up) - jamesOf(down)) / (2 * step)
		if p[i] > 0 {
			first, second = first+p[i]/n*d*d, second+p[i]/n*d
		}
	}
	out.SE = math.Sqrt(math.Max(0, first-second*second) / n)
	if out.SE < 1e-7 { // rounding
		out.SE = 0
	}
	return out
}

func jamesOf(p [6]float64) float64 {
	n := 0.0
	for _, v := range p {
		n += v
	}
	unknown := (p[2] + p[5]) / n
	if !(n > 0) {
		return math.NaN()
	}
	if math.Abs(1-unknown) < 1e-12 {
		return 1
	}
	wrong := (p[1] + p[4]) / n / (1 - unknown)
	asA, asB := (p[0]+p[4])/n, (p[1]+p[3])/n // taken for the first, for the second
	chance := (asB*(p[0]+p[1])/n + asA*(p[3]+p[4])/n) / ((1 - unknown) * (1 - unknown))
	if chance < 1e-12 {
		return math.NaN()
	}
	return (1 + unknown + (1-unknown)*(wrong-chance)/chance) / 2
}
