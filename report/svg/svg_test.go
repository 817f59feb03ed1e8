package svg

import (
	"encoding/xml"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestTicks works round numbers by hand.
func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis Axis
		want string
	}{
		{Axis{Min: 0, Max: 1}, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{Axis{Min: 0, Max: 100}, "0 20 40 60 80 100"},
		{Axis{Min: -30, Max: 20}, "−30 −20 −10 0 10 20"},
		{Axis{Min: 0.2, Max: 1.4}, "0.2 0.4 0.6 0.8 1.0 1.2 1.4"},
		{Axis{Min: -0.02, Max: 0.02, Count: 4}, "−0.02 −0.01 0.00 0.01 0.02"},
		{Axis{Min: 0, Max: 3, Whole: true}, "0 1 2 3"},
		{Axis{Min: 0, Max: 30000}, "0 5000 10000 15000 20000 25000 30000"},
		{Axis{Min: 2, Max: 2}, "2"},
	} {
		if got := strings.Join(c.axis.Labels(), " "); got != c.want {
			t.Errorf("%v to %v: %q, want %q", c.axis.Min, c.axis.Max, got, c.want)
		}
	}
}

func TestAround(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		values   []float64
		min, max float64
	}{
		{[]float64{28.7, 83}, 20, 100}, {[]float64{0, 0.93}, 0, 1}, {nil, 0, 1}, {[]float64{nan, math.Inf(1), 5}, 4.4, 5.6},
		{[]float64{-3.2, 4.1}, -4, 6}, {[]float64{0.1, 0.1}, -0.4, 0.6},
	} {
		a := Around("", c.values...)
		if math.Abs(a.Min-c.min) > 1e-9 || math.Abs(a.Max-c.max) > 1e-9 {
			t.Errorf("%v: %v to %v, want %v to %v", c.values, a.Min, a.Max, c.min, c.max)
		}
		for _, v := range c.values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) && (v < a.Min || v > a.Max) {
				t.Errorf("%v lies outside %v to %v", v, a.Min, a.Max)
			}
		}
	}
}

// TestPlot parses a plot with every mark and looks up where two points are.
func TestPlot(t *testing.T) {
	p := Plot{ID: "p", Title: "A <plot> & more", Desc: `"what" is seen`, X: Axis{Label: "x", Min: 0, Max: 10}, Y: Axis{Label: "y", Min: 0, Max: 1},
		Marks: []Mark{
			Line{Points: []XY{{0, 0}, {5, 0.5}, {math.NaN(), 1}, {10, 1}}, Class: "s1", Dashed: true},
			Dots{Points: []XY{{5, 0.5}, {math.NaN(), 0}}, Class: "s2"}, Band{Low: 0.2, High: 0.4, Class: "s1"},
			Bars{Points: []XY{{0, 0.5}, {5, 0}}, Width: 1, Class: "muted"}, Note{At: XY{5, 0.5}, Text: "<here>", Anchor: "middle"}}}
	text := p.SVG()
	if text != p.SVG() {
		t.Error("the same plot gives other bytes")
	}
	names := elements(t, text)
	count := func(name string) (n int) {
		for _, e := range names {
			if e == name {
				n++
			}
		}
		return n
	}
	if count("circle") != 1 || count("rect") != 2 {
		t.Errorf("%d dots and %d rectangles: undefined points and empty bars must not be drawn", count("circle"), count("rect"))
	}
	// The plane is 46 to 348 across and 228 to 10 up: (5, 0.5) is in its middle; the NaN breaks the line.
	for _, want := range []string{`cx="197" cy="119"`, `d="M46 228L197 119M348 10"`, "A &lt;plot&gt; &amp; more", "&lt;here&gt;", `class="line s1 dashed"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func elements(t *testing.T, text string) []string {
	t.Helper()
	var names []string
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatalf("not well-formed: %v in %s", err, text)
		}
		if e, ok := token.(xml.StartElement); ok {
			names = append(names, e.Name.Local)
		}
	}
}

func TestCoordinates(t *testing.T) {
	var got []string
	for _, v := range []float64{1, 1.25, -0.04, 1e-9, 123.456, math.NaN(), math.Inf(1)} {
		got = append(got, coordinate(v))
	}
	if want := []string{"1", "1.3", "0", "0", "123.5", "0", "0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzText: whatever the title is, the plot stays well-formed and gains no element.
func FuzzText(f *testing.F) {
	f.Add("</title><script>", "\x00\x1b\xff")
	f.Fuzz(func(t *testing.T, title, label string) {
		p := Plot{ID: "p", Title: title, Desc: label, X: Axis{Label: label, Max: 1}, Y: Axis{Label: title, Max: 1}}
		plain := Plot{ID: "p", X: p.X, Y: p.Y}
		plain.X.Label, plain.Y.Label = "", ""
		if got, want := len(elements(t, p.SVG())), len(elements(t, plain.SVG())); got != want {
			t.Errorf("%d elements, want %d", got, want)
		}
	})
}
