package pixel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
)

// TestVariants has dcmtk's encoders write one image in every way that they can, and wants of each what dcmtk's decoders, which are libjpeg
// 6 and CharLS, make of it: sample for sample where a lossy JPEG has all its chroma or libjpeg's triangle filter, and all lossless ones.
func TestVariants(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty processes")
	}
	for _, tool := range []string{"dcmcjpeg", "dcmdjpeg", "dcmcjpls", "dcmdjpls"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("dcmtk is not installed")
		}
	}
	const (
		ct     = "synthetic/ts_same_image/ct_1.2.1_explicit_le.dcm"
		ct12   = "synthetic/ts_same_image/ct12_1.2.1_explicit_le.dcm"
		colour = "synthetic/cine/us_rgb_planar1_2fr.dcm"
	)
	type variant struct {
		source, tool string
		args         string
	}
	var all []variant
	for sv := 1; sv <= 7; sv++ {
		all = append(all, variant{ct, "dcmcjpeg", fmt.Sprintf("+el +sv %d", sv)}, variant{colour, "dcmcjpeg", fmt.Sprintf("+el +sv %d", sv)})
	}
	for _, args := range []string{
		"+e1 +fs 1", "+e1 -ot", "+pl +e1 +pt 2", "+el +sv 4 +pt 1 +pl", // fragments, no offset table, point transforms
		"+eb +s4", "+eb +s2", "+eb +np", "+eb +n1 -ho", "+eb +cr", "+eb +q 20 +s4", "+ep +s4 +be", "+ep +s2 +be", "+ee +s4 +be", "+es +s4 +be",
	} {
		all = append(all, variant{colour, "dcmcjpeg", args})
	}
	for _, args := range []string{"+ee +bt", "+ep +bt", "+es +bt", "+ee +bt +q 30", "+pl +e1 +pt 1"} {
		all = append(all, variant{ct12, "dcmcjpeg", args})
	}
	for _, args := range []string{"+il", "+is", "+in", "+en +md 3 +is", "+en +md 1 +in", "+en +md 2 +il", "+pc +t1 5 +t2 11 +t3 30 +is", "+pc +rs 31 +il", "+fs 1 +il"} {
		all = append(all, variant{colour, "dcmcjpls", args})
	}
	for _, args := range []string{"+el", "+en +md 5", "+pc +t1 40 +t2 90 +t3 300", "+pc +rs 100", "+pz"} {
		all = append(all, variant{ct, "dcmcjpls", args}, variant{ct12, "dcmcjpls", args})
	}
	dir := t.TempDir()
	coded, raw := filepath.Join(dir, "coded.dcm"), filepath.Join(dir, "raw.dcm")
	compared := 0
	for _, v := range all {
		f, _ := openShared(t, v.source)
		in := filepath.Join(dir, strings.ReplaceAll(v.source, "/", "_"))
		if _, err := os.Stat(in); err != nil {
			if err := f.Save(in); err != nil {
				t.Fatal(err)
			}
		}
		name := v.tool + " " + v.args + " " + filepath.Base(v.source)
		if out, err := exec.Command(v.tool, append(strings.Fields(v.args), in, coded)...).CombinedOutput(); err != nil {
			t.Logf("%s: %v: %s", name, err, out)
			continue
		}
		back := []string{"dcmdjpls", coded, raw}
		if v.tool == "dcmcjpeg" {
			back = []string{"dcmdjpeg", "+cn", coded, raw}
		}
		if out, err := exec.Command(back[0], back[1:]...).CombinedOutput(); err != nil {
			t.Logf("%s: its own decoder refuses it: %v: %s", name, err, out)
			continue
		}
		digests := [2]string{}
		for i, path := range []string{coded, raw} {
			g, err := dicom.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			sum, partial, err := Digest(g)
			if err != nil || partial != nil {
				t.Errorf("%s, %s: %v %v", name, filepath.Base(path), err, partial)
			}
			digests[i] = sum
			g.Close()
		}
		if digests[0] != digests[1] {
			t.Errorf("%s: not what dcmtk decodes", name)
		}
		compared++
	}
	t.Logf("%d of %d variants compared", compared, len(all))
}
