package run

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/clip/phantom"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/nearest"
	"github.com/cineloop/cineloop/internal/strictyaml"
	"github.com/cineloop/cineloop/methods/explain"
)

// regionFile names regions and says where each comes from.
type regionFile struct {
	Regions []regionSpec `yaml:"regions"`
}

// regionSpec is one named region with exactly one source.
type regionSpec struct {
	Name string   `yaml:"name"`
	Also []string `yaml:"also,omitempty"` // other names that a prompt may use

	Mask    string       `yaml:"mask,omitempty"`    // template of a mask file (NIfTI, npy, npz, PNG, …) over the table's columns
	Values  []int        `yaml:"values,omitempty"`  // of the mask that belong to the region; default: all above 0
	Run     string       `yaml:"run,omitempty"`     // folder of a finished segmentation run
	Class   string       `yaml:"class,omitempty"`   // of that run; default: its first
	Polygon [][]float64  `yaml:"polygon,omitempty"` // corners [x, y] in image points
	Ellipse *ellipseSpec `yaml:"ellipse,omitempty"`
	Disc    []float64    `yaml:"disc,omitempty"`    // [y, x, radius] in shares of the frame's height
	Phantom string       `yaml:"phantom,omitempty"` // a chamber of the simulated study, or shortcuts

	Frames    []int `yaml:"frames,omitempty"`     // first and last stored frame, from 0; default all
	EachFrame bool  `yaml:"each_frame,omitempty"` // also hide it during one part of the time alone
}

// ellipseSpec is an ellipse in image points.
type ellipseSpec struct {
	Centre  []float64 `yaml:"centre"`            // [x, y]
	Radii   []float64 `yaml:"radii"`             // of the first and the second axis
	Degrees float64   `yaml:"degrees,omitempty"` // of the first axis, from x towards y
}

// phantomShortcuts is the name of the places where the phantom drew confounders.
const phantomShortcuts = "shortcuts"

