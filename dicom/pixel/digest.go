package pixel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// Digest is the SHA-256, in hex, of all frames of f one after the other in native form: stored samples, interleaved, little endian, without the
// pad byte; single bits packed across frames, uncompressed YBR_FULL_422 with shared chroma as it is stored. Two files of one image have
// one digest, whichever lossless transfer syntax they are in.
//
// Native pixel data that are shorter than their description, or have none, are digested as they are; partial then says so.
func Digest(f *dicom.File, opts ...Option) (sum string, partial, err error) {
	im, err := Open(f, opts...)
	var e *dicom.Element
	if im != nil {
		e = im.elem
	} else {
		e, _ = f.DataSet.Get(tag.PixelData)
	}
	switch {
	case e == nil:
		return "", nil, err
	case e.Fragments() == nil && err != nil:
		sum, rerr := digestRaw(&Image{elem: e, TransferSyntax: f.TransferSyntax, BitsAllocated: 16}, e.Len())
		return sum, err, rerr
	case e.Fragments() == nil:
		if size := im.bytesOf(int64(im.Frames)); size > e.Len() {
			sum, rerr := digestRaw(im, e.Len())
			return sum, fault.New(fault.Input, "the pixel data have %d bytes of %d", e.Len(), size), rerr
		}
	}
	if err != nil {
		return "", nil, err
	}
	sum, err = im.digest()
	return sum, nil, err
}

func digestRaw(im *Image, size int64) (string, error) {
	h := sha256.New()
	buf := make([]byte, min(size, 1<<20)+16)
	for at := int64(0); at < size; at += 1 << 20 {
		b, err := im.readInto(buf, at, min(at+1<<20, size))
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (im *Image) digest() (string, error) {
	native := im.elem.Fragments() == nil
	if native && (im.BitsAllocated%8 != 0 || !im.Planar || im.Samples == 1) { // stored as the digest wants it
		return digestRaw(im, im.bytesOf(int64(im.Frames)))
	}
	h := sha256.New()
	var bits bitPacker
	err := im.EachFrame(context.Background(), func(_ int, b []byte) error {
		if im.BitsAllocated == 1 {
			b = bits.pack(b)
		}
		h.Write(b)
		return nil
	})
	if err != nil {
		return "", err
	}
	h.Write(bits.rest())
	return hex.EncodeToString(h.Sum(nil)), nil
}

// bitPacker packs samples of 0 and 1 into bytes, the first in the lowest bit, across the borders of frames.
type bitPacker struct {
	held byte
	n    int // bits in held
}

// pack is the whole bytes that b completes.
func (p *bitPacker) pack(b []byte) []byte {
	out := make([]byte, 0, (len(b)+p.n)/8)
	for _, v := range b {
		p.held |= v & 1 << p.n
		if p.n++; p.n == 8 {
			out = append(out, p.held)
			p.held, p.n = 0, 0
		}
	}
	return out
}

// rest is the last byte, if it is not whole.
func (p *bitPacker) rest() []byte {
	if p.n == 0 {
		return nil
	}
	return []byte{p.held}
}

// packBits packs the samples of one frame.
func packBits(b []byte) []byte {
	var p bitPacker
	return append(p.pack(b), p.rest()...)
}
