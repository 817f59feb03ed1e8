package rle

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// frame is an RLE frame by hand: header, then the segments.
func frame(segments ...[]byte) []byte {
	h := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(h, uint32(len(segments)))
	for i, s := range segments {
		binary.LittleEndian.PutUint32(h[4+4*i:], uint32(len(h)))
		h = append(h, s...)
	}
	return h
}

func TestDecodeByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		src             []byte
		pixels, samples int
		width           int
		want            []byte
	}{
		{"literal", frame([]byte{2, 1, 2, 3, 0}), 3, 1, 1, []byte{1, 2, 3}},
		{"run", frame([]byte{0xFD, 7}), 4, 1, 1, []byte{7, 7, 7, 7}},
		{"nothing", frame([]byte{0x80, 0xFF, 5}), 2, 1, 1, []byte{5, 5}},
		{"run too long", frame([]byte{0xF0, 7}), 4, 1, 1, []byte{7, 7, 7, 7}},
		{"literal too long", frame([]byte{5, 1, 2, 3, 4, 5, 6}), 4, 1, 1, []byte{1, 2, 3, 4}},
		{"high byte first", frame([]byte{1, 0x12, 0x34}, []byte{1, 0x56, 0x78}), 2, 1, 2, []byte{0x56, 0x12, 0x78, 0x34}},
		{"three samples", frame([]byte{1, 1, 2}, []byte{1, 3, 4}, []byte{1, 5, 6}), 2, 3, 1, []byte{1, 3, 5, 2, 4, 6}},
	} {
		got, err := Decode(c.src, nil, c.pixels, c.samples, c.width)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, %v, want % x", c.name, got, err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	far := frame([]byte{0, 1})
	binary.LittleEndian.PutUint32(far[4:], 1000)
	inside := frame([]byte{0, 1})
	binary.LittleEndian.PutUint32(inside[4:], 3)
	huge := frame([]byte{0, 1})
	binary.LittleEndian.PutUint32(huge, 0xFFFFFFFF)
	for name, src := range map[string][]byte{
		"empty": nil, "short header": make([]byte, 63), "no segments": make([]byte, 64), "two segments for one": frame(nil, nil), "past the end": far,
		"inside the header": inside, "4 G segments": huge, "short plane": frame([]byte{0xFF, 1}), "cut literal": frame([]byte{3, 1, 2}), "cut run": frame([]byte{0xFD}),
	} {
		if b, err := Decode(src, nil, 4, 1, 1); err == nil {
			t.Errorf("%s: % x", name, b)
		}
	}
	if _, err := Decode(frame([]byte{0x81, 0}), nil, 1<<30, 1, 1); err == nil {
		t.Error("a gigabyte from two bytes")
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		columns, rows := 1+r.IntN(300), 1+r.IntN(5)
		samples, width := []int{1, 3}[r.IntN(2)], []int{1, 2, 4}[r.IntN(3)]
		src := make([]byte, columns*rows*samples*width)
		for k := range src {
			if r.IntN(1+i%7) == 0 {
				src[k] = byte(r.UintN(1 + uint(i)%256))
			} else if k > 0 {
				src[k] = src[k-1]
			}
		}
		enc, err := Encode(src, columns, samples, width)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(enc, nil, columns*rows, samples, width); err != nil || !bytes.Equal(got, src) {
			t.Fatalf("case %d: %v", i, err)
		}
		if len(enc)%2 != 0 {
			t.Fatalf("case %d: odd length", i)
		}
	}
	if _, err := Encode(make([]byte, 5), 2, 1, 1); err == nil {
		t.Error("half a row")
	}
	if _, err := Encode(make([]byte, 64), 1, 4, 16); err == nil {
		t.Error("64 planes")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(frame([]byte{2, 1, 2, 3, 0}), 3, 1, 1)
	f.Add(frame([]byte{0xFD, 7}, []byte{0x80}), 4, 1, 2)
	f.Fuzz(func(t *testing.T, src []byte, pixels, samples, width int) {
		if pixels < 1 || pixels > 1<<16 || samples < 1 || samples > 4 || width < 1 || width > 8 {
			return
		}
		if b, err := Decode(src, nil, pixels, samples, width); err == nil && len(b) != pixels*samples*width {
			t.Fatalf("%d bytes", len(b))
		}
	})
}
