package strictyaml

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// axis decodes itself from a YAML list of two numbers.
type axis struct{ low, high int }

func (a *axis) UnmarshalYAML(n *yaml.Node) error {
	var v []int
	if err := n.Decode(&v); err != nil {
		return err
	}
	if len(v) != 2 {
		return errors.New("want two numbers")
	}
	a.low, a.high = v[0], v[1]
	return nil
}

type custom struct {
	Addr   netip.Addr        `yaml:"addr"`
	Axis   axis              `yaml:"axis"`
	Axes   []axis            `yaml:"axes"`
	Any    any               `yaml:"any"`
	Deep   map[string][]leaf `yaml:"deep"`
	Small  uint8             `yaml:"small"`
	F32    float32           `yaml:"f32"`
	PlainX int
}

type leaf struct {
	Value *float64 `yaml:"value"`
}

func TestTypesThatDecodeThemselves(t *testing.T) {
	var c custom
	doc := "addr: 10.0.0.1\naxis: [1, 2]\naxes: [[3, 4], [5, 6]]\nany: {a: [1, x]}\ndeep: {k: [{value: 0.5}, {}]}\nsmall: 255\nf32: .5\nplainx: 7\n"
	if err := Unmarshal("c.yaml", []byte(doc), &c); err != nil {
		t.Fatal(err)
	}
	half := 0.5
	want := custom{netip.MustParseAddr("10.0.0.1"), axis{1, 2}, []axis{{3, 4}, {5, 6}}, map[string]any{"a": []any{1, "x"}},
		map[string][]leaf{"k": {{&half}, {}}}, 255, 0.5, 7}
	if d := cmp.Diff(want, c, cmp.AllowUnexported(axis{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	for doc, want := range map[string]string{
		"addr: nowhere\n":                "c.yaml:1: addr: ",
		"addr: [1]\n":                    "addr: want one value, have a list",
		"axis: [1]\n":                    "axis: want two numbers",
		"axis: x\n":                      "axis: ",
		"axes:\n- [1, 2]\n- [1]\n":       "c.yaml:",
		"small: 256\n":                   `small: want a whole number from 0 up, have "256"`,
		"deep: {k: [{valu: 1}]}\n":       `deep.k.0: unknown key "valu" (did you mean "value"?)`,
		"deep: {k: {value: 1}}\n":        "deep.k: want a list, have keys and values",
		"plainx: 99999999999999999999\n": "plainx: want a whole number",
	} {
		if err := Unmarshal("c.yaml", []byte(doc), new(custom)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", doc, err, want)
		}
	}
	if err := Set(new(custom), "axes.1=[7, 8]"); err == nil || !strings.Contains(err.Error(), `"1" is no position in an empty list (0 appends)`) {
		t.Errorf("%v", err)
	}
	if err := Set(&c, "axes.1=[7, 8]"); err != nil || c.Axes[1] != (axis{7, 8}) {
		t.Errorf("%v %v", err, c.Axes)
	}
	if err := Set(&c, "deep.k.1.value=2"); err != nil || *c.Deep["k"][1].Value != 2 || *c.Deep["k"][0].Value != 0.5 {
		t.Errorf("%v %v", err, c.Deep)
	}
}

// A value that the file means to be long is cut in the message, and a field that cannot be decoded is the program's defect.
func TestMessagesStayShort(t *testing.T) {
	var r recipe
	err := Unmarshal("r.yaml", []byte("seed: "+strings.Repeat("x", 5000)+"\n"), &r)
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("%v", err)
	}
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "cannot be decoded") {
			t.Errorf("a field of type chan: %v", v)
		}
	}()
	var bad struct {
		C chan int `yaml:"c"`
	}
	_ = Unmarshal("bad.yaml", []byte("c: 1\n"), &bad)
}
