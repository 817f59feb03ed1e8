package serve

import (
	"context"
	"io"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/store"
	"github.com/cineloop/cineloop/store/catalog"
	"github.com/cineloop/cineloop/store/ingest"
)

// Archive answers for an archive. It is the Store, Query, Retrieve and Commit of a [dimse.Server].
type Archive struct {
	archive *store.Archive
	run     string // of the provenance of what comes in
	aet     string // given as Retrieve AE Title
}

// New answers for a, under an AE title. What comes in is recorded under a run of its own.
func New(a *store.Archive, aet string) *Archive {
	return &Archive{archive: a, run: "dimse-" + time.Now().UTC().Format("20060102T150405.000Z"), aet: aet}
}

// Handlers sets what the archive answers on a server.
func (s *Archive) Handlers(to *dimse.Server) {
	to.Store, to.Query, to.Retrieve, to.Commit, to.PrivateClass = s, s, s, s, true
}

// Store keeps an object and returns when it is durable.
func (s *Archive) Store(ctx context.Context, o *dimse.Object) error {
	r, err := o.Part10()
	if err != nil {
		return err
	}
	format := ingest.Format
	format.Describe = func(content io.ReaderAt, size int64) (catalog.Instance, error) {
		in, err := ingest.Describe(content, size)
		if err == nil && (in.SOPInstanceUID != o.SOPInstanceUID || in.SOPClassUID != o.SOPClassUID) {
			err = fault.New(fault.Input, "the data set has another SOP class or instance than the C-STORE that brought it")
		}
		return in, err
	}
	res, err := s.archive.Put(ctx, r, format, catalog.Provenance{Run: s.run, Origin: "dimse:" + o.Peer, Rules: ingest.Rules})
	if err != nil {
		return err
	}
	if res.Status == catalog.Quarantined {
		return &dimse.StatusError{Status: dimse.IdentifierMismatch, Comment: "kept aside: not readable, or not what the command names"}
	}
	return nil
}

// Commit looks whether content and record of each instance are here.
func (s *Archive) Commit(ctx context.Context, _ string, refs []dimse.Reference) ([]dimse.FailedReference, error) {
	var out []dimse.FailedReference
	for _, ref := range refs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		reason := dimse.Success
		in, err := s.archive.Catalog.Lookup(ctx, ref.SOPInstanceUID)
		if err == nil && in.SOPClassUID != ref.SOPClassUID {
			reason = dimse.ClassInstance
		} else if err == nil {
			_, err = s.archive.Objects.Stat(ctx, in.Digest)
		}
		switch {
		case err == nil:
		case fault.CodeOf(err) == fault.NotFound:
			reason = dimse.NoSuchInstance
		default:
			reason = dimse.ProcessingFailure
		}
		if reason != dimse.Success {
			out = append(out, dimse.FailedReference{Reference: ref, Reason: reason})
		}
	}
	return out, nil
}

// Instances lists what a retrieval asks for, in the catalog's order.
func (s *Archive) Instances(ctx context.Context, q *dimse.RetrieveRequest) ([]dimse.Instance, error) {
	match, err := uniqueKeys(q)
	if err != nil {
		return nil, err
	}
	records, err := s.archive.Catalog.Find(ctx, catalog.Query{Level: catalog.Image, Match: match})
	if err != nil {
		return nil, err
	}
	out := make([]dimse.Instance, len(records))
	for i, r := range records {
		digest := r.Instance.Digest
		out[i] = dimse.Instance{SOPClassUID: r.Instance.SOPClassUID, SOPInstanceUID: r.SOPInstanceUID, TransferSyntax: dicom.TransferSyntax(r.Instance.TransferSyntaxUID),
			Open: func(ctx context.Context) (*dicom.File, func() error, error) {
				content, err := s.archive.Objects.Open(ctx, digest)
				if err != nil {
					return nil, nil, err
				}
				f, err := dicom.Read(content, content.Size())
				if err != nil {
					content.Close()
					return nil, nil, err
				}
				return f, content.Close, nil
			}}
		if out[i].TransferSyntax == "" {
			out[i].TransferSyntax = uid.ImplicitVRLittleEndian
		}
	}
	return out, nil
}
