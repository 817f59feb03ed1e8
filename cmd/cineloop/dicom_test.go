package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/testdata"
)

// dicomCmd runs cineloop dicom with args and gives what it printed.
func dicomCmd(args ...string) (out, errs string, err error) {
	var o, e bytes.Buffer
	cmd := newDicomCmd(ioStreams{Out: &o, Err: &e})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err = cmd.ExecuteContext(context.Background())
	return o.String(), e.String(), err
}

// TestDicomDigestInterface holds the line's fields and the command's promise to go on after a bad file.
func TestDicomDigestInterface(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom")
	good := filepath.Join(dir, "synthetic/cine/us_5_rle_4fr.dcm")
	other := filepath.Join(dir, "synthetic/cine/us_rgb_1.2.1_4fr.dcm")
	bad := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(bad, []byte("no DICOM in here, and nothing like it either"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, _, err := dicomCmd("digest", bad, good, other)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	var d [3]dicomDigest
	for i, line := range lines {
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d[i]); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"file", "transferSyntax", "modality", "frames", "rows", "columns", "elements", "patientName", "sha256", "warnings", "error"} {
			if !strings.Contains(line, `"`+field+`":`) {
				t.Errorf("line %d has no %s", i, field)
			}
		}
	}
	if d[0].Error == "" || d[0].File != bad {
		t.Errorf("%+v", d[0])
	}
	if g := d[1]; g.TransferSyntax != uid.RLELossless || g.Modality != "US" || g.Frames != 4 || g.Rows != 240 || g.Columns != 320 || g.PatientName != "Synthétique^Öz=山田^太郎" || g.Error != "" || g.Elements != 57 {
		t.Errorf("%+v", g)
	}
	if d[1].SHA256 != d[2].SHA256 || len(d[1].SHA256) != 64 {
		t.Errorf("one loop in two syntaxes: %s, %s", d[1].SHA256, d[2].SHA256)
	}
	if _, _, err := dicomCmd("digest", filepath.Join(dir, "absent")); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
}

func TestDicomConvert(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom")
	tmp := t.TempDir()
	// Without a change asked for, the bytes are those of the input, whatever is odd in it.
	for _, name := range []string{"synthetic/cine/us_4.50_ybr422.dcm", "real/pydicom/test_files/rtplan_truncated.dcm", "real/pydicom/palettes/winter.dcm", "synthetic/malformed/odd_length_pn.dcm", "real/dcm4che/no_preamble_dicm_in_data"} {
		in, out := filepath.Join(dir, name), filepath.Join(tmp, "out.dcm")
		if _, _, err := dicomCmd("convert", in, out); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, _ := os.ReadFile(in)
		b, _ := os.ReadFile(out)
		if !bytes.Equal(a, b) {
			t.Errorf("%s is not byte-identical", name)
		}
	}
	in := filepath.Join(dir, "synthetic/cine/us_rgb_1.2.1_4fr.dcm")
	want := digestFile(in)
	for _, to := range []string{"rle", "jpegls", "jpegll", uid.JPEGLossless, "j2k", "uncompressed", "deflatedframe", "big", "implicit", uid.DeflatedExplicitVRLittleEndian} {
		if to == "j2k" && pixel.CanEncode(uid.JPEG2000Lossless) != nil {
			continue
		}
		out := filepath.Join(tmp, to)
		if _, _, err := dicomCmd("convert", in, out, "--to", to); err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		if got := digestFile(out); got.SHA256 != want.SHA256 || got.TransferSyntax == want.TransferSyntax {
			t.Errorf("%s: %+v", to, got)
		}
	}
	for to, code := range map[string]fault.Code{"nonsense": fault.Usage, uid.JPEG2000: fault.Usage} {
		out := filepath.Join(tmp, "none")
		if _, _, err := dicomCmd("convert", in, out, "--to", to); fault.CodeOf(err) != code {
			t.Errorf("%s: %v", to, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s left a file", to)
		}
	}
}

func TestDicomDumpFindFramesValidate(t *testing.T) {
	dir := testdata.Shared(t, "data", "dicom")
	cine := filepath.Join(dir, "synthetic/cine/us_4.50_ybr422.dcm")
	out, _, err := dicomCmd("dump", cine)
	if err != nil || !strings.Contains(out, "NumberOfFrames") || !strings.Contains(out, "fragments") {
		t.Errorf("%v\n%s", err, out)
	}
	out, _, err = dicomCmd("dump", "--json", cine)
	if err != nil || !json.Valid([]byte(out)) {
		t.Errorf("%v", err)
	}
	out, _, err = dicomCmd("find", filepath.Join(dir, "synthetic/cine"), "--where", "Modality=U?", "--where", "NumberOfFrames=20", "--show", "Rows")
	if n := strings.Count(out, "\n"); err != nil || n != 5 || !strings.Contains(out, "us_4.50_ybr422.dcm\t240\n") {
		t.Errorf("%d files, %v\n%s", n, err, out)
	}
	for _, bad := range []string{"Modality", "Nothing=1", "Modality=[", "=US"} {
		if _, _, err := dicomCmd("find", dir, "--where", bad); fault.CodeOf(err) != fault.Usage {
			t.Errorf("--where %s: %v", bad, err)
		}
	}
	tmp := t.TempDir()
	if _, _, err := dicomCmd("frames", cine, "--out", tmp, "--frame", "3", "--sheet", filepath.Join(tmp, "sheet.png")); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string][2]int{"frame-0003.png": {320, 240}, "sheet.png": {5*162 + 2, 4*122 + 2}} {
		f, err := os.Open(filepath.Join(tmp, name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil || img.Bounds().Dx() != size[0] || img.Bounds().Dy() != size[1] {
			t.Errorf("%s: %v, %v", name, img.Bounds(), err)
		}
	}
	if out, _, err := dicomCmd("frames", cine); err != nil || !strings.Contains(out, "20 frames of 240×320") {
		t.Errorf("%q, %v", out, err)
	}
	if _, _, err := dicomCmd("frames", cine, "--out", tmp, "--frame", "20"); fault.CodeOf(err) != fault.Usage {
		t.Errorf("%v", err)
	}
	if out, _, err := dicomCmd("validate", filepath.Join(dir, "synthetic/malformed/duplicate_tag.dcm")); fault.CodeOf(err) != fault.Input || !strings.Contains(out, "a second time") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, err := dicomCmd("validate", filepath.Join(dir, "synthetic/cine/us_5_rle_4fr.dcm")); err != nil {
		t.Logf("findings in a made file: %v", err)
	}
}
