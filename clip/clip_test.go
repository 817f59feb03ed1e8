package clip

import (
	"math"
	"strings"
	"testing"
)

func TestNewAndSamples(t *testing.T) {
	for dt, size := range map[DType]int{Uint8: 1, Int8: 1, Uint16: 2, Int16: 2, Int32: 4, Float32: 4, Float64: 8} {
		c := New(dt, 2, 3, 5, 3)
		if dt.Size() != size || len(c.Data) != 90*size || c.FrameBytes() != 45*size || len(c.Frame(1)) != 45*size || cap(c.Frame(0)) != 45*size {
			t.Errorf("%v: %d bytes, frames of %d", dt, len(c.Data), len(c.Frame(1)))
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%v: %v", dt, err)
		}
	}
	if DType(0).Size() != 0 || !strings.Contains(DType(99).String(), "99") || Float32.String() != "float32" {
		t.Error("names of sample types")
	}
	c := New(Int16, 1, 1, 3, 1)
	Samples[int16](c)[2] = -2
	if c.Data[4] != 0xfe && c.Data[5] != 0xfe {
		t.Error("the view is a copy")
	}
}

func TestPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"a view of another type": func() { Samples[float32](New(Int32, 1, 1, 1, 1)) },
		"no rows":                func() { New(Uint8, 1, 0, 1, 1) },
		"negative":               func() { New(Uint8, 1, -2, -3, 1) },
		"an overflow":            func() { New(Float64, math.MaxInt32, math.MaxInt32, math.MaxInt32, 1) },
		"an unknown type":        func() { New(DType(0), 1, 1, 1, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestValidate(t *testing.T) {
	for name, breakIt := range map[string]func(*Clip){
		"short data":         func(c *Clip) { c.Data = c.Data[1:] },
		"a time too few":     func(c *Clip) { c.TimesMS = []float64{0, 1} },
		"time goes back":     func(c *Clip) { c.TimesMS = []float64{0, 2, 1} },
		"time is no number":  func(c *Clip) { c.TimesMS = []float64{0, math.NaN(), 1} },
		"no channels":        func(c *Clip) { c.C = 0 },
		"no sample type":     func(c *Clip) { c.DType = 0 },
		"a terabyte claimed": func(c *Clip) { c.T = 1 << 42 },
	} {
		c := New(Uint8, 3, 2, 2, 1)
		c.TimesMS = []float64{0, 0, 5}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		breakIt(c)
		if c.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFrameRate(t *testing.T) {
	for _, c := range []struct {
		times []float64
		want  float64
	}{{nil, 0}, {[]float64{0}, 0}, {[]float64{3, 3}, 0}, {[]float64{0, 20, 40}, 50}, {[]float64{0, 10, 40}, 50}} {
		if got := (&Clip{TimesMS: c.times}).FrameRate(); got != c.want {
			t.Errorf("%v: %v, want %v", c.times, got, c.want)
		}
	}
}
