package survival

import "math"

// Family is a distribution of log times around a location: log T = location + scale × error.
type Family int

const (
	// Weibull: the error is a smallest extreme value.
	Weibull Family = iota
	// LogNormal: the error is a standard normal.
	LogNormal
)

// tail is log S, log f, and their derivatives by the standardised time z; f is the density of z.
func (f Family) tail(z float64) (logS, dLogS, logF, dLogF float64) {
	if f == Weibull {
		e := math.Exp(math.Min(z, 80)) // a gradient still fits a float32
		return -e, -e, z - e, 1 - e
	}
	logF = -z*z/2 - math.Log(2*math.Pi)/2
	if z < 0 { // S is near 1: its logarithm keeps the digits that S loses
		logS = math.Log1p(-math.Erfc(-z/math.Sqrt2) / 2)
		return logS, -math.Exp(logF - logS), logF, -z
	}
	s := math.Erfc(z/math.Sqrt2) / 2
	if s > 1e-300 {
		logS = math.Log(s)
		return logS, -math.Exp(logF - logS), logF, -z
	}
	// Mills' ratio far to the right: S ≈ f/(z + 1/z).
	logS = logF - math.Log(z+1/z)
	return logS, -(z + 1/z), logF, -z
}

// AFTLoss is the mean negative log likelihood of an accelerated failure time model whose location and log scale are outputs [N, 2]
// (deep Weibull and log-normal regression). Right censoring, interval censoring (Upper) and left truncation (Entry) enter the
// likelihood. Times of 0 count as 1e-9.
func AFTLoss(output []float64, l Labels, family Family) Loss {
	n := l.Len()
	out := meanLoss(2*n, n, float64(n))
	for i := range n {
		location, logScale := output[2*i], math.Min(math.Max(output[2*i+1], -8), 8)
		scale := math.Exp(logScale)
		held := logScale != output[2*i+1]
		logT := func(t float64) float64 { return math.Log(math.Max(t, 1e-9)) }
		z := func(t float64) float64 { return (logT(t) - location) / scale }
		// ∂z/∂location = −1/scale, ∂z/∂logScale = −z.
		var value, byZLoc, byScale float64
		push := func(sign, v, dv, at float64) {
			value += sign * v
			byZLoc += sign * dv * (-1 / scale)
			byScale += sign * dv * (-at)
		}
		lower := z(l.Time[i])
		upper := math.Inf(1)
		exact := l.Event[i] != 0
		if l.Upper != nil {
			upper = l.Upper[i]
			exact = upper == l.Time[i]
		}
		switch {
		case exact:
			out.Events++
			_, _, logF, dLogF := family.tail(lower)
			push(1, logF, dLogF, lower)
			value -= logScale + logT(l.Time[i])
			byScale--
		case math.IsInf(upper, 1):
			logS, dLogS, _, _ := family.tail(lower)
			push(1, logS, dLogS, lower)
		default: // log(S(a) − S(b))
			out.Events++
			zb := z(upper)
			sa, da, _, _ := family.tail(lower)
			sb, db, _, _ := family.tail(zb)
			if l.Time[i] <= 0 {
				sa, da = 0, 0
			}
			gap := math.Exp(sb - sa)
			rest := math.Max(-math.Expm1(sb-sa), 1e-300)
			if sa < -1e8 { // so far out that nothing is left at the interval's end
				gap, rest = 0, 1
			}
			value += sa + math.Log(rest)
			wa, wb := 1/rest, -gap/rest
			byZLoc += (wa*da + wb*db) * (-1 / scale)
			byScale += -(wa*da*lower + wb*db*zb)
		}
		if l.Entry != nil && l.Entry[i] > 0 {
			ze := z(l.Entry[i])
			logS, dLogS, _, _ := family.tail(ze)
			push(-1, logS, dLogS, ze)
		}
		out.Each[i] = -value
		out.Grad[2*i] = -byZLoc / float64(n)
		if !held {
			out.Grad[2*i+1] = -byScale / float64(n)
		}
	}
	return out.mean()
}

// AFTCurves is survival at times (in units of unit) for outputs [N, 2].
func AFTCurves(output []float64, times []float64, unit float64, family Family) Curves {
	n := len(output) / 2
	c := newCurves(times, n)
	for i := range n {
		scale := math.Exp(math.Min(math.Max(output[2*i+1], -8), 8))
		for t, u := range times {
			c.Values[t][i] = 1
			if u > 0 {
				logS, _, _, _ := family.tail((math.Log(u/unit) - output[2*i]) / scale)
				c.Values[t][i] = math.Exp(logS)
			}
		}
	}
	return c
}
