package judges

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Expected is a number that a report has to have.
type Expected struct {
	Item  string  `json:"item"`           // tracking identifier
	Name  string  `json:"name,omitempty"` // code value or meaning of the number's concept; "" any
	Value float64 `json:"value"`
	Unit  string  `json:"unit"` // UCUM
}

// Number is one that a program of others read.
type Number struct {
	File, Item, Code, Name string
	Value                  float64
	Unit, Scheme           string
	Shapes                 []Geometry // where the reader works them out anew
}

// Geometry is a region in millimetres.
type Geometry struct {
	Type   string
	Closed bool
	Length float64
	Area   float64
}

// Tolerance is how far a number that was read may be from the one that was drawn, of its size.
const Tolerance = 1e-4

// Readings holds the reports below a folder of exported results against what was drawn: pydicom, dcmtk and dcmjs each have to read every number with its unit; pydicom also
// works lengths and areas out anew from the points and the headers of the pictures (files, which may be none). A reader that is not installed is skipped with a word.
func Readings(t *testing.T, export string, pictures []string, want []Expected) {
	t.Helper()
	var reports []string
	err := filepath.WalkDir(export, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Base(filepath.Dir(p)) == "sr" {
			reports = append(reports, p)
		}
		return err
	})
	if err != nil || len(reports) == 0 || len(want) == 0 {
		t.Fatalf("%d reports, %d numbers expected, %v", len(reports), len(want), err)
	}
	for name, read := range map[string]func(*testing.T) []Number{
		"pydicom": func(t *testing.T) []Number { return Pydicom(t, reports, pictures) },
		"dcmtk":   func(t *testing.T) []Number { return DCMTK(t, reports) },
		"dcmjs":   func(t *testing.T) []Number { return Dcmjs(t, reports) },
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t)
			for _, w := range want {
				w.in(t, got)
			}
			anew := 0
			for _, n := range got {
				anew += n.again(t)
			}
			t.Logf("%s: %d numbers of %d reports, %d expected ones, %d worked out anew", name, len(got), len(reports), len(want), anew)
		})
	}
}

// in expects the number among those that were read.
func (w Expected) in(t *testing.T, got []Number) {
	t.Helper()
	nearest, off := Number{}, math.Inf(1)
	for _, n := range got {
		if n.Item != w.Item || w.Name != "" && n.Code != w.Name && n.Name != w.Name {
			continue
		}
		d := math.Abs(n.Value - w.Value)
		if n.Unit == w.Unit && n.Scheme == "UCUM" && d <= Tolerance*math.Abs(w.Value) {
			return
		}
		if d < off {
			nearest, off = n, d
		}
	}
	t.Errorf("%s %s: %g %s was drawn; the nearest that is read is %g %s (%s)", w.Item, w.Name, w.Value, w.Unit, nearest.Value, nearest.Unit, nearest.Scheme)
}

// again expects a length or an area to be what its single region comes to; it says how many it could hold against one.
func (n Number) again(t *testing.T) int {
	t.Helper()
	if len(n.Shapes) != 1 {
		return 0
	}
	s := n.Shapes[0]
	want := math.NaN()
	switch {
	case n.Unit == "mm2" && s.Closed:
		want = s.Area
	case n.Unit == "mm" && (n.Name == "Perimeter" || !s.Closed && (n.Name == "Length" || s.Type == "POLYLINE" && n.Code != "103339001")) && s.Type != "ELLIPSE":
		want = s.Length
	}
	if math.IsNaN(want) {
		return 0
	}
	if math.Abs(n.Value-want) > Tolerance*want {
		t.Errorf("%s %s: %g %s is written, its points are %g", n.Item, n.Name, n.Value, n.Unit, want)
	}
	return 1
}

//go:embed readers/pydicom_numbers.py
var pydicomNumbers string

