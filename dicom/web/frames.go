package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// maxFrames is how many frames one request may name.
const maxFrames = 100_000

// parseFrames reads a frame list: numbers from 1, joined by commas. The result counts from 0.
func parseFrames(s string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || n == 0 {
			return nil, fault.New(fault.Usage, "frames are numbers from 1, joined by commas")
		}
		if out = append(out, int(n)-1); len(out) > maxFrames {
			return nil, fault.New(fault.Usage, "more than %d frames in one request", maxFrames)
		}
	}
	return out, nil
}

// form is how frames are given.
type form struct {
	kind    string // media type
	syntax  dicom.TransferSyntax
	encode  bool // transcode the instance to syntax first
	decode  bool
	related bool
}

// formOf chooses how to give frames that are stored in a transfer syntax.
func formOf(accepts []mediaType, stored dicom.TransferSyntax) (form, error) {
	kind := frameTypes[dicom.TransferSyntax(strings.TrimSuffix(string(stored), ".1"))]
	native := !stored.IsEncapsulated() || stored == uid.EncapsulatedUncompressedExplicitVRLittleEndian
	asIs := stored
	if native {
		kind, asIs = typeBytes, uid.ExplicitVRLittleEndian
	}
	if kind == "" {
		kind = typeBytes
	}
	if len(accepts) == 0 {
		accepts = []mediaType{{Type: typeBytes, Related: true, Q: 1}}
	}
	for _, m := range accepts {
		to := dicom.TransferSyntax(m.Syntax)
		f := form{kind: m.Type, syntax: to, related: m.Related || m.Type == "*/*"}
		switch {
		case m.Type == "*/*" && (to == "" || to == "*"):
			return form{kind: kind, syntax: asIs, decode: native, related: true}, nil
		case m.Type == "*/*":
			f.kind = typeBytes
			if t := frameTypes[to]; t != "" {
				f.kind = t
			}
			fallthrough
		case m.Type == typeBytes:
			switch {
			case to == "*" || to == asIs:
				f.syntax, f.decode = asIs, native
				return f, nil
			case to == "" || to == uid.ExplicitVRLittleEndian || to == uid.ImplicitVRLittleEndian:
				if !stored.IsVideo() {
					f.syntax, f.decode = uid.ExplicitVRLittleEndian, true
					return f, nil
				}
			case canGive(stored, to) && to.IsEncapsulated():
				f.encode = true
				return f, nil
			}
		case m.matches(kind) && !native && (to == "" || to == "*" || to == stored):
			f.kind, f.syntax = kind, stored
			return f, nil
		case m.matches(frameTypes[to]) && canGive(stored, to):
			f.encode = true
			return f, nil
		case to == "" && canGive(stored, defaultSyntax[m.Type]):
			f.syntax, f.encode = defaultSyntax[m.Type], true
			return f, nil
		}
	}
	return form{}, errNotAcceptable(typed(kind, string(asIs)), typed(typeBytes, uid.ExplicitVRLittleEndian))
}

// frames answers with frames of one instance, each a part.
func (s *Server) frames(w http.ResponseWriter, r *http.Request) error {
	at, err := resourceOf(r)
	if err != nil {
		return err
	}
	list, err := parseFrames(r.PathValue("frames"))
	if err != nil {
		return err
	}
	in, err := s.first(r.Context(), at)
	if err != nil {
		return err
	}
	f, err := formOf(acceptsOf(r), in.Syntax)
	if err != nil {
		return err
	}
	if !f.related && len(list) > 1 {
		return errNotAcceptable(`multipart/related; type="` + f.kind + `"`)
	}
	if notModified(w, r, in.Tag+"-"+r.PathValue("frames")+"-"+string(f.syntax)) {
		return nil
	}
	im, closer, err := s.image(r.Context(), in, f)
	if err != nil {
		return err
	}
	defer closer()
	for _, i := range list {
		if i >= im.Frames || in.Syntax.IsVideo() && i > 0 {
			return fault.New(fault.NotFound, "the instance has %d frames", im.Frames)
		}
	}
	get := func(i int) ([]byte, error) {
		if in.Syntax.IsVideo() { // one stream holds all frames
			e, _ := im.DataSet().Get(tag.PixelData)
			if e.Len() > maxBulk {
				return nil, fault.New(fault.Resource, "a film of more than %d bytes is given with its instance only", maxBulk)
			}
			return e.Fragments().Join(0, e.Fragments().Len())
		}
		if !f.decode {
			return im.Encoded(i)
		}
		done, err := s.slot(r.Context())
		if err != nil {
			return nil, err
		}
		defer done()
		return nativeFrame(im, i)
	}
	if !f.related {
		b, err := get(list[0])
		if err != nil {
			return undecodable(err)
		}
		w.Header().Set("Content-Type", typed(f.kind, string(f.syntax)))
		return serveBytes(w, r, b)
	}
	out := newRelatedWriter(w, f.kind)
	url := s.url(r, in.Resource) + "/frames/"
	first := true
	for b, err := range ordered(r.Context(), list, 2, get) {
		if err != nil {
			return undecodable(err)
		}
		if first {
			w.Header().Set("Content-Type", out.contentType())
			first = false
			if r.Method == http.MethodHead {
				return nil
			}
		}
		p, err := out.part(typed(f.kind, string(f.syntax)), url+strconv.Itoa(list[0]+1))
		if err != nil {
			return err
		}
		list = list[1:]
		if _, err := p.Write(b); err != nil {
			return err
		}
	}
	return out.close()
}

// image opens an instance's pixel data, transcoded if the form asks for that.
func (s *Server) image(ctx context.Context, in Instance, f form) (*pixel.Image, func(), error) {
	content, err := s.backend.Open(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	if f.encode {
		converted, err := s.convert(ctx, content, f.syntax)
		content.Close()
		if err != nil {
			return nil, nil, err
		}
		content = converted
	}
	file, err := dicom.Read(content, content.Size())
	if err != nil {
		content.Close()
		return nil, nil, err
	}
	closer := func() { file.Close(); content.Close() }
	im, err := pixel.Open(file)
	if err != nil {
		closer()
		return nil, nil, undecodable(err)
	}
	return im, closer, nil
}

// undecodable makes pixel data that can't be given in the form asked for a matter of negotiation: 406, not the client's mistake.
func undecodable(err error) error {
	switch code := fault.CodeOf(err); code {
	case fault.Input, fault.Missing:
		if _, ok := errors.AsType[*statusError](err); !ok {
			return &statusError{http.StatusNotAcceptable, err}
		}
	}
	return err
}

// nativeFrame is a frame as explicit little endian would hold it: of native pixel data the very bytes, of others the decoded samples.
func nativeFrame(im *pixel.Image, i int) ([]byte, error) {
	e, _ := im.DataSet().Get(tag.PixelData)
	if e != nil && e.Fragments() == nil && !e.BigEndian() && im.TransferSyntax != "1.2.840.113619.5.2" {
		return im.Encoded(i)
	}
	b, err := im.Frame(i)
	if err != nil || im.BitsAllocated != 1 {
		return b, err
	}
	packed := make([]byte, (len(b)+7)/8)
	for k, v := range b {
		packed[k>>3] |= (v & 1) << (k & 7)
	}
	return packed, nil
}
