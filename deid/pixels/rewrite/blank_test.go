package rewrite

import (
	"bytes"
	"context"
	"image"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// object is a native image of 4 × 2 pixels.
type object struct {
	photometric           string
	samples, bits, stored int
	signed, planar        bool
	data                  []byte
	syntax                dicom.TransferSyntax
	change                func(*dicom.DataSet)
	want                  []byte // after the pixel (1, 0) and (2, 1) are blanked
	wantSyntax            dicom.TransferSyntax
	reason                string
}

func (o object) open(t *testing.T) (*dicom.File, *pixel.Image) {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, "1.2")
	ds.SetString(tag.SOPInstanceUID, "1.3")
	ds.SetString(tag.PhotometricInterpretation, o.photometric)
	rep, plane := 0, 0
	if o.signed {
		rep = 1
	}
	if o.planar {
		plane = 1
	}
	for tg, v := range map[tag.Tag]int{tag.SamplesPerPixel: o.samples, tag.Rows: 2, tag.Columns: 4, tag.BitsAllocated: o.bits, tag.BitsStored: o.stored, tag.HighBit: o.stored - 1, tag.PixelRepresentation: rep, tag.PlanarConfiguration: plane} {
		ds.SetInts(tg, v)
	}
	v := vr.OB
	if o.bits > 8 {
		v = vr.OW
	}
	ds.SetBytes(tag.PixelData, v, o.data)
	if o.change != nil {
		o.change(ds)
	}
	var out bytes.Buffer
	if err := dicom.Write(&out, ds, dicom.WriteOptions{TransferSyntaxUID: string(o.syntax)}); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.ReadBytes(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	im, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, im
}

func two() *mask.Mask {
	m := mask.New(4, 2)
	m.Fill(image.Rect(1, 0, 2, 1), mask.Hard)
	m.Fill(image.Rect(2, 1, 3, 2), mask.Soft)
	return m.Seal()
}

// Answers worked out by hand for every kind of cell.
func TestBlankValues(t *testing.T) {
	eight := []byte{10, 20, 30, 40, 50, 60, 70, 80}
	palette := func(ds *dicom.DataSet) {
		for _, p := range [][2]tag.Tag{{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData}, {tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData},
			{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData}} {
			ds.SetInts(p[0], 4, 8, 16)
			ds.SetBytes(p[1], vr.OW, []byte{0, 90, 0, 40, 0, 2, 0, 70}) // the third entry, index 10, is darkest
		}
	}
	for name, o := range map[string]object{
		"MONOCHROME2": {photometric: "MONOCHROME2", samples: 1, bits: 8, stored: 8, data: eight, want: []byte{10, 0, 30, 40, 50, 60, 0, 80}},
		"MONOCHROME1": {photometric: "MONOCHROME1", samples: 1, bits: 8, stored: 7, data: eight, want: []byte{10, 127, 30, 40, 50, 60, 127, 80}},
		"palette":     {photometric: "PALETTE COLOR", samples: 1, bits: 8, stored: 8, data: eight, change: palette, want: []byte{10, 10, 30, 40, 50, 60, 10, 80}},
		"signed": {photometric: "MONOCHROME2", samples: 1, bits: 16, stored: 16, signed: true, // −2 is darkest
			data: []byte{5, 0, 6, 0, 7, 0, 0xFE, 0xFF, 1, 0, 2, 0, 3, 0, 4, 0}, want: []byte{5, 0, 0xFE, 0xFF, 7, 0, 0xFE, 0xFF, 1, 0, 2, 0, 0xFE, 0xFF, 4, 0}},
		"signed MONOCHROME1": {photometric: "MONOCHROME1", samples: 1, bits: 16, stored: 16, signed: true,
			data: []byte{5, 0, 6, 0, 9, 0, 0xFE, 0xFF, 1, 0, 2, 0, 3, 0, 4, 0}, want: []byte{5, 0, 9, 0, 9, 0, 0xFE, 0xFF, 1, 0, 2, 0, 9, 0, 4, 0}},
		"RGB": {photometric: "RGB", samples: 3, bits: 8, stored: 8, data: bytes.Repeat([]byte{1, 2, 3}, 8),
			want: []byte{1, 2, 3, 0, 0, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0, 0, 0, 1, 2, 3}},
		"RGB by plane": {photometric: "RGB", samples: 3, bits: 8, stored: 8, planar: true, data: append(append(append([]byte{}, eight...), eight...), eight...),
			want: bytes.Repeat([]byte{10, 0, 30, 40, 50, 60, 0, 80}, 3)},
		"YBR_FULL": {photometric: "YBR_FULL", samples: 3, bits: 8, stored: 8, data: bytes.Repeat([]byte{100, 20, 30}, 8),
			want: []byte{100, 20, 30, 0, 128, 128, 100, 20, 30, 100, 20, 30, 100, 20, 30, 100, 20, 30, 0, 128, 128, 100, 20, 30}},
		// Y Y Cb Cr: the chroma that a masked pixel shares is neutral where it is Hard, and stays where the neighbour is outside the sector's edge.
		"YBR_FULL_422": {photometric: "YBR_FULL_422", samples: 3, bits: 8, stored: 8, data: bytes.Repeat([]byte{100, 110, 20, 30}, 4),
			want: []byte{100, 0, 128, 128, 100, 110, 20, 30, 100, 110, 20, 30, 0, 110, 20, 30}},
		"big endian": {photometric: "MONOCHROME2", samples: 1, bits: 16, stored: 12, syntax: uid.ExplicitVRBigEndian, data: bytes.Repeat([]byte{0x34, 0x02}, 8), wantSyntax: uid.ExplicitVRLittleEndian,
			want: []byte{0x34, 2, 0, 0, 0x34, 2, 0x34, 2, 0x34, 2, 0x34, 2, 0, 0, 0x34, 2}},
		"overlay in the cells": {photometric: "MONOCHROME2", samples: 1, bits: 16, stored: 12, data: bytes.Repeat([]byte{0x34, 0xF2}, 8),
			change: func(ds *dicom.DataSet) { ds.SetInts(tag.Tag(0x60000102), 12); ds.SetInts(tag.Tag(0x60000100), 16) },
			want:   []byte{0x34, 2, 0, 0, 0x34, 2, 0x34, 2, 0x34, 2, 0x34, 2, 0, 0, 0x34, 2}},
		"32 bits": {photometric: "MONOCHROME2", samples: 1, bits: 32, stored: 32, data: bytes.Repeat([]byte{1, 2, 3, 4}, 8),
			want: append(append(append(append([]byte{1, 2, 3, 4}, 0, 0, 0, 0), bytes.Repeat([]byte{1, 2, 3, 4}, 4)...), 0, 0, 0, 0), 1, 2, 3, 4)},
		"single bits": {photometric: "MONOCHROME2", samples: 1, bits: 1, stored: 1, data: []byte{0xFF, 0}, reason: "pixels of 1 bits"},
		"CMYK":        {photometric: "CMYK", samples: 4, bits: 8, stored: 8, data: make([]byte, 32), reason: "4 samples per pixel"},
		"unheard of":  {photometric: "HSV", samples: 3, bits: 8, stored: 8, data: make([]byte, 24), reason: "blanking pixels of HSV"},
	} {
		if o.syntax == "" {
			o.syntax = uid.ExplicitVRLittleEndian
		}
		if o.wantSyntax == "" {
			o.wantSyntax = o.syntax
		}
		_, im := o.open(t)
		w, err := New(im, two())
		if o.reason != "" {
			if fault.CodeOf(err) != fault.Input || err.Error() != o.reason {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := w.Frame(context.Background(), 0)
		if err != nil || !bytes.Equal(got, o.want) || w.Syntax != o.wantSyntax {
			t.Errorf("%s: %v\nwant %v, %s, %v", name, got, o.want, w.Syntax, err)
		}
		if OverlayBits(im) != (name == "overlay in the cells") {
			t.Errorf("%s: overlay bits %v", name, OverlayBits(im))
		}
	}
}

func TestWrongMaskAndCancelled(t *testing.T) {
	o := object{photometric: "MONOCHROME2", samples: 1, bits: 8, stored: 8, data: make([]byte, 8), syntax: uid.ExplicitVRLittleEndian}
	_, im := o.open(t)
	if _, err := New(im, mask.New(3, 3).Seal()); fault.CodeOf(err) != fault.Internal {
		t.Errorf("%v", err)
	}
	w, err := New(im, two())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Frame(ctx, 0); err == nil {
		t.Error("a frame after cancelling")
	}
	if _, err := w.Frame(context.Background(), 5); err == nil {
		t.Error("a frame that is not there")
	}
}
