package ejection

import "math"

// Discs is the number of discs of Simpson's rule that the guideline names.
const Discs = 20

// AreaLength is the volume of a cavity seen in one plane, mL: 8·A² / (3·π·L), exact for an ellipsoid of revolution about its long axis (Dodge et
// al., Am Heart J 1960; Lang et al. 2015, table 1 gives 0.85·A²/L).
func AreaLength(p Plane) float64 {
	return AreaLengthOf(p.Area(), p.Length())
}

// AreaLengthOf is [AreaLength] of an area, mm², and a length, mm, that are known.
func AreaLengthOf(area, length float64) float64 {
	return 8 * area * area / (3 * math.Pi * length) / 1000
}

// Simpson is the volume by discs in one plane, mL: π/4 · Σ dᵢ² · L/n, the cavity being round about its long axis.
func Simpson(p Plane) float64 { return Biplane(p, p) }

// Biplane is the volume by discs in two planes at right angles, mL: π/4 · Σ aᵢ·bᵢ · L/n, with the longer of the two lengths (Lang et al.
// 2015). end says which end of each plane is the apex; both are laid so that row order counts from the top, as in apical views.
func Biplane(a, b Plane) float64 {
	return BiplaneOf(upright(a), upright(b), a.Length(), b.Length())
}

// BiplaneOf is [Biplane] of diameters, mm, that are known: as many in one plane as in the other, from the same end of the cavity.
func BiplaneOf(a, b []float64, lengthA, lengthB float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return math.Pi / 4 * sum * math.Max(lengthA, lengthB) / float64(len(a)) / 1000
}

// upright are the diameters from the upper end of the picture (the apex, in apical views) downwards.
func upright(p Plane) []float64 {
	d := p.Diameters(Discs)
	if a, ok := p.long(); ok && a.dir.y < 0 {
		for i, j := 0, len(d)-1; i < j; i, j = i+1, j-1 {
			d[i], d[j] = d[j], d[i]
		}
	}
	return d
}

// Stack is the volume of a stack of short-axis slices, mL: Σ area · distance of slices. areas are mm².
func Stack(areas []float64, sliceMM float64) float64 {
	var sum float64
	for _, a := range areas {
		sum += a
	}
	return sum * sliceMM / 1000
}

// Fraction is the ejection fraction, %, of two volumes or of anything in proportion to them; NaN where the first is not positive.
func Fraction(diastolic, systolic float64) float64 {
	if !(diastolic > 0) {
		return math.NaN()
	}
	return 100 * (diastolic - systolic) / diastolic
}