// Pydicom reads the numbers of reports with pydicom.
func Pydicom(t *testing.T, reports, pictures []string) []Number {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.CommandContext(t.Context(), python, "-c", "import pydicom").Run(); err != nil {
		t.Skip("pydicom is not installed")
	}
	return decode(t, exec.CommandContext(t.Context(), python, append(append([]string{"-c", pydicomNumbers}, reports...), append([]string{"--"}, pictures...)...)...))
}

func decode(t *testing.T, cmd *exec.Cmd) (out []Number) {
	t.Helper()
	var said, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &wrong
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %.2000s", err, wrong.String())
	}
	if err := json.Unmarshal(said.Bytes(), &out); err != nil {
		t.Fatalf("%v: %.500s", err, said.String())
	}
	return out
}

//go:embed readers/dcmjs_numbers.cjs
var dcmjsNumbers string

// dcmjsVersion is what npm has.
const dcmjsVersion = "0.52.2"

// Dcmjs reads the numbers of reports with dcmjs, which OHIF reads with, fetched once into the user's cache.
func Dcmjs(t *testing.T, reports []string) []Number {
	t.Helper()
	if os.Getenv("CINELOOP_JUDGES") == "" {
		t.Skip("dcmjs judges in make judges: it is fetched there")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("no cache folder for dcmjs: %v", err)
	}
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: dcmjs can't be had", name)
		}
	}
	dir := filepath.Join(cache, "cineloop", "dcmjs-"+dcmjsVersion)
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "dcmjs", "package.json")); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "dcmjs@"+dcmjsVersion).CombinedOutput(); err != nil {
			t.Skipf("dcmjs can't be had: %v %.300s", err, said)
		}
	}
	script := filepath.Join(t.TempDir(), "numbers.cjs")
	if err := os.WriteFile(script, []byte(dcmjsNumbers), 0o600); err != nil {
		t.Fatal(err)
	}
	return decode(t, exec.CommandContext(t.Context(), "node", append([]string{script, modules}, reports...)...))
}

// element of dsr2xml's output.
type element struct {
	XMLName  xml.Name
	Children []element `xml:",any"`
	Text     string    `xml:",chardata"`
}

func (e element) child(path ...string) (c element) {
	if len(path) == 0 {
		return e
	}
	for _, x := range e.Children {
		if x.XMLName.Local == path[0] {
			return x.child(path[1:]...)
		}
	}
	return c
}

func (e element) text(path ...string) string { return strings.TrimSpace(e.child(path...).Text) }

// DCMTK reads the numbers of reports with dcmtk's dsr2xml.
func DCMTK(t *testing.T, reports []string) (out []Number) {
	t.Helper()
	if _, err := exec.LookPath("dsr2xml"); err != nil {
		t.Skip("dcmtk is not installed")
	}
	for _, file := range reports {
		var wrong bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "dsr2xml", file)
		cmd.Stderr = &wrong
		said, err := cmd.Output()
		if err != nil {
			t.Fatalf("dsr2xml: %v %.500s", err, wrong.String())
		}
		var root element
		if err := xml.Unmarshal(said, &root); err != nil {
			t.Fatal(err)
		}
		if err := root.numbers(file, "", &out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// numbers collects those of a container and below it.
func (e element) numbers(file, item string, out *[]Number) error {
	for _, c := range e.Children {
		if c.XMLName.Local == "text" && c.text("concept", "value") == "112039" {
			item = c.text("value")
		}
	}
	for _, c := range e.Children {
		if c.XMLName.Local == "num" && c.text("value") != "" {
			v, err := strconv.ParseFloat(c.text("value"), 64)
			if err != nil {
				return fmt.Errorf("dsr2xml has the number %q", c.text("value"))
			}
			*out = append(*out, Number{File: file, Item: item, Code: c.text("concept", "value"), Name: c.text("concept", "meaning"), Value: v, Unit: c.text("unit", "value"), Scheme: c.text("unit", "scheme", "designator")})
			continue
		}
		if err := c.numbers(file, item, out); err != nil {
			return err
		}
	}
	return nil
}
