package pixel

import (
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel/jpeg2000"
	"github.com/cineloop/cineloop/dicom/pixel/jpegxl"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Decoders are the encapsulated transfer syntaxes whose frames this program decodes where what they need is installed: see [CanDecode].
var Decoders = []dicom.TransferSyntax{
	uid.RLELossless, uid.EncapsulatedUncompressedExplicitVRLittleEndian, uid.DeflatedImageFrameCompression,
	uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGSpectralSelectionNonHierarchical68, uid.JPEGFullProgressionNonHierarchical1012,
	uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEGLSNearLossless,
	uid.JPEG2000Lossless, uid.JPEG2000, uid.JPEG2000MCLossless, uid.JPEG2000MC, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K,
	uid.JPEGXLLossless, uid.JPEGXLJPEGRecompression, uid.JPEGXL,
	uid.MPEG2MPML, uid.MPEG2MPMLF, uid.MPEG2MPHL, uid.MPEG2MPHLF,
	uid.MPEG4HP41, uid.MPEG4HP41F, uid.MPEG4HP41BD, uid.MPEG4HP41BDF, uid.MPEG4HP422D, uid.MPEG4HP422DF, uid.MPEG4HP423D, uid.MPEG4HP423DF,
	uid.MPEG4HP42STEREO, uid.MPEG4HP42STEREOF, uid.HEVCMP51, uid.HEVCM10P51,
}

// needs finds what is outside of this program and needed for ts: nothing for most.
func needs(ts dicom.TransferSyntax) (name, path string, err error) {
	switch ts {
	case uid.JPEG2000Lossless, uid.JPEG2000, uid.JPEG2000MCLossless, uid.JPEG2000MC, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K:
		path, _, err = jpeg2000.Find()
		return "OpenJPEG", path, err
	case uid.JPEGXLLossless, uid.JPEGXLJPEGRecompression, uid.JPEGXL:
		path, err = jpegxl.Find()
		return "djxl", path, err
	}
	if ts.IsVideo() {
		path, err = findVideo()
		return "ffmpeg", path, err
	}
	return "", "", nil
}

// CanDecode is nil if frames in ts can be decoded on this machine, a fault.Missing error if something has to be installed for it, and
// a fault.Input error if this program can't.
func CanDecode(ts dicom.TransferSyntax) error {
	if ts.IsEncapsulated() && !slices.Contains(Decoders, ts) {
		return fault.New(fault.Input, "this program does not decode %s", ts.Name())
	}
	_, _, err := needs(ts)
	return err
}

// CanEncode is nil if Transcode writes ts on this machine, a fault.Missing error if something has to be installed for it, and a
// fault.Usage error if this program can't.
func CanEncode(ts dicom.TransferSyntax) error {
	switch {
	case !ts.Known():
		return fault.New(fault.Usage, "%q is not a transfer syntax", string(ts))
	case ts.IsEncapsulated() && !slices.Contains(Encoders, ts):
		return fault.New(fault.Usage, "this program does not write %s", ts.Name())
	}
	_, _, err := needs(ts)
	return err
}

// Codec is what this program does with a transfer syntax on this machine.
type Codec struct {
	TransferSyntax dicom.TransferSyntax `json:"transferSyntax"`
	Name           string               `json:"name"`
	Decode         bool                 `json:"decode"`
	Encode         bool                 `json:"encode"`
	By             string               `json:"by"`                // "built in", or the program or library that does it
	Path           string               `json:"path,omitempty"`    // where that was found
	Missing        string               `json:"missing,omitempty"` // what has to be installed first
}

// Codecs are all transfer syntaxes that this program knows to decode or encode, native ones first.
func Codecs() []Codec {
	all := append([]dicom.TransferSyntax{uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian}, Decoders...)
	out := make([]Codec, len(all))
	for i, ts := range all {
		c := Codec{TransferSyntax: ts, Name: ts.Name(), By: "built in"}
		name, path, err := needs(ts)
		if name != "" {
			c.By, c.Path = name, path
		}
		if err != nil {
			c.Missing = err.Error()
		}
		c.Decode = err == nil
		c.Encode = err == nil && (!ts.IsEncapsulated() || slices.Contains(Encoders, ts))
		out[i] = c
	}
	return out
}
