package dicom

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// meaning is what every element of ds says, whatever its encoding: path, kind, values, and a digest of bytes in little endian.
func meaning(ds *DataSet) []string {
	var out []string
	for depth, e := range ds.Walk() {
		if e.Tag.IsGroupLength() {
			continue
		}
		kind := e.Kind()
		value := ""
		switch {
		case e.IsSequence():
			value = fmt.Sprint(len(e.Items()))
		case isBinary(kind):
			b, _ := e.Bytes()
			word := kind.WordSize()
			if bits, ok := ds.Int(tag.BitsAllocated); ok && e.Tag == tag.PixelData && word == 2 && (bits == 32 || bits == 64) {
				word = bits / 8
			}
			if e.BigEndian() && word > 1 {
				b = bytes.Clone(b)
				swap(b, word)
			}
			if len(b)%2 == 1 {
				b = append(bytes.Clone(b), 0)
			}
			sum := sha256.Sum256(b)
			value, kind = hex.EncodeToString(sum[:8]), 0 // OB, OW and UN change places where the encoding has no VR
		default:
			if raw, _ := e.Bytes(); kind.IsText() {
				value = strings.TrimRight(string(raw), " \x00")
			} else {
				value = strings.Join(e.Strings(), `\`)
			}
		}
		out = append(out, fmt.Sprintf("%d %v %v %s", depth, e.Tag, kind, value))
	}
	return out
}

// TestEveryFileInEveryNativeEncoding writes each file with native pixels in all four native encodings, and from each back to explicit little endian: what the
// elements say stays the same.
func TestEveryFileInEveryNativeEncoding(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 1,000 files")
	}
	dir, names, want := corpus(t)
	done, differ := 0, 0
	for _, name := range names {
		if want[name].Pydicom != "ok" {
			continue
		}
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Size() > 1<<20 {
			continue
		}
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		if f.Incomplete != nil || f.TransferSyntax.IsEncapsulated() || f.TransferSyntax == implicitGE || f.DataSet.Has(tag.DirectoryRecordSequence) || f.Meta.Len() == 0 || len(f.Warnings) > 0 {
			f.Close()
			continue
		}
		before := meaning(f.DataSet)
		for _, ts := range []TransferSyntax{uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian, uid.ImplicitVRLittleEndian} {
			var once, twice bytes.Buffer
			if err := f.WriteAs(&once, ts); err != nil {
				if strings.Contains(err.Error(), "contradict") || strings.Contains(err.Error(), "encapsulated") {
					break
				}
				t.Errorf("%s to %s: %v", name, ts.Name(), err)
				continue
			}
			g, err := ReadBytes(once.Bytes())
			if err != nil || g.Incomplete != nil {
				t.Errorf("%s to %s: %v", name, ts.Name(), err)
				continue
			}
			done++
			after := meaning(g.DataSet)
			if d := difference(before, after, ts == uid.ImplicitVRLittleEndian || f.TransferSyntax.IsImplicit()); d != "" {
				if differ++; differ < 20 {
					t.Errorf("%s to %s: %s", name, ts.Name(), d)
				}
			}
			if ts == uid.ImplicitVRLittleEndian {
				continue // VRs that the dictionary doesn't have are gone
			}
			if err := g.WriteAs(&twice, uid.ExplicitVRLittleEndian); err != nil {
				t.Errorf("%s from %s: %v", name, ts.Name(), err)
				continue
			}
			back, err := ReadBytes(twice.Bytes())
			if err != nil {
				t.Errorf("%s from %s: %v", name, ts.Name(), err)
				continue
			}
			if d := difference(after, meaning(back.DataSet), false); d != "" {
				t.Errorf("%s from %s: %s", name, ts.Name(), d)
			}
		}
		f.Close()
	}
	t.Logf("%d files written, %d differ", done, differ)
	if done < 500 {
		t.Errorf("only %d", done)
	}
}

// difference is the first line in which two meanings differ. loose passes over VRs, which implicit encoding takes from the dictionary, and over numbers of elements inside what
// only the file called a sequence.
func difference(a, b []string, loose bool) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d elements became %d", len(a), len(b))
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		p, q := strings.SplitN(a[i], " ", 4), strings.SplitN(b[i], " ", 4)
		if loose && p[1] == q[1] && (p[2] != q[2] || p[3] == q[3]) {
			continue
		}
		return fmt.Sprintf("%.60q became %.60q", a[i], b[i])
	}
	return ""
}

// TestPeersReadWhatWeWrite has dcmtk read a data set with every kind of value in every native encoding.
func TestPeersReadWhatWeWrite(t *testing.T) {
	if _, err := exec.LookPath("dcmdump"); err != nil {
		t.Skip("dcmdump (dcmtk) is not installed")
	}
	ds := full()
	ds.SetString(tag.OtherPatientNames, "Müller^Jürgen", "山田^太郎")
	ds.SetUints(tag.SelectorUVValue, 1<<63)
	ds.SetText(tag.New(0x0011, 0x10), vr.LO, "CINELOOP TEST")
	ds.SetText(tag.New(0x0011, 0x1001), vr.FD, "0.5", "-2")
	for _, ts := range []string{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian} {
		path := filepath.Join(t.TempDir(), "a.dcm")
		if err := WriteFile(path, ds, WriteOptions{TransferSyntaxUID: ts}); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("dcmdump", "+U8", path).CombinedOutput()
		text := string(out)
		if err != nil || strings.Contains(text, "W:") || strings.Contains(text, "E:") {
			t.Errorf("%s: %v\n%s", ts, err, text)
		}
		for _, want := range []string{`[Müller^Jürgen\山田^太郎]`, "(0018,1063)", "[-7]", "480", "[ORIGINAL\\PRIMARY]", "deep"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: dcmdump does not have %s\n%s", ts, want, text)
			}
		}
	}
}
