package pixel

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

var natives = []dicom.TransferSyntax{uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian}

// transcode is f in another transfer syntax, read again.
func transcode(t *testing.T, f *dicom.File, to dicom.TransferSyntax) (*dicom.File, []byte, error) {
	t.Helper()
	var b bytes.Buffer
	if err := Transcode(context.Background(), &b, f, to); err != nil {
		return nil, nil, err
	}
	g, err := dicom.ReadBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if g.TransferSyntax != to || len(g.Warnings) > 0 {
		t.Errorf("to %s: %s, %v", to.Name(), g.TransferSyntax, g.Warnings)
	}
	return g, b.Bytes(), nil
}

// impossible says that a codec has no such samples, as the standard has it.
func impossible(im *Image, to dicom.TransferSyntax) bool {
	stream := slices.Contains([]dicom.TransferSyntax{uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless}, to)
	return stream && (im.BitsAllocated == 32 || im.BitsAllocated == 1)
}

// encapsulatedTargets are the encoders that work here.
func encapsulatedTargets() (out []dicom.TransferSyntax) {
	for _, to := range Encoders {
		if CanEncode(to) == nil {
			out = append(out, to)
		}
	}
	return out
}

// TestTranscodeCorpus takes images through every syntax that is written, from there to every other codec's, and wants the digest of the
// first each time.
func TestTranscodeCorpus(t *testing.T) {
	targets := append(slices.Clone(natives), encapsulatedTargets()...)
	for k, name := range []string{
		"synthetic/ts_same_image/ct_1.2.1_explicit_le.dcm", "synthetic/ts_same_image/ct12_1.2.1_explicit_le.dcm", "synthetic/cine/us_rgb_1.2.1_4fr.dcm",
		"synthetic/cine/us_palette_3fr.dcm", "synthetic/cine/us_rgb_planar1_2fr.dcm", "real/pydicom/test_files/liver_1frame.dcm", "real/pydicom/test_files/rtdose.dcm",
		"real/dcm4che/NM-MONO2-16-13x-heart", "synthetic/cine/us_4.202_htj2k_eot_4fr.dcm", "synthetic/ts_same_image/ctu_4.110_jxl_lossless.dcm",
		"real/pydicom/test_files/examples_jpeg2k.dcm", "real/pydicom/test_files/SC_rgb_dcmtk_+eb+cy+s2.dcm",
	} {
		if testing.Short() && k > 1 {
			break
		}
		f, im := openShared(t, name)
		if CanDecode(f.TransferSyntax) != nil {
			continue
		}
		want, _, err := Digest(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, to := range targets {
			g, _, err := transcode(t, f, to)
			if err != nil {
				if !impossible(im, to) {
					t.Errorf("%s to %s: %v", name, to.Name(), err)
				}
				continue
			}
			if got, partial, err := Digest(g); got != want || partial != nil || err != nil {
				t.Errorf("%s to %s: %s %v %v", name, to.Name(), got, partial, err)
			}
			if uidOf := g.DataSet.String(tag.SOPInstanceUID); uidOf != f.DataSet.String(tag.SOPInstanceUID) {
				t.Errorf("%s to %s: another instance", name, to.Name())
			}
			if to == f.TransferSyntax { // as it was
				continue
			}
			checkTable(t, g, name)
			// And on from there: the neighbour in the list.
			onward := targets[(i+1)%len(targets)]
			if impossible(im, onward) || im.FrameBytes()*int64(im.Frames) > 1<<18 {
				continue
			}
			h, _, err := transcode(t, g, onward)
			if err != nil {
				t.Errorf("%s by %s to %s: %v", name, to.Name(), onward.Name(), err)
				continue
			}
			if got, _, err := Digest(h); got != want || err != nil {
				t.Errorf("%s by %s to %s: %s %v", name, to.Name(), onward.Name(), got, err)
			}
		}
	}
}

// checkTable wants one fragment a frame and an offset table that points to each.
func checkTable(t *testing.T, g *dicom.File, name string) {
	t.Helper()
	e, ok := g.DataSet.Get(tag.PixelData)
	if !ok || e.Fragments() == nil {
		return
	}
	im, err := Open(g)
	if err != nil {
		t.Fatal(err)
	}
	f := e.Fragments()
	if f.Len() != im.Frames || len(f.Offsets) != im.Frames || len(im.Warnings) > 0 {
		t.Errorf("%s: %d fragments and %d offsets for %d frames, %v", name, f.Len(), len(f.Offsets), im.Frames, im.Warnings)
		return
	}
	for i, at := range f.Offsets {
		if f.Start(i) != int64(at) {
			t.Errorf("%s: frame %d is at %d, not %d", name, i, f.Start(i), at)
		}
	}
}

// TestTranscodeHeader: what decoding and encoding change is in the header.
func TestTranscodeHeader(t *testing.T) {
	for _, c := range []struct {
		name        string
		to          dicom.TransferSyntax
		photometric string
		lossy       string // Lossy Image Compression and its method
	}{
		{"synthetic/cine/us_rgb_1.2.1_4fr.dcm", uid.JPEG2000Lossless, "YBR_RCT", ""},
		{"synthetic/cine/us_rgb_planar1_2fr.dcm", uid.JPEGLSLossless, "RGB", ""},
		{"synthetic/cine/us_rgb_planar1_2fr.dcm", uid.RLELossless, "RGB", ""},
		{"synthetic/cine/us_palette_3fr.dcm", uid.JPEG2000Lossless, "PALETTE COLOR", ""},
		{"synthetic/cine/us_4.202_htj2k_eot_4fr.dcm", uid.ExplicitVRLittleEndian, "RGB", ""},
		{"real/pydicom/test_files/examples_jpeg2k.dcm", uid.RLELossless, "RGB", ""},
		{"real/pydicom/test_files/examples_jpeg2k.dcm", uid.JPEG2000Lossless, "YBR_RCT", ""}, // as it is
		{"real/pydicom/test_files/SC_rgb_dcmtk_+eb+cy+s2.dcm", uid.ExplicitVRLittleEndian, "YBR_FULL", "01 ISO_10918_1"},
		{"real/pydicom/test_files/SC_rgb_dcmtk_+eb+cr.dcm", uid.ExplicitVRLittleEndian, "RGB", "01 ISO_10918_1"},
		{"real/pydicom/test_files/SC_ybr_full_422_uncompressed.dcm", uid.JPEG2000Lossless, "YBR_FULL", ""},
		// Labelled RGB, but YCbCr in its JPEG: pure red is stored as 76, 85, 255.
		{"real/pylibjpeg-data/JPEGBaseline/SC_rgb_jpeg_lossy_gdcm.dcm", uid.ExplicitVRLittleEndian, "YBR_FULL", "01 ISO_10918_1"},
		{"real/pydicom/test_files/JPEGLSNearLossless_08.dcm", uid.ExplicitVRLittleEndian, "MONOCHROME2", "01 ISO_14495_1"},
		{"real/pylibjpeg-data/JPEG2000/MAROTECH_CT_JP2Lossy.dcm", uid.ExplicitVRLittleEndian, "MONOCHROME2", "01 ISO_15444_1"},
		{"real/pydicom-data/HTJ2K_08_RGB.dcm", uid.ExplicitVRLittleEndian, "RGB", "01 ISO_15444_15"},
		{"synthetic/cine/us_4.102_h264.dcm", uid.ExplicitVRLittleEndian, "RGB", "01 ISO_14496_10"},
		{"synthetic/cine/us_4.100_mpeg2.dcm", uid.JPEGLSLossless, "RGB", "01 ISO_13818_2"},
		{"synthetic/cine/us_4.107_hevc.dcm", uid.RLELossless, "RGB", "01 ISO_23008_2"},
	} {
		f, im := openShared(t, c.name)
		if CanDecode(f.TransferSyntax) != nil || CanEncode(c.to) != nil {
			continue
		}
		g, _, err := transcode(t, f, c.to)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		ds := g.DataSet
		if got := strings.TrimSpace(ds.String(tag.PhotometricInterpretation)); got != c.photometric {
			t.Errorf("%s to %s: %s, want %s", c.name, c.to.Name(), got, c.photometric)
		}
		if n, _ := ds.Int(tag.PlanarConfiguration); im.Samples > 1 && n != 0 && f.TransferSyntax != c.to {
			t.Errorf("%s: planar configuration %d", c.name, n)
		}
		method, own := ds.String(tag.LossyImageCompressionMethod), f.DataSet.String(tag.LossyImageCompressionMethod)
		lossy := ds.String(tag.LossyImageCompression)
		if c.lossy == "" && lossy == "01" && f.DataSet.String(tag.LossyImageCompression) != "01" || c.lossy != "" && (lossy != "01" || own == "" && method != "" && method != c.lossy[3:]) {
			t.Errorf("%s: lossy %q %q, want %q", c.name, lossy, method, c.lossy)
		}
		a, err := im.Frame(0)
		if err != nil {
			t.Fatal(err)
		}
		jm, err := Open(g)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := jm.Frame(0); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: frame 0 is another, %v", c.name, err)
		}
	}
}

