package dicom

import (
	"strings"

	"github.com/cineloop/cineloop/dicom/uid"
)

// TransferSyntax is a transfer syntax UID (PS3.5 section 10, annex A).
type TransferSyntax string

// Encoding facts of the syntaxes that are not explicit little endian with encapsulated pixel data.
const (
	implicitGE TransferSyntax = "1.2.840.113619.5.2" // GE private: implicit little endian, pixel data big endian
)

// IsImplicit reports whether element headers have no VR.
func (t TransferSyntax) IsImplicit() bool {
	return t == uid.ImplicitVRLittleEndian || t == implicitGE || t == uid.Papyrus3ImplicitVRLittleEndian
}

// IsBigEndian reports whether binary values are most significant byte first.
func (t TransferSyntax) IsBigEndian() bool { return t == uid.ExplicitVRBigEndian }

// IsDeflated reports whether the whole data set is a deflate stream.
func (t TransferSyntax) IsDeflated() bool {
	return t == uid.DeflatedExplicitVRLittleEndian || t == uid.JPIPReferencedDeflate || t == uid.JPIPHTJ2KReferencedDeflate
}

// IsEncapsulated reports whether pixel data is a sequence of fragments. For an unknown syntax the answer is false: the
// element itself tells, by its undefined length.
func (t TransferSyntax) IsEncapsulated() bool {
	if t == uid.EncapsulatedUncompressedExplicitVRLittleEndian || t == uid.RLELossless || t == uid.DeflatedImageFrameCompression {
		return true
	}
	return strings.HasPrefix(string(t), "1.2.840.10008.1.2.4.") && t != uid.JPIPReferenced && t != uid.JPIPReferencedDeflate &&
		t != uid.JPIPHTJ2KReferenced && t != uid.JPIPHTJ2KReferencedDeflate
}

// IsVideo reports whether one bit stream holds all frames (MPEG-2, H.264, HEVC).
func (t TransferSyntax) IsVideo() bool {
	rest, ok := strings.CutPrefix(string(t), "1.2.840.10008.1.2.4.10")
	return ok && rest != ""
}

// Known reports whether the standard registers t as a transfer syntax.
func (t TransferSyntax) Known() bool {
	in, ok := uid.Lookup(string(t))
	return ok && in.Type == "Transfer Syntax" || t == implicitGE
}

// Name is the registered name, or the UID itself.
func (t TransferSyntax) Name() string { return uid.Name(string(t)) }
