package golden

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Case is one entry of a golden file.
type Case struct {
	Name     string // FAMILY#k
	Source   string // which program or formula made the numbers
	Inputs   Values
	Params   Values
	Expected Values
	Tol      float64 // |got − want| ≤ Tol · max(1, |want|) for float64 code
	File     string  // base name of the file it came from
}

// Family is the name up to "#".
func (c Case) Family() string {
	family, _, _ := strings.Cut(c.Name, "#")
	return family
}

// Load reads every *.json file of dir, in the order of names.
func Load(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	if len(files) == 0 {
		return nil, fmt.Errorf("no golden files (*.json) in %s", dir)
	}
	var all []Case
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		cases, err := Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		for i := range cases {
			cases[i].File = filepath.Base(path)
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Decode reads one file's content.
func Decode(data []byte) ([]Case, error) {
	var file struct {
		Cases []struct {
			Name, Source             string
			Inputs, Params, Expected map[string]any
			Tol                      float64
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	var cases []Case
	for i, c := range file.Cases {
		if c.Name == "" || c.Tol <= 0 || len(c.Expected) == 0 {
			return nil, fmt.Errorf("case %d (%q) needs a name, a tolerance above 0 and expected values", i, c.Name)
		}
		cases = append(cases, Case{Name: c.Name, Source: c.Source, Inputs: c.Inputs, Params: c.Params, Expected: c.Expected, Tol: c.Tol})
	}
	return cases, nil
}

// Values are the named values of a case. Its getters panic with a message that [Run] turns into the case's failure.
type Values map[string]any

// Has says whether a value of that name is there.
func (v Values) Has(name string) bool { _, ok := v[name]; return ok }

func (v Values) get(name string) any {
	x, ok := v[name]
	if !ok {
		panic(fmt.Sprintf("golden: the case has no %q", name))
	}
	return x
}

// Number is one number; "NaN", "Infinity" and "-Infinity" (and R's NA and Inf) are numbers too, and true is 1.
func (v Values) Number(name string) float64 {
	f, ok := number(v.get(name))
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a number", name))
	}
	return f
}

// NumberOr is Number, or def where there is none.
func (v Values) NumberOr(name string, def float64) float64 {
	if !v.Has(name) {
		return def
	}
	return v.Number(name)
}

// Text is one string.
func (v Values) Text(name string) string {
	s, ok := v.get(name).(string)
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a text", name))
	}
	return s
}

// Bool is one truth value.
func (v Values) Bool(name string) bool { return v.Number(name) != 0 }

// Floats is a vector; a single number is a vector of one.
func (v Values) Floats(name string) []float64 { return vector(name, v.get(name)) }

// Ints is a vector of whole numbers.
func (v Values) Ints(name string) []int {
	f := v.Floats(name)
	out := make([]int, len(f))
	for i, x := range f {
		if x != math.Trunc(x) {
			panic(fmt.Sprintf("golden: %q holds %v, want whole numbers", name, x))
		}
		out[i] = int(x)
	}
	return out
}

// Texts is a list of strings.
func (v Values) Texts(name string) []string {
	list, ok := v.get(name).([]any)
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a list", name))
	}
	out := make([]string, len(list))
	for i, x := range list {
		out[i], _ = x.(string)
	}
	return out
}

// Matrix is a list of vectors.
func (v Values) Matrix(name string) [][]float64 { return matrix(name, v.get(name)) }

// Cube is a list of matrices.
func (v Values) Cube(name string) [][][]float64 {
	list, ok := v.get(name).([]any)
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a list of matrices", name))
	}
	out := make([][][]float64, len(list))
	for i, x := range list {
		out[i] = matrix(name, x)
	}
	return out
}

func matrix(name string, x any) [][]float64 {
	list, ok := x.([]any)
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a matrix", name))
	}
	out := make([][]float64, len(list))
	for i, row := range list {
		out[i] = vector(name, row)
	}
	return out
}

func vector(name string, x any) []float64 {
	if f, ok := number(x); ok {
		return []float64{f}
	}
	list, ok := x.([]any)
	if !ok {
		panic(fmt.Sprintf("golden: %q is not a vector", name))
	}
	out := make([]float64, len(list))
	for i, e := range list {
		if out[i], ok = number(e); !ok {
			panic(fmt.Sprintf("golden: element %d of %q is not a number", i, name))
		}
	}
	return out
}

func number(x any) (float64, bool) {
	switch v := x.(type) {
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		switch v {
		case "NaN", "NA":
			return math.NaN(), true
		case "Infinity", "Inf":
			return math.Inf(1), true
		case "-Infinity", "-Inf":
			return math.Inf(-1), true
		}
	}
	return 0, false
}
