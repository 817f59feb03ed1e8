package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Interval is a confidence interval. Both ends are NaN when it cannot be computed; Method then says how it was tried.
type Interval struct {
	Low, High float64
	Level     float64 // 0.95 for a 95 % interval
	Method    string  // wilson, clopper-pearson, delong, bootstrap-bca, …
}

// Defined reports whether the interval could be computed.
func (v Interval) Defined() bool { return !math.IsNaN(v.Low) && !math.IsNaN(v.High) }

func (v Interval) String() string {
	if !v.Defined() {
		return "no interval"
	}
	return fmt.Sprintf("%g %% interval %.4g to %.4g (%s)", 100*v.Level, v.Low, v.High, v.Method)
}

func noInterval(level float64, method string) Interval {
	return Interval{Low: math.NaN(), High: math.NaN(), Level: level, Method: method}
}

// Wilson is the score interval of the proportion k of n (Wilson 1927): good coverage on average, also for small n and extreme k.
// k may be fractional, as for an effective count.
func Wilson(k, n, level float64) Interval {
	if !(n > 0) || !(k >= 0) || k > n {
		return noInterval(level, "wilson")
	}
	z := NormalQuantile(level)
	p, z2 := k/n, z*z
	centre := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	v := Interval{Low: math.Max(0, centre-half), High: math.Min(1, centre+half), Level: level, Method: "wilson"}
	if k == 0 { // exactly, where rounding would leave 1e-17
		v.Low = 0
	}
	if k == n {
		v.High = 1
	}
	return v
}

// ClopperPearson is the exact interval of the proportion k of n (Clopper and Pearson 1934): coverage never below level, often above.
func ClopperPearson(k, n int, level float64) Interval {
	if n <= 0 || k < 0 || k > n {
		return noInterval(level, "clopper-pearson")
	}
	tail := (1 - level) / 2
	v := Interval{Low: 0, High: 1, Level: level, Method: "clopper-pearson"}
	if k > 0 {
		v.Low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		v.High = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return v
}
