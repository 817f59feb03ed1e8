package dicomweb

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/web"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// Backend is an archive as a DICOMweb server sees it.
type Backend struct{ archive *store.Archive }

// New serves an archive, which stays open as long as the backend is used.
func New(a *store.Archive) *Backend { return &Backend{a} }

var _ web.Backend = (*Backend)(nil)

// Rules names these rules, for the provenance of what comes in.
const Rules = "dicomweb/1"

// page is how many records are fetched at once while listing.
const page = 1000

// List gives instances page by page, so that a study of any size takes little memory.
func (b *Backend) List(ctx context.Context, r web.Resource) iter.Seq2[web.Instance, error] {
	return func(yield func(web.Instance, error) bool) {
		q := catalog.Query{Level: catalog.Image, Match: within(r), Limit: page}
		for {
			recs, err := b.archive.Catalog.Find(ctx, q)
			if err != nil {
				yield(web.Instance{}, err)
				return
			}
			for _, rec := range recs {
				in := rec.Instance
				if !yield(web.Instance{
					Resource:    web.Resource{Study: in.StudyUID, Series: in.SeriesUID, Instance: in.SOPInstanceUID},
					SOPClassUID: in.SOPClassUID, Syntax: dicom.TransferSyntax(in.TransferSyntaxUID), Size: in.Size, Tag: in.Digest.String()[:32], Key: in.Digest,
				}, nil) {
					return
				}
			}
			if len(recs) < page {
				return
			}
			q.Offset += page
		}
	}
}

func within(r web.Resource) []catalog.Match {
	var out []catalog.Match
	for _, p := range [...]struct{ keyword, uid string }{{"StudyInstanceUID", r.Study}, {"SeriesInstanceUID", r.Series}, {"SOPInstanceUID", r.Instance}} {
		if p.uid != "" {
			out = append(out, catalog.Match{Keyword: p.keyword, OneOf: []string{p.uid}})
		}
	}
	return out
}

// Open opens the content that an instance had when it was listed.
func (b *Backend) Open(ctx context.Context, in web.Instance) (web.Content, error) {
	d, ok := in.Key.(digest)
	if !ok {
		return nil, fault.New(fault.Internal, "an instance of another backend")
	}
	return b.archive.Objects.Open(ctx, d)
}

// Store keeps a file.
func (b *Backend) Store(ctx context.Context, r io.Reader, how web.Storing) (web.Stored, error) {
	var out web.Stored
	var refused error
	format := ingest.Format
	format.Describe = func(content io.ReaderAt, size int64) (catalog.Instance, error) {
		in, err := ingest.Describe(content, size)
		out.Resource = web.Resource{Study: in.StudyUID, Series: in.SeriesUID, Instance: in.SOPInstanceUID}
		out.SOPClassUID = in.SOPClassUID
		switch {
		case err == nil && (in.StudyUID == "" || in.SeriesUID == "" || in.SOPInstanceUID == "" || in.SOPClassUID == "" || out.Resource.Check() != nil):
			err = fault.New(fault.Input, "the instance's UIDs are missing or are none")
		case err == nil && how.Study != "" && in.StudyUID != how.Study:
			err = web.ErrOtherStudy
		}
		if err != nil {
			refused = err
			return in, store.ErrDrop // nothing is kept: the sender has it, and is told
		}
		return in, nil
	}
	res, err := b.archive.Put(ctx, r, format, catalog.Provenance{Run: Rules, Origin: how.From, Rules: ingest.Rules})
	switch {
	case errors.Is(err, store.ErrDrop):
		return out, refused
	case err != nil:
		return out, err
	case res.Status == catalog.Quarantined: // a reader that failed on the content, or a missing UID: the archive kept it for people to look at
		return out, fault.New(fault.Input, "%s", res.Reason)
	}
	out.Conflict = res.Status == catalog.Conflict
	return out, nil
}