func TestTranscodeRefuses(t *testing.T) {
	f, _ := openShared(t, "synthetic/cine/us_rgb_1.2.1_4fr.dcm")
	var none bytes.Buffer
	for to, code := range map[dicom.TransferSyntax]fault.Code{uid.JPEGBaseline8Bit: fault.Usage, "1.2.3": fault.Usage, uid.HTJ2KLossless: fault.Usage} {
		if err := Transcode(context.Background(), &none, f, to); fault.CodeOf(err) != code || none.Len() > 0 {
			t.Errorf("%s: %v", to, err)
		}
	}
	t.Setenv("CINELOOP_OPENJPEG", "/nowhere")
	if err := Transcode(context.Background(), &none, f, uid.JPEG2000Lossless); fault.CodeOf(err) != fault.Missing || !strings.Contains(err.Error(), "codecs --build") {
		t.Errorf("without the codec: %v", err)
	}
	for _, c := range Codecs() {
		j2k := c.By == "OpenJPEG"
		if j2k == c.Decode && (j2k || c.By == "built in") || j2k != strings.Contains(c.Missing, "codecs --build") {
			t.Errorf("%+v", c)
		}
	}
	if err := CanDecode(uid.JPEGExtended35); fault.CodeOf(err) != fault.Input {
		t.Errorf("a process that nobody has: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Transcode(ctx, &none, f, uid.RLELossless); fault.CodeOf(err) != fault.Interrupted || none.Len() > 0 {
		t.Errorf("cancelled: %v", err)
	}
	ds := shape{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_PARTIAL_422"}.dataSet()
	ds.SetBytes(tag.PixelData, vr.OB, []byte{16, 235, 128, 128})
	if err := Transcode(context.Background(), &none, makeImage(t, ds, "", nil).file, uid.RLELossless); fault.CodeOf(err) != fault.Input {
		t.Errorf("subsampled partial range: %v", err)
	}
}

// TestTranscodeCells keeps what is beside the stored bits in the cells, and signs, through every codec.
func TestTranscodeCells(t *testing.T) {
	for _, c := range []struct {
		name  string
		s     shape
		value []byte
	}{
		{"signed 12 of 16", shape{rows: 2, columns: 2, allocated: 16, stored: 12, signed: true}, []byte{0xFF, 0xFF, 0x00, 0xF8, 0xFF, 0x07, 0, 0}},
		{"signed 12 of 16, an overlay above", shape{rows: 2, columns: 2, allocated: 16, stored: 12, signed: true}, []byte{0xFF, 0x1F, 0x00, 0x78, 0xFF, 0x07, 0, 0x80}},
		{"signed bytes", shape{rows: 2, columns: 2, allocated: 8, signed: true}, []byte{0xFF, 0x80, 0x7F, 0}},
		{"6 of 16 bits", shape{rows: 2, columns: 2, allocated: 16, stored: 6}, []byte{63, 0, 1, 0, 2, 0, 3, 0}},
		{"signed 6 of 16 bits", shape{rows: 2, columns: 2, allocated: 16, stored: 6, signed: true}, []byte{31, 0, 0xE0, 0xFF, 2, 0, 3, 0}},
		{"10 bits at the top", shape{rows: 2, columns: 2, allocated: 16, stored: 10, high: 15}, []byte{0xC0, 0xFF, 0x40, 0, 0, 0x80, 0, 0}},
		{"one pixel", shape{rows: 1, columns: 1, allocated: 8}, []byte{7, 0}},
		{"12 bits packed", shape{rows: 1, columns: 2, allocated: 12}, []byte{0x23, 0x61, 0x45, 0}},
	} {
		ds := c.s.dataSet()
		ds.SetBytes(tag.PixelData, vr.OW, c.value)
		im := makeImage(t, ds, "", nil)
		want, err := im.Frame(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range encapsulatedTargets() {
			g, _, err := transcode(t, im.file, to)
			if err != nil {
				t.Errorf("%s to %s: %v", c.name, to.Name(), err)
				continue
			}
			jm, err := Open(g)
			if err != nil {
				t.Fatal(err)
			}
			got, err := jm.Frame(0)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s to %s: % x, %v, want % x", c.name, to.Name(), got, err, want)
				continue
			}
			if !slices.Equal(jm.Stored(got), im.Stored(want)) {
				t.Errorf("%s to %s: %v, want %v", c.name, to.Name(), jm.Stored(got), im.Stored(want))
			}
		}
	}
}

// TestSpool goes past what is kept in memory.
func TestSpool(t *testing.T) {
	for _, limit := range []int{0, 5, 100} {
		s := spool{limit: limit}
		var want []byte
		for i := range 9 {
			b := bytes.Repeat([]byte{byte(i)}, i)
			want = append(want, b...)
			if err := s.add(b); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.all()
		parts, perr := s.parts()
		if err != nil || perr != nil || !bytes.Equal(all, want) || len(parts) != 9 || len(parts[0]) != 0 || !bytes.Equal(parts[3], []byte{3, 3, 3}) || (s.file != nil) != (limit < 36) {
			t.Errorf("limit %d: %v %v %v", limit, all, err, perr)
		}
		s.close()
	}
	var empty spool
	if b, err := empty.all(); len(b) != 0 || err != nil {
		t.Errorf("%v %v", b, err)
	}
	empty.close()
	t.Setenv("TMPDIR", "/nowhere")
	s := spool{}
	if err := s.add([]byte{1}); fault.CodeOf(err) != fault.Resource {
		t.Errorf("no room: %v", err)
	}
}

// judge is a program that decodes a DICOM file to a native one.
type judge struct {
	name string
	args func(in, out string) []string
	of   []dicom.TransferSyntax
}

var judges = []judge{
	{"dcmdjpeg", func(in, out string) []string { return []string{"+cn", in, out} }, []dicom.TransferSyntax{uid.JPEGLossless, uid.JPEGLosslessSV1}},
	{"dcmdjpls", func(in, out string) []string { return []string{in, out} }, []dicom.TransferSyntax{uid.JPEGLSLossless}},
	{"dcmdrle", func(in, out string) []string { return []string{in, out} }, []dicom.TransferSyntax{uid.RLELossless}},
	{"dcmconv", func(in, out string) []string { return []string{"+te", in, out} }, natives},
	{"gdcmconv", func(in, out string) []string { return []string{"--raw", in, out} },
		[]dicom.TransferSyntax{uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.RLELossless, uid.JPEG2000Lossless, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian}},
}

// pydicomJudge decodes files with pydicom and numpy, into samples by pixel, in one process.
const pydicomJudge = `
import sys, pydicom
from pydicom.uid import ExplicitVRLittleEndian
for path in sys.argv[1:]:
    ds = pydicom.dcmread(path)
    a = ds.pixel_array
    ds.PixelData = a.astype(a.dtype.newbyteorder("<")).tobytes()
    if len(ds.PixelData) % 2: ds.PixelData += b"\0"
    ds["PixelData"].VR = "OW"
    if ds.SamplesPerPixel > 1: ds.PlanarConfiguration = 0
    ds.is_little_endian, ds.is_implicit_VR = True, False
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path + ".native", write_like_original=False)
`

// TestJudges has other programs decode what is written here; what they make of it must have the digest of the original.
func TestJudges(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred processes")
	}
	dir := t.TempDir()
	judged := map[string]int{}
	verdict := func(name, out, want string) {
		g, err := dicom.Open(out)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer g.Close()
		if got, partial, err := Digest(g); got != want || partial != nil || err != nil {
			t.Errorf("%s decodes something else: %s %v %v", name, got, partial, err)
		}
	}
	python := map[string][2]string{} // what pydicom is to judge: a file's name here, its digest
	for k, name := range []string{
		"synthetic/ts_same_image/ct12_1.2.1_explicit_le.dcm", "synthetic/ts_same_image/ct_1.2.1_explicit_le.dcm", "synthetic/cine/us_palette_3fr.dcm",
		"synthetic/cine/us_rgb_planar1_2fr.dcm", "real/pydicom/test_files/SC_rgb_dcmtk_+eb+cy+s2.dcm",
	} {
		f, _ := openShared(t, name)
		want, _, err := Digest(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range append(slices.Clone(natives), encapsulatedTargets()...) {
			_, b, err := transcode(t, f, to)
			if err != nil {
				t.Fatal(err)
			}
			in, out := filepath.Join(dir, fmt.Sprint(k, to, ".dcm")), filepath.Join(dir, "out.dcm")
			if err := os.WriteFile(in, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if !to.IsEncapsulated() || to == uid.RLELossless {
				python[in] = [2]string{name + " to " + to.Name(), want}
			}
			for _, j := range judges {
				path, err := exec.LookPath(j.name)
				if err != nil || !slices.Contains(j.of, to) {
					continue
				}
				os.Remove(out)
				if msg, err := exec.Command(path, j.args(in, out)...).CombinedOutput(); err != nil {
					t.Errorf("%s to %s: %s: %v: %s", name, to.Name(), j.name, err, msg)
					continue
				}
				verdict(name+" to "+to.Name()+": "+j.name, out, want)
				judged[j.name]++
			}
		}
	}
	if exec.Command("/usr/bin/python3", "-c", "import pydicom, numpy").Run() == nil {
		args := append([]string{"-c", pydicomJudge}, slices.Sorted(maps.Keys(python))...)
		if msg, err := exec.Command("/usr/bin/python3", args...).CombinedOutput(); err != nil {
			t.Errorf("pydicom: %v: %s", err, msg)
		}
		for in, of := range python {
			verdict(of[0]+": pydicom", in+".native", of[1])
			judged["pydicom"]++
		}
	}
	if len(judged) == 0 {
		t.Skip("no dcmtk, gdcm or pydicom here")
	}
	t.Logf("files judged: %v", judged)
}
