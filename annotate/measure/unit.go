package measure

// Units of values, UCUM codes of at most 16 characters, the length of a code value (PS3.5 SH).
const (
	Millimetre       = "mm"
	SquareMillimetre = "mm2"
	Millilitre       = "mL"
	Millisecond      = "ms"
	Degree           = "deg"
	Percent          = "%"
	CmPerSecond      = "cm/s"
	CmPerSecond2     = "cm/s2"
	PerMinute        = "/min"
	Hertz            = "Hz"
	Gram             = "g"
	One              = "1"
	Pixels           = "{pixels}"        // a length where nothing says what a pixel is worth
	SquarePixels     = "{square_pixels}" // an area there
)

// Axis is what one direction of a picture is measured in (PS3.3 C.8.5.5.1.15), in the unit that values have.
type Axis struct {
	Unit  string  // Millimetre, Millisecond, CmPerSecond, Hertz, Degree, …; "" where the region names none
	Scale float64 // of one pixel, in Unit; the sign is the direction's
}

// axisOf is a region's direction: code is Physical Units, delta Physical Delta.
func axisOf(code int, delta float64) Axis {
	switch code {
	case 1:
		return Axis{Percent, delta}
	case 2:
		return Axis{"dB", delta}
	case 3:
		return Axis{Millimetre, 10 * delta} // cm
	case 4:
		return Axis{Millisecond, 1000 * delta} // seconds
	case 5:
		return Axis{Hertz, delta}
	case 7:
		return Axis{CmPerSecond, delta}
	case 12: // 000CH, degrees
		return Axis{Degree, delta}
	}
	return Axis{}
}
