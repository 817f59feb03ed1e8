package pixels

import (
	"bytes"
	"context"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/cineloop/cineloop/deid"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/deid/pixels/plant"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/testdata"
)

var clean = deid.PixelPolicy{Clean: true, Unsure: "quarantine", Outside: true}

// masked runs the masker over a file in memory and gives the image before and after.
func masked(t *testing.T, b []byte, p deid.PixelPolicy, tokens ...string) (deid.Masked, *pixel.Image, *pixel.Image) {
	t.Helper()
	f, err := dicom.ReadBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	before, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: p, Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	if m.Verdict != deid.Blanked {
		return m, before, before
	}
	ds, err := f.DataSet.Copy()
	if err != nil {
		t.Fatal(err)
	}
	if m.New.Header != nil {
		for e := range m.New.Header.All() {
			v, _ := e.Bytes()
			ds.SetBytes(e.Tag, e.VR, v)
		}
	}
	opt := dicom.WriteOptions{TransferSyntaxUID: string(m.New.TransferSyntax)}
	var native []byte
	for i := range m.New.Frames {
		v, err := m.New.Frame(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		if m.New.TransferSyntax.IsEncapsulated() {
			opt.Frames = append(opt.Frames, v)
		} else {
			native = append(native, v...)
		}
	}
	if native != nil {
		ds.SetBytes(tag.PixelData, vr.OW, native)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, opt); err != nil {
		t.Fatal(err)
	}
	back, err := dicom.ReadBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	after, err := pixel.Open(back)
	if err != nil {
		t.Fatal(err)
	}
	return m, before, after
}

// TestPlantedStringsAreGone plants strings in the program's fonts into a phantom clip, in every transfer syntax, for all frames and for some,
// and finds none of them legible and the tissue away from them as it was.
func TestPlantedStringsAreGone(t *testing.T) {
	g, inside, err := plant.Phantom(3, 0, 240)
	if err != nil {
		t.Fatal(err)
	}
	strings, away, kept := 0, 0, 0
	for i, ts := range plant.Syntaxes {
		if testing.Short() && i > 1 {
			break
		}
		o, err := plant.Plant(rand.New(rand.NewPCG(uint64(i), 9)), g, plant.Builtin(), 4, ts)
		if err != nil {
			t.Fatal(err)
		}
		m, before, after := masked(t, o.Bytes, clean)
		if m.Verdict != deid.Blanked || m.New.TransferSyntax != ts || m.Examined < 3 || len(m.Regions) < 2 {
			t.Fatalf("%s: verdict %d (%s), %d examined, %d regions", ts.Name(), m.Verdict, m.Reason, m.Examined, len(m.Regions))
		}
		near := mask.New(g.W, g.H)
		for _, s := range o.Strings {
			near.Fill(s.Box.Inset(-12-s.Box.Dy()/2), mask.Hard)
			for _, frame := range []int{s.First, (s.First + s.Last) / 2, s.Last} {
				a, err := before.Grey8(frame)
				if err != nil {
					t.Fatal(err)
				}
				b, err := after.Grey8(frame)
				if err != nil {
					t.Fatal(err)
				}
				if s.Contrast >= 30 && plant.Legible(s.String, a, g.W) {
					strings++
					if plant.Legible(s.String, b, g.W) {
						t.Errorf("%s: %q of %.0f pixels at %v is legible in frame %d", ts.Name(), s.Text, s.Size, s.Box, frame)
					}
				}
			}
		}
		a, _ := before.Grey8(4)
		b, _ := after.Grey8(4)
		for k, in := range inside {
			if in && near.Pix[k] == mask.Keep {
				away++
				if a[k] == b[k] {
					kept++
				}
			}
		}
	}
	t.Logf("%d strings in frames; %.3f %% of the tissue kept", strings, 100*float64(kept)/float64(away))
	if strings < 10 || float64(kept) < 0.98*float64(away) {
		t.Errorf("%d strings in frames, %d of %d tissue pixels kept", strings, kept, away)
	}
}

// slice is a made-up original CT slice of 16 bits with noise, and strings drawn into it on request.
func slice(t *testing.T, kind []string, draw bool) []byte {
	t.Helper()
	const n = 256
	r := rand.New(rand.NewPCG(8, 8))
	v := make([]int16, n*n)
	for i := range v {
		x, y := float64(i%n-n/2), float64(i/n-n/2)
		v[i] = int16(-1000 + 30*r.NormFloat64())
		if x*x+y*y < 90*90 {
			v[i] = int16(40 + 60*r.NormFloat64())
		}
	}
	if draw {
		pix := make([]uint8, 3*n*n)
		if _, err := plant.Burn(pix, n, n, "DOE, JANE 1947", 30, 30, plant.Style{Font: plant.Builtin()[0], Size: 18, Alpha: 1, Ink: white}); err != nil {
			t.Fatal(err)
		}
		for i := range v {
			if pix[3*i] > 100 {
				v[i] = 2000
			}
		}
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, string(uid.CTImageStorage))
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetString(tag.Modality, "CT")
	ds.SetString(tag.ImageType, kind...)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	for tg, x := range map[tag.Tag]int{tag.SamplesPerPixel: 1, tag.Rows: n, tag.Columns: n, tag.BitsAllocated: 16, tag.BitsStored: 16, tag.HighBit: 15, tag.PixelRepresentation: 1} {
		ds.SetInts(tg, x)
	}
	b := make([]byte, 0, 2*n*n)
	for _, x := range v {
		b = append(b, byte(x), byte(uint16(x)>>8))
	}
	ds.SetBytes(tag.PixelData, vr.OW, b)
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOriginalSlices(t *testing.T) {
	m, _, _ := masked(t, slice(t, []string{"ORIGINAL", "PRIMARY", "AXIAL"}, false), clean)
	if m.Verdict != deid.Untouched || m.Rule == "" || m.Examined != 0 {
		t.Errorf("a plain slice: %+v", m)
	}
	m, before, after := masked(t, slice(t, []string{"ORIGINAL", "PRIMARY", "AXIAL"}, true), clean)
	if m.Verdict != deid.Blanked || m.Examined != 1 {
		t.Fatalf("a slice with drawn values: %+v", m)
	}
	a, _ := before.Frame(0)
	b, _ := after.Frame(0)
	for i := range len(a) / 2 {
		if image.Pt(i%256, i/256).In(image.Rect(30, 30, 120, 40)) {
			continue
		}
		if i/256 > 80 && !bytes.Equal(a[2*i:2*i+2], b[2*i:2*i+2]) {
			t.Fatalf("pixel %d changed far from the string", i)
		}
	}
	for i, v := range after.Stored(b) {
		if v == 2000 {
			t.Fatalf("ink is left at %d,%d", i%256, i/256)
		}
	}
	// Anything that is not an original slice is examined.
	m, _, _ = masked(t, slice(t, []string{"DERIVED", "SECONDARY"}, false), clean)
	if m.Examined != 1 {
		t.Errorf("a derived image: %+v", m)
	}
}

func TestPolicyDecides(t *testing.T) {
	b := slice(t, []string{"DERIVED", "SECONDARY"}, true)
	if m, _, _ := masked(t, b, deid.PixelPolicy{}); m.Verdict != deid.Untouched || m.Examined != 0 {
		t.Errorf("without Clean: %+v", m)
	}
	p := clean
	p.Devices = []deid.DeviceRule{{Name: "all CT", Modality: "ct", Rows: 256, Action: "mask", Rectangles: [][]int{{0, 0, 10, 20}, {1, 2}}, Only: true}}
	m, before, after := masked(t, b, p)
	if m.Verdict != deid.Blanked || m.Rule != "device all CT" || m.Examined != 0 || len(m.Regions) != 1 {
		t.Fatalf("a device rule: %+v", m)
	}
	x, _ := before.Frame(0)
	y, _ := after.Frame(0)
	for i := range len(x) / 2 {
		in := i%256 < 10 && i/256 < 20
		if !in && !bytes.Equal(x[2*i:2*i+2], y[2*i:2*i+2]) {
			t.Fatalf("pixel %d changed outside of the rule's rectangle", i)
		}
	}
	for action, want := range map[string]deid.Verdict{"pass": deid.Untouched, "quarantine": deid.Quarantine} {
		p.Devices[0].Action = action
		if m, _, _ := masked(t, b, p); m.Verdict != want {
			t.Errorf("%s: %+v", action, m)
		}
	}
	p.Devices[0].Rows = 255
	if m, _, _ := masked(t, b, p); m.Rule != "" {
		t.Errorf("a rule for another size held: %+v", m)
	}
}

func TestWhatCanNotBeExaminedIsHeldBack(t *testing.T) {
	for _, name := range []string{"us_4.102_h264.dcm", "us_4.100_mpeg2.dcm"} {
		f, err := dicom.Open(testdata.Shared(t, "data", "dicom", "synthetic", "cine", name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: clean})
		if err != nil || m.Verdict != deid.Quarantine || m.Reason != "video is not examined" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		p := clean
		p.Unsure = "pass"
		if m, err = New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: p}); err != nil || m.Verdict != deid.Untouched || m.Examined != 0 {
			t.Errorf("%s, passed: %+v, %v", name, m, err)
		}
		_ = f.Close()
	}
	// Damaged pixel data.
	b := slice(t, []string{"DERIVED", "SECONDARY"}, true)
	if m, _, _ := masked(t, b[:len(b)-5000], clean); m.Verdict != deid.Quarantine || m.Reason == "" {
		t.Errorf("cut short: %+v", m)
	}
	// No pixels at all.
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2")
	ds.SetString(tag.SOPInstanceUID, "1.3")
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	f, _ := dicom.ReadBytes(out.Bytes())
	if m, err := New().Mask(context.Background(), deid.MaskInput{File: f, Pixels: clean}); err != nil || m.Verdict != deid.Untouched {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g, _, err := plant.Phantom(3, 0, 120)
	if err != nil {
		t.Fatal(err)
	}
	o, err := plant.Plant(rand.New(rand.NewPCG(1, 9)), g, plant.Builtin(), 1, plant.Syntaxes[0])
	if err != nil {
		t.Fatal(err)
	}
	f, _ := dicom.ReadBytes(o.Bytes)
	if _, err := New().Mask(ctx, deid.MaskInput{File: f, Pixels: clean}); err == nil {
		t.Error("a cancelled run gave a verdict")
	}
}

func TestSameAnswerTwice(t *testing.T) {
	g, _, err := plant.Phantom(4, 1, 160)
	if err != nil {
		t.Fatal(err)
	}
	o, err := plant.Plant(rand.New(rand.NewPCG(2, 9)), g, plant.Builtin(), 3, uid.JPEGBaseline8Bit)
	if err != nil {
		t.Fatal(err)
	}
	m, _, first := masked(t, o.Bytes, clean, "DOE")
	n, _, second := masked(t, o.Bytes, clean, "DOE")
	if len(m.Regions) != len(n.Regions) {
		t.Fatalf("%d and %d regions", len(m.Regions), len(n.Regions))
	}
	for i := range first.Frames {
		a, _ := first.Encoded(i)
		b, _ := second.Encoded(i)
		if !bytes.Equal(a, b) {
			t.Fatalf("frame %d differs", i)
		}
	}
}
