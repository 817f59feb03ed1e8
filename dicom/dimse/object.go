package dimse

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"slices"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

// Object is a SOP instance that comes in by C-STORE.
type Object struct {
	SOPClassUID, SOPInstanceUID string
	TransferSyntax              dicom.TransferSyntax
	Peer                        string // AE title of the sender
	MoveOriginator              string // AE title of who asked for it by C-MOVE, or ""

	// Data is the data set in the transfer syntax, as it comes from the network: it can be read once, and who reads slowly makes
	// the sender wait.
	Data io.Reader
}

// Part10 is the object as a file: preamble, meta header, data set as it came. The same object from the same sender gives the same bytes.
func (o *Object) Part10() (io.Reader, error) {
	meta := dicom.NewDataSet()
	meta.SetBytes(tag.FileMetaInformationVersion, vr.OB, []byte{0, 1})
	meta.SetBytes(tag.MediaStorageSOPClassUID, vr.UI, []byte(o.SOPClassUID))
	meta.SetBytes(tag.MediaStorageSOPInstanceUID, vr.UI, []byte(o.SOPInstanceUID))
	meta.SetString(tag.TransferSyntaxUID, string(o.TransferSyntax))
	meta.SetString(tag.ImplementationClassUID, dicom.ImplementationClassUID)
	meta.SetString(tag.ImplementationVersionName, dicom.ImplementationVersionName)
	if o.Peer != "" {
		meta.SetString(tag.SourceApplicationEntityTitle, o.Peer)
	}
	var group bytes.Buffer
	if err := dicom.WriteDataSet(&group, meta, uid.ExplicitVRLittleEndian); err != nil {
		return nil, err
	}
	head := make([]byte, 128, 160+group.Len())
	head = append(head, "DICM"...)
	head = append(head, 2, 0, 0, 0, 'U', 'L', 4, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(group.Len()))
	head = append(head, group.Bytes()...)
	return io.MultiReader(bytes.NewReader(head), o.Data), nil
}

// Instance is a SOP instance that can be sent.
type Instance struct {
	SOPClassUID, SOPInstanceUID string
	TransferSyntax              dicom.TransferSyntax
	// Open opens it; the function that it gives closes it.
	Open func(context.Context) (*dicom.File, func() error, error)
}

// FileInstance is the instance in a DICOM file, whose headers are read now.
func FileInstance(path string) (Instance, error) {
	f, err := dicom.Open(path, dicom.StopBefore(tag.PatientName))
	if err != nil {
		return Instance{}, err
	}
	defer f.Close()
	in := Instance{SOPClassUID: f.DataSet.String(tag.SOPClassUID), SOPInstanceUID: f.DataSet.String(tag.SOPInstanceUID), TransferSyntax: f.TransferSyntax,
		Open: func(context.Context) (*dicom.File, func() error, error) {
			f, err := dicom.Open(path)
			if err != nil {
				return nil, nil, err
			}
			return f, f.Close, nil
		}}
	if in.SOPClassUID == "" || in.SOPInstanceUID == "" {
		return in, fault.New(fault.Input, "%s has no SOPClassUID or SOPInstanceUID: it is no instance", path)
	}
	return in, nil
}

// Convertible are the transfer syntaxes that an instance is brought into where the peer does not take its own, best first: all of them
// without loss.
var Convertible = append([]dicom.TransferSyntax{
	uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian, uid.ExplicitVRBigEndian}, pixel.Encoders...)

// choose finds the context to send an instance on: the one with its own syntax, or else the best that it can be brought into.
func (s *session) choose(class string, stored dicom.TransferSyntax) (*presentation, error) {
	var best *presentation
	rank, offered := len(Convertible), false
	for _, in := range s.ordered() {
		if in.abstract != class || !in.scu {
			continue
		}
		offered = true
		if in.syntax == stored {
			return in, nil
		}
		if r := slices.Index(Convertible, in.syntax); r >= 0 && r < rank && !stored.IsVideo() {
			best, rank = in, r
		}
	}
	switch {
	case best != nil:
		return best, nil
	case offered:
		return nil, fault.New(fault.Input, "the peer takes neither %s nor a syntax that it can be brought into, for %s", stored.Name(), uid.Name(class))
	}
	return nil, fault.New(fault.Input, "the peer does not take %s", uid.Name(class))
}

// ordered are the contexts by their identifiers.
func (s *session) ordered() []*presentation {
	out := make([]*presentation, 0, len(s.contexts))
	for _, in := range s.contexts {
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b *presentation) int { return int(a.id) - int(b.id) })
	return out
}

// sender writes the data set of f in a transfer syntax: byte for byte if it is its own, or else transcoded.
func sender(ctx context.Context, f *dicom.File, to dicom.TransferSyntax) func(io.Writer) error {
	return func(w io.Writer) error {
		if to == f.TransferSyntax {
			return f.WriteBody(w)
		}
		strip := &metaStripper{w: w}
		return pixel.Transcode(ctx, strip, f, to)
	}
}

// metaStripper passes on what follows preamble, DICM mark and meta header, which begin with their length.
type metaStripper struct {
	w    io.Writer
	head []byte
	skip int64 // bytes left to drop; known when head is complete
}

const metaHead = 132 + 12 // up to the end of the group length

func (s *metaStripper) Write(p []byte) (int, error) {
	all := len(p)
	if len(s.head) < metaHead {
		n := min(len(p), metaHead-len(s.head))
		s.head = append(s.head, p[:n]...)
		p = p[n:]
		if len(s.head) == metaHead {
			s.skip = int64(binary.LittleEndian.Uint32(s.head[140:]))
		}
	}
	n := min(int64(len(p)), s.skip)
	s.skip -= n
	if p = p[n:]; len(p) > 0 {
		if _, err := s.w.Write(p); err != nil {
			return all - len(p), err
		}
	}
	return all, nil
}
