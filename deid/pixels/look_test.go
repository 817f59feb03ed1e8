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
)

// grey is a native grey image in memory.
type grey struct {
	w, h, frames, bits, stored int
	signed                     bool
	photometric                string
	data                       []byte
	change                     func(*dicom.DataSet)
}

func (g grey) bytes(t *testing.T) []byte {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, string(uid.SecondaryCaptureImageStorage))
	ds.SetString(tag.SOPInstanceUID, "1.2.3")
	ds.SetString(tag.Modality, "OT")
	if g.photometric == "" {
		g.photometric = "MONOCHROME2"
	}
	ds.SetString(tag.PhotometricInterpretation, g.photometric)
	rep := 0
	if g.signed {
		rep = 1
	}
	for tg, v := range map[tag.Tag]int{tag.SamplesPerPixel: 1, tag.Rows: g.h, tag.Columns: g.w, tag.NumberOfFrames: g.frames, tag.BitsAllocated: g.bits, tag.BitsStored: g.stored, tag.HighBit: g.stored - 1, tag.PixelRepresentation: rep} {
		ds.SetInts(tg, v)
	}
	ds.SetBytes(tag.PixelData, vr.OW, g.data)
	if g.change != nil {
		g.change(ds)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (g grey) cine(t *testing.T) *cine {
	t.Helper()
	f, err := dicom.ReadBytes(g.bytes(t))
	if err != nil {
		t.Fatal(err)
	}
	im, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := look(context.Background(), im)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEightBitViews: what the detector sees of samples of other depths, worked out by hand.
func TestEightBitViews(t *testing.T) {
	const w, h = 16, 8
	n := w * h
	eight := make([]byte, n)
	sixteen, signed := make([]byte, 2*n), make([]byte, 2*n)
	for i := range n {
		eight[i] = byte(i)
		v := 100 + 10*i // 100 to 1370
		sixteen[2*i], sixteen[2*i+1] = byte(v), byte(v>>8)
		s := uint16(int16(v - 700))
		signed[2*i], signed[2*i+1] = byte(s), byte(s>>8)
	}
	p := grey{w: w, h: h, frames: 1, bits: 8, stored: 8, data: eight}.cine(t)
	if !bytes.Equal(p.keys[0].Value, eight) || p.wide != nil || p.keys[0].Sat != nil {
		t.Error("eight bits are not seen as they are")
	}
	p = grey{w: w, h: h, frames: 1, bits: 8, stored: 4, data: bytes.Repeat([]byte{15, 0, 5, 0}, n/4)}.cine(t)
	if v := p.keys[0].Value; v[0] != 255 || v[2] != 85 {
		t.Errorf("four bits: %v", v[:4])
	}
	for name, g := range map[string]grey{"unsigned": {data: sixteen}, "signed": {data: signed, signed: true}} {
		g.w, g.h, g.frames, g.bits, g.stored = w, h, 1, 16, 16
		c := g.cine(t)
		v := c.keys[0].Value
		if v[0] != 0 || v[n-1] != 255 || v[n/2] < 120 || v[n/2] > 140 {
			t.Errorf("%s: %d, %d, %d", name, v[0], v[n/2], v[n-1])
		}
		for i := 1; i < n; i++ {
			if v[i] < v[i-1] {
				t.Fatalf("%s: the order of values is lost at %d", name, i)
			}
		}
	}
	// One pixel far above all others: the whole range is looked at as well as its middle.
	far := bytes.Clone(sixteen)
	far[2], far[3] = 0xFF, 0x7F
	c := grey{w: w, h: h, frames: 1, bits: 16, stored: 16, data: far}.cine(t)
	if c.wide == nil || c.wide.Value[1] != 255 || c.wide.Value[2] > 20 {
		t.Error("the whole range is not looked at")
	}
	flat := grey{w: w, h: h, frames: 1, bits: 16, stored: 16, data: make([]byte, 2*n)}.cine(t)
	if v := flat.keys[0].Value; v[0] != v[n-1] {
		t.Error("a flat picture has contrast")
	}
	one := grey{w: w, h: h, frames: 1, bits: 1, stored: 1, data: bytes.Repeat([]byte{0x01, 0x80}, n/16)}.cine(t)
	if v := one.keys[0].Value; v[0] != 255 || v[1] != 0 || v[15] != 255 {
		t.Errorf("single bits: %v", v[:16])
	}
}

// TestSummaryOverTime: extremes and mean of a loop of three frames.
func TestSummaryOverTime(t *testing.T) {
	const n = 16 * 16
	data := append(append(bytes.Repeat([]byte{10}, n), bytes.Repeat([]byte{40}, n)...), bytes.Repeat([]byte{100}, n)...)
	c := grey{w: 16, h: 16, frames: 3, bits: 8, stored: 8, data: data}.cine(t)
	if c.low[5] != 10 || c.high[5] != 100 || c.mean[5] != 50 || len(c.keys) != 3 || c.index[2] != 2 {
		t.Errorf("%d, %d, %d, %v", c.low[5], c.high[5], c.mean[5], c.index)
	}
}

// TestTextOfAMoment: a string on one frame of forty, on a ground that moves, is found and blanked on all.
func TestTextOfAMoment(t *testing.T) {
	const w, h, frames = 160, 96, 40
	if testing.Short() {
		t.Skip("-short: forty frames")
	}
	r := rand.New(rand.NewPCG(3, 3))
	data := make([]byte, 0, w*h*frames)
	var box image.Rectangle
	for i := range frames {
		f := make([]byte, w*h)
		for k := range f {
			f[k] = byte(r.IntN(40))
		}
		if i == 13 {
			pix := make([]uint8, 3*w*h)
			s, err := plant.Burn(pix, h, w, "DOE, JANE 4711", 20, 40, plant.Style{Font: plant.Builtin()[0], Size: 15, Alpha: 1, Ink: white})
			if err != nil {
				t.Fatal(err)
			}
			box = s.Box
			for k := range f {
				f[k] = max(f[k], pix[3*k])
			}
		}
		data = append(data, f...)
	}
	m, before, after := masked(t, grey{w: w, h: h, frames: frames, bits: 8, stored: 8, data: data}.bytes(t), clean)
	if m.Verdict != deid.Blanked || m.Examined < 4 {
		t.Fatalf("%+v", m)
	}
	for _, i := range []int{0, 13, 39} {
		a, _ := before.Frame(i)
		b, _ := after.Frame(i)
		for y := box.Min.Y; y < box.Max.Y; y++ {
			for x := box.Min.X; x < box.Max.X; x++ {
				if b[y*w+x] != 0 {
					t.Fatalf("frame %d: pixel %d,%d is %d", i, x, y, b[y*w+x])
				}
			}
		}
		if !bytes.Equal(a[:w*20], b[:w*20]) {
			t.Errorf("frame %d: rows far from the string changed", i)
		}
	}
}

// TestPagesAreHeldBack: a picture that is mostly text has nothing to keep.
func TestPagesAreHeldBack(t *testing.T) {
	const w, h = 256, 192
	pix := make([]uint8, 3*w*h)
	for y := 2; y < h-14; y += 15 {
		if _, err := plant.Burn(pix, h, w, "DOSE REPORT DOE JANE 1947 CTDI 12.5 DLP", 2, y, plant.Style{Font: plant.Builtin()[5], Alpha: 1, Ink: white}); err != nil {
			t.Fatal(err)
		}
	}
	data := make([]byte, w*h)
	for k := range data {
		data[k] = pix[3*k]
	}
	m, _, _ := masked(t, grey{w: w, h: h, frames: 1, bits: 8, stored: 8, data: data}.bytes(t), clean)
	if m.Verdict != deid.Quarantine || m.Reason != "a page of text" {
		t.Errorf("verdict %d, %q, %d regions", m.Verdict, m.Reason, len(m.Regions))
	}
}

func TestUltrasoundWithoutSector(t *testing.T) {
	us := func(ds *dicom.DataSet) { ds.SetString(tag.Modality, "US") }
	g := grey{w: 200, h: 150, frames: 1, bits: 8, stored: 8, data: make([]byte, 200*150), change: us}
	m, _, _ := masked(t, g.bytes(t), clean)
	if m.Verdict != deid.Quarantine || m.Reason != "no scanning sector was found" {
		t.Errorf("%+v", m)
	}
	p := clean
	p.Unsure = "pass"
	if m, _, _ = masked(t, g.bytes(t), p); m.Verdict != deid.Untouched || m.Examined != 1 {
		t.Errorf("passed by policy: %+v", m)
	}
	p = clean
	p.Outside = false
	if m, _, _ = masked(t, g.bytes(t), p); m.Verdict != deid.Untouched || m.Examined != 1 {
		t.Errorf("without the sector stage: %+v", m)
	}
}

// TestTextFree: which objects are passed by their kind.
func TestTextFree(t *testing.T) {
	const n = 128
	r := rand.New(rand.NewPCG(5, 5))
	noise := make([]byte, 2*n*n)
	for i := range n * n {
		v := int(600 + 150*r.NormFloat64())
		noise[2*i], noise[2*i+1] = byte(max(v, 0)), byte(max(v, 0)>>8)
	}
	set := func(class, modality, burned string, kind ...string) func(*dicom.DataSet) {
		return func(ds *dicom.DataSet) {
			ds.SetString(tag.SOPClassUID, class)
			ds.SetString(tag.Modality, modality)
			if burned != "" {
				ds.SetString(tag.BurnedInAnnotation, burned)
			}
			if kind != nil {
				ds.SetString(tag.ImageType, kind...)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*dicom.DataSet)
		free   bool
	}{
		"original CT":       {set(string(uid.CTImageStorage), "CT", "NO", "ORIGINAL", "PRIMARY", "AXIAL"), true},
		"original MR":       {set(string(uid.MRImageStorage), "MR", "", "ORIGINAL", "PRIMARY", "M", "ND"), true},
		"said to have":      {set(string(uid.CTImageStorage), "CT", "YES", "ORIGINAL", "PRIMARY", "AXIAL"), false},
		"derived":           {set(string(uid.CTImageStorage), "CT", "NO", "DERIVED", "PRIMARY", "AXIAL"), false},
		"localizer":         {set(string(uid.CTImageStorage), "CT", "NO", "ORIGINAL", "PRIMARY", "LOCALIZER"), false},
		"no image type":     {set(string(uid.CTImageStorage), "CT", "NO"), false},
		"radiograph":        {set(string(uid.ComputedRadiographyImageStorage), "CR", "NO", "ORIGINAL", "PRIMARY"), false},
		"ultrasound":        {set(string(uid.UltrasoundImageStorage), "US", "NO", "ORIGINAL", "PRIMARY"), false},
		"segmentation":      {set(string(uid.SegmentationStorage), "SEG", "", "DERIVED", "PRIMARY"), true},
		"dose":              {set(string(uid.RTDoseStorage), "RTDOSE", ""), true},
		"screen save":       {set(string(uid.CTImageStorage), "CT", "", "ORIGINAL", "PRIMARY", "SCREEN SAVE"), false},
		"secondary capture": {set(string(uid.SecondaryCaptureImageStorage), "OT", "NO"), false},
	} {
		f, err := dicom.ReadBytes(grey{w: n, h: n, frames: 1, bits: 16, stored: 12, data: noise, change: c.change}.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		im, err := pixel.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		if rule, free := textFree(f.DataSet, im); free != c.free || free != (rule != "") {
			t.Errorf("%s: free %v by %q", name, free, rule)
		}
	}
}

// TestOverlayBitsAreCleared: an untouched kind of object with an overlay in its cells is rewritten for that alone.
func TestOverlayBitsAreCleared(t *testing.T) {
	const n = 128
	r := rand.New(rand.NewPCG(5, 5))
	data := make([]byte, 2*n*n)
	for i := range n * n {
		v := uint16(max(0, 600+150*r.NormFloat64())) & 0xFFF
		if i%7 == 0 {
			v |= 0x8000
		}
		data[2*i], data[2*i+1] = byte(v), byte(v>>8)
	}
	m, before, after := masked(t, grey{w: n, h: n, frames: 1, bits: 16, stored: 12, data: data, change: func(ds *dicom.DataSet) {
		ds.SetString(tag.SOPClassUID, string(uid.CTImageStorage))
		ds.SetString(tag.Modality, "CT")
		ds.SetString(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
		ds.SetInts(tag.Tag(0x60000100), 16)
		ds.SetInts(tag.Tag(0x60000102), 15)
	}}.bytes(t), clean)
	if m.Verdict != deid.Blanked || len(m.Regions) != 0 {
		t.Fatalf("%+v", m)
	}
	a, _ := before.Frame(0)
	b, _ := after.Frame(0)
	for i := range n * n {
		if b[2*i] != a[2*i] || b[2*i+1] != a[2*i+1]&0x0F {
			t.Fatalf("cell %d was %x%02x and is %x%02x", i, a[2*i+1], a[2*i], b[2*i+1], b[2*i])
		}
	}
}

func TestMarkJoins(t *testing.T) {
	f := Finding{Mask: mask.New(100, 50)}
	f.add(image.Rect(90, 40, 200, 60), "rule")
	f.add(image.Rect(200, 200, 210, 210), "nowhere")
	if len(f.Regions) != 1 || f.Regions[0].X1 != 100 || f.Regions[0].Y1 != 50 || f.Regions[0].Last != -1 || f.Mask.Count() != 100 {
		t.Errorf("%+v, %d pixels", f.Regions, f.Mask.Count())
	}
	if s := f.hardShare(image.Rect(80, 40, 100, 50)); s != 0.5 {
		t.Errorf("share %g", s)
	}
}