// readRegions reads the file of regions, where there is one, and chooses those that the command names: a drawn disc NAME=Y,X,RADIUS, or names
// from the file with commas between. Without a file, the chambers of the phantom are known. Nothing asked for is all of the file.
func readRegions(file string, asked []string) ([]regionSpec, error) {
	var known regionFile
	if file != "" {
		if err := strictyaml.ReadFile(file, &known); err != nil {
			return nil, err
		}
		if len(known.Regions) == 0 {
			return nil, fault.New(fault.Usage, "%s names no region", file)
		}
	} else {
		for _, c := range phantom.Chambers {
			known.Regions = append(known.Regions, regionSpec{Name: c.Name, Also: c.Also, Phantom: c.Name})
		}
		known.Regions = append(known.Regions, regionSpec{Name: phantomShortcuts, Phantom: phantomShortcuts})
	}
	seen := map[string]bool{}
	for i := range known.Regions {
		r := &known.Regions[i]
		if err := r.check(); err != nil {
			return nil, fault.New(fault.Usage, "%s: region %d: %w", file, i+1, err)
		}
		for _, n := range append([]string{r.Name}, r.Also...) {
			if seen[fold(n)] {
				return nil, fault.New(fault.Usage, "%s: two regions are named %q", file, n)
			}
			seen[fold(n)] = true
		}
	}
	var out []regionSpec
	for _, text := range asked {
		if strings.Contains(text, "=") {
			d, err := parseDisc(text)
			if err != nil {
				return nil, err
			}
			out = append(out, d)
			continue
		}
		for name := range strings.SplitSeq(text, ",") {
			r, err := known.find(name, file)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	if len(asked) == 0 && file != "" {
		out = known.Regions
	}
	names := map[string]bool{}
	for _, r := range out {
		if names[fold(r.Name)] {
			return nil, fault.New(fault.Usage, "region %q is asked for twice", r.Name)
		}
		names[fold(r.Name)] = true
	}
	return out, nil
}

func fold(name string) string { return strings.ToLower(strings.Join(strings.Fields(name), " ")) }

// find is the region of that name. Names are all that is understood of a prompt.
func (f regionFile) find(name, file string) (regionSpec, error) {
	var names []string
	for _, r := range f.Regions {
		for _, n := range append([]string{r.Name}, r.Also...) {
			if fold(n) == fold(name) {
				return r, nil
			}
		}
		names = append(names, r.Name)
	}
	where := "a simulated study"
	if file != "" {
		where = file
	}
	return regionSpec{}, fault.New(fault.Usage, "no region is named %q in %s (%s)", strings.TrimSpace(name), where, nearest.Hint(fold(name), names)).
		WithHint("names are looked up and free text is not understood: map the name onto a mask, a drawn shape or a segmentation run in the file of --regions, or draw a disc, NAME=Y,X,RADIUS such as valve=0.4,0.5,0.1")
}

// parseDisc reads NAME=Y,X,RADIUS.
func parseDisc(text string) (regionSpec, error) {
	name, rest, _ := strings.Cut(text, "=")
	r := regionSpec{Name: strings.TrimSpace(name)}
	for _, p := range strings.Split(rest, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil {
			v = -1
		}
		r.Disc = append(r.Disc, v)
	}
	if r.check() != nil {
		return r, fault.New(fault.Usage, "region %q: want NAME=Y,X,RADIUS, such as valve=0.4,0.5,0.1", text)
	}
	return r, nil
}

func (r *regionSpec) check() error {
	if fold(r.Name) == "" {
		return fault.New(fault.Usage, "it has no name")
	}
	var sources []string
	for _, s := range []struct {
		name string
		set  bool
	}{{"mask", r.Mask != ""}, {"run", r.Run != ""}, {"polygon", r.Polygon != nil}, {"ellipse", r.Ellipse != nil}, {"disc", r.Disc != nil}, {"phantom", r.Phantom != ""}} {
		if s.set {
			sources = append(sources, s.name)
		}
	}
	if len(sources) != 1 {
		return fault.New(fault.Usage, "%q has %d sources (%s)", r.Name, len(sources), strings.Join(sources, ", ")).WithHint("one of mask, run, polygon, ellipse, disc and phantom")
	}
	if len(r.Values) > 0 && r.Mask == "" {
		return fault.New(fault.Usage, "%q: values are those of a mask", r.Name)
	}
	if r.Class != "" && r.Run == "" {
		return fault.New(fault.Usage, "%q: a class is that of a run", r.Name)
	}
	if n := len(r.Frames); n > 0 && (n != 2 || r.Frames[0] < 0 || r.Frames[1] < r.Frames[0]) {
		return fault.New(fault.Usage, "%q: frames %v: want the first and the last, from 0", r.Name, r.Frames)
	}
	if d := r.Disc; d != nil {
		ok := len(d) == 3 && d[2] > 0
		for _, v := range d {
			ok = ok && v >= 0 && v <= 10
		}
		if !ok || len(r.Frames) > 0 {
			return fault.New(fault.Usage, "%q: disc %v: want [y, x, radius] in shares of the height, in all frames", r.Name, d)
		}
	}
	if r.Phantom != "" && fold(r.Phantom) != phantomShortcuts {
		if _, ok := phantom.Chamber(r.Phantom); !ok {
			return fault.New(fault.Usage, "%q: the phantom has no %q", r.Name, r.Phantom).WithHint("%s", phantomNames())
		}
	}
	if r.Polygon == nil && r.Ellipse == nil {
		return nil
	}
	s, err := r.shape()
	if err == nil {
		err = s.Check()
	}
	if err != nil {
		return fault.New(fault.Usage, "%q: %s", r.Name, strings.TrimPrefix(err.Error(), "explain: "))
	}
	return nil
}

func phantomNames() string {
	var names []string
	for _, c := range phantom.Chambers {
		names = append(names, c.Name)
	}
	return strings.Join(append(names, phantomShortcuts), ", ")
}

// shape is what was drawn.
func (r *regionSpec) shape() (explain.Shape, error) {
	point := func(v []float64) (explain.Point, error) {
		if len(v) != 2 {
			return explain.Point{}, fmt.Errorf("%v is no point [x, y]", v)
		}
		return explain.Point{X: v[0], Y: v[1]}, nil
	}
	if e := r.Ellipse; e != nil {
		c, err := point(e.Centre)
		if err != nil {
			return explain.Shape{}, err
		}
		radii, err := point(e.Radii)
		return explain.Shape{Ellipse: &explain.Ellipse{Centre: c, Radii: radii, Degrees: e.Degrees}}, err
	}
	var s explain.Shape
	for _, v := range r.Polygon {
		p, err := point(v)
		if err != nil {
			return s, err
		}
		s.Polygon = append(s.Polygon, p)
	}
	return s, nil
}
