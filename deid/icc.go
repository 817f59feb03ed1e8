package deid

import (
	"bytes"
	"encoding/binary"
	"errors"
)

var errICC = errors.New("not an ICC profile")

// cleanICC is an ICC profile (ISO 15076-1) with its descriptions, copyright and other text overwritten, and without bytes between and after its tags. How
// it transforms colours stays the same.
func cleanICC(b []byte) ([]byte, error) {
	if len(b) < 132 || string(b[36:40]) != "acsp" {
		return nil, errICC
	}
	size := int(binary.BigEndian.Uint32(b))
	n := int(binary.BigEndian.Uint32(b[128:]))
	if size < 132 || size > len(b) || n > 1000 || 132+12*n > size {
		return nil, errICC
	}
	out := make([]byte, size)
	copy(out, b[:132+12*n])
	clear(out[84:100])  // profile ID, a digest of what was there
	clear(out[24:36])   // when it was made
	clear(out[100:128]) // reserved
	clear(out[48:56])   // device manufacturer and model
	clear(out[80:84])   // creator
	for i := range n {
		row := b[132+12*i:]
		at, length := int(binary.BigEndian.Uint32(row[4:])), int(binary.BigEndian.Uint32(row[8:]))
		if at < 132+12*n || length < 8 || at > size || length > size-at {
			return nil, errICC
		}
		tag := b[at : at+length]
		dst := out[at : at+length]
		switch kind := string(tag[:4]); kind {
		case "XYZ ", "curv", "para", "sf32", "mft1", "mft2", "mAB ", "mBA ", "sig ", "chrm", "view", "meas", "dtim", "ui08", "ui16", "ui32", "ui64", "uf32", "clro", "clrt", "gamm":
			copy(dst, tag)
			if kind == "dtim" {
				clear(dst[8:])
			}
		case "text":
			copy(dst, tag[:8])
			if length > 9 {
				copy(dst[8:], bytes.Repeat([]byte{'-'}, length-9))
			}
		case "desc", "mluc": // an empty description of the same size
			copy(dst, tag[:4])
			if kind == "mluc" && length >= 16 {
				binary.BigEndian.PutUint32(dst[12:], 12)
			} else if length >= 13 {
				binary.BigEndian.PutUint32(dst[8:], 1)
			}
		default: // of unknown form: its bytes are gone, its place stays
			copy(dst, tag[:4])
		}
	}
	return out, nil
}
