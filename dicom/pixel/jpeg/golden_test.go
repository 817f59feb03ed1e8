package jpeg

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// golden are images of 83×61 made by Pillow 9.4 with libjpeg-turbo 2.1, and the digests of what it decodes them to, in YCbCr with chroma
// upsampled: sequential and progressive, all three subsamplings, made and default Huffman tables.
var golden = []struct {
	name       string
	components int
	sha256     string
}{
	{"prog420.jpg", 3, "988f4f297878cbbeae36d79dbb6743e1765ea2f7b07931cd7c03b19f58f95a13"},
	{"prog444.jpg", 3, "62d455823931c1ae84e6cd1c704403647dff2cfa980bd6f2daabbf4225f8a29c"},
	{"base422.jpg", 3, "9d9abaf1d3bc26325c7cba7f0f12e1b7df8168591f140f81ef13eb6f2c894ac2"},
	{"base420.jpg", 3, "988f4f297878cbbeae36d79dbb6743e1765ea2f7b07931cd7c03b19f58f95a13"},
	{"base444opt.jpg", 3, "62d455823931c1ae84e6cd1c704403647dff2cfa980bd6f2daabbf4225f8a29c"},
	{"proggrey.jpg", 1, "f9f4bc1b0bf681ce6459f75d406cbae6f7431f8645ea6528c6030c6943d11748"},
}

// TestGolden wants libjpeg's samples to the bit.
func TestGolden(t *testing.T) {
	for _, g := range golden {
		src, err := os.ReadFile(filepath.Join("testdata", g.name))
		if err != nil {
			t.Fatal(err)
		}
		h, got, err := Decode(src, nil, Options{Rows: 61, Columns: 83})
		if err != nil {
			t.Errorf("%s: %v", g.name, err)
			continue
		}
		sum := sha256.Sum256(got)
		if hex.EncodeToString(sum[:]) != g.sha256 || h.Components != g.components || h.Progressive != (g.name[0] == 'p') {
			t.Errorf("%s: other samples than libjpeg's; %+v", g.name, h)
		}
		only, err := DecodeHeader(src)
		if err != nil || only.Rows != 61 || only.Columns != 83 || only.Components != g.components || !only.JFIF {
			t.Errorf("%s: header %+v, %v", g.name, only, err)
		}
		// A stream that breaks off is an image with the rest grey, or an error, at every byte.
		for n := range len(src) {
			h, part, err := Decode(src[:n], nil, Options{})
			if err == nil && len(part) != len(got) {
				t.Fatalf("%s cut at %d: %d samples, %+v", g.name, n, len(part), h)
			}
		}
	}
}

// Restart markers put into a stream by hand: one every MCU, with the state they reset. The image has one component of two blocks, both flat.
func TestRestartIntervals(t *testing.T) {
	head := []byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0}
	for range 64 {
		head = append(head, 1)
	}
	head = append(head, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0)
	// DC: categories 0 and 7 with codes 00 and 01; AC: end of block with code 00.
	head = append(head, 0xFF, 0xC4, 0, 21, 0x00, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7)
	head = append(head, 0xFF, 0xC4, 0, 20, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	sos := []byte{0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0}
	// Difference 80 is category 7, bits 1010000; then the end of the block: 01 1010000 00, padded with ones.
	block := []byte{0b01101000, 0b00011111}
	restarted := append(append([]byte{}, head...), 0xFF, 0xDD, 0, 4, 0, 1)
	restarted = append(append(append(append(restarted, sos...), block...), 0xFF, 0xD0), block...)
	_, got, err := Decode(append(restarted, 0xFF, 0xD9), nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != 138 { // 128 + 80/8, in both blocks: the prediction begins anew
			t.Fatalf("sample %d is %d", i, v)
		}
	}
	// Without restarts the second difference adds up: 01 1010000 00 01 1010000 00.
	plain := append(append(append([]byte{}, head...), sos...), 0b01101000, 0b00001101, 0b00000011)
	_, got, err = Decode(append(plain, 0xFF, 0xD9), nil, Options{})
	if err != nil || got[0] != 138 || got[15] != 148 {
		t.Errorf("%v, %v", got[:16], err)
	}
	// A missing interval is said.
	h, _, err := Decode(append(restarted[:len(restarted)-4], 0xFF, 0xD9), nil, Options{})
	if err == nil && !h.Truncated {
		t.Error("a missing restart interval was not reported")
	}
}
