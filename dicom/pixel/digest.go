package pixel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Digest is the SHA-256, in hex, of all frames one after the other in native form: stored samples, interleaved, little endian, without the pad
// byte; single bits packed across frames, uncompressed YBR_FULL_422 with shared chroma as it is stored. Two files of one image have one digest,
// whichever lossless transfer syntax they are in.
func (im *Image) Digest() (string, error) {
	h := sha256.New()
	if im.elem.Fragments() == nil && (im.BitsAllocated == 1 || im.BitsAllocated == 12) {
		size := im.bytesOf(int64(im.Frames))
		if size > im.elem.Len() {
			return "", fmt.Errorf("the pixel data have %d bytes of %d", im.elem.Len(), size)
		}
		for at := int64(0); at < size; at += 1 << 20 {
			b, err := im.readLittle(at, min(at+1<<20, size))
			if err != nil {
				return "", err
			}
			h.Write(b)
		}
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	for i := range im.Frames {
		var b []byte
		var err error
		if im.elem.Fragments() == nil && im.is422() && im.Samples == 3 {
			b, err = im.storedFrame(i)
		} else {
			b, err = im.Frame(i)
		}
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
