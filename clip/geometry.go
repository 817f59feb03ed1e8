package clip

// Box is a part of a clip in stored samples: frames [T0, T1), rows [Y0, Y1), columns [X0, X1). It may reach outside the clip.
type Box struct {
	T0, T1, Y0, Y1, X0, X1 int
}

// Foreground is the box around what is not background: rows, columns and (for stacks) frames in which at least 1 % of the samples
// are above the level 5 % of the way from the clip's 0.5th to its 99.5th percentile. A cine keeps all its frames, and a clip without
// foreground its whole frame. At most 16 frames of a cine are looked at.
func Foreground(c *Clip) Box {
	switch c.DType {
	case Uint8:
		return foreground[uint8](c)
	case Int8:
		return foreground[int8](c)
	case Uint16:
		return foreground[uint16](c)
	case Int16:
		return foreground[int16](c)
	case Int32:
		return foreground[int32](c)
	case Float32:
		return foreground[float32](c)
	}
	return foreground[float64](c)
}

func foreground[T Number](c *Clip) Box {
	s := Samples[T](c)
	frames := make([]int, c.T)
	for i := range frames {
		frames[i] = i
	}
	if c.TimesMS != nil && c.T > 16 {
		frames = UniformFrames(c.T, 16)
	}
	inverse := c.Photometric == Inverse
	level := foregroundLevel(s, inverse)
	rows, cols, slices := make([]int, c.H), make([]int, c.W), make([]int, c.T)
	row := c.W * c.C
	for _, f := range frames {
		for y := range c.H {
			line := s[(f*c.H+y)*row : (f*c.H+y+1)*row]
			n := 0
			for x := range c.W {
				if v := line[x*c.C]; !inverse && v > level || inverse && v < level {
					cols[x]++
					n++
				}
			}
			rows[y] += n
			slices[f] += n
		}
	}
	n := len(frames)
	box := Box{T1: c.T}
	box.Y0, box.Y1 = occupied(rows, n*c.W/100)
	box.X0, box.X1 = occupied(cols, n*c.H/100)
	if c.TimesMS == nil && c.T > 1 {
		box.T0, box.T1 = occupied(slices, c.H*c.W/100)
	}
	return box
}

// foregroundLevel reads percentiles from about 65,536 samples.
func foregroundLevel[T Number](s []T, inverse bool) T {
	x := everySo(s, 65536)
	if len(x) == 0 {
		return 0
	}
	lo, hi := quantile(x, 0.005), quantile(x, 0.995)
	if inverse {
		return T(hi - 0.05*(hi-lo))
	}
	return T(lo + 0.05*(hi-lo))
}

// occupied is the range from the first to the last count above least, or everything when there is none.
func occupied(counts []int, least int) (int, int) {
	lo, hi := 0, len(counts)
	for lo < hi && counts[lo] <= least {
		lo++
	}
	for hi > lo && counts[hi-1] <= least {
		hi--
	}
	if lo == hi {
		return 0, len(counts)
	}
	return lo, hi
}
