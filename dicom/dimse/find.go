package dimse

import (
	"context"
	"io"
	"iter"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Model is an information model of query and retrieval (PS3.4 sections C.6 and K.6).
type Model byte

// The models.
const (
	StudyRoot Model = iota
	PatientRoot
	Worklist // C-FIND only
)

func (m Model) String() string {
	return [...]string{"study root", "patient root", "modality worklist"}[m]
}

// SOP classes of a model.
func (m Model) find() string {
	return [...]string{uid.StudyRootQueryRetrieveInformationModelFind, uid.PatientRootQueryRetrieveInformationModelFind, uid.ModalityWorklistInformationModelFind}[m]
}

func (m Model) move() string {
	return [...]string{uid.StudyRootQueryRetrieveInformationModelMove, uid.PatientRootQueryRetrieveInformationModelMove, ""}[m]
}

func (m Model) get() string {
	return [...]string{uid.StudyRootQueryRetrieveInformationModelGet, uid.PatientRootQueryRetrieveInformationModelGet, ""}[m]
}

// modelOf is the model and the command of a query/retrieve SOP class.
func modelOf(class string) (Model, Field, bool) {
	for _, m := range []Model{StudyRoot, PatientRoot, Worklist} {
		switch class {
		case m.find():
			return m, CFind, true
		case m.move():
			return m, CMove, true
		case m.get():
			return m, CGet, true
		}
	}
	return 0, 0, false
}

// FindOffer is the presentation context for C-FIND. Relational queries (PS3.4 section C.5.2.1) are asked for too where the model has them.
func FindOffer(m Model) Offer {
	o := Offer{SOPClass: m.find(), Syntaxes: []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}}
	if m != Worklist {
		o.Extended = []byte{1}
	}
	return o
}

// MoveOffer is the presentation context for C-MOVE.
func MoveOffer(m Model) Offer {
	return Offer{SOPClass: m.move(), Syntaxes: []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}}
}

// Query answers C-FIND.
type Query interface {
	// Find gives the answers, each with the keys that the identifier asks for; package match does that. A [StatusError] ends with its
	// status. ctx ends when the peer cancels.
	Find(ctx context.Context, q *FindRequest) iter.Seq2[*dicom.DataSet, error]
}

// FindRequest is a C-FIND.
type FindRequest struct {
	Model      Model
	Level      string // "PATIENT", "STUDY", "SERIES", "IMAGE"; "" for the worklist
	Identifier *dicom.DataSet
	Peer       string // AE title
	Relational bool   // agreed on: keys above the level may be missing (PS3.4 section C.4.1.2.2.1)

	// Ignored is set by who answers, before the first answer: some optional keys are neither matched nor returned.
	Ignored bool
}

// Find asks the peer (C-FIND) and gives its answers as they come. Leaving the loop early cancels the rest. The identifier has the level, in
// (0008,0052), unless it is for the worklist.
func (c *Client) Find(ctx context.Context, m Model, identifier *dicom.DataSet) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		in, err := c.contextOf(m.find())
		if err != nil {
			yield(nil, err)
			return
		}
		call, err := c.start(ctx, in, Command{Field: CFind, AffectedClass: in.abstract}, dataSetWriter(identifier, in.syntax))
		if err != nil {
			yield(nil, err)
			return
		}
		defer call.end()
		for {
			a, err := call.next(ctx)
			if err != nil {
				if ctx.Err() != nil {
					call.abandon()
				}
				yield(nil, err)
				return
			}
			if a.Status.Class() != Pending {
				if a.Status != Success {
					yield(nil, &StatusError{Status: a.Status, Comment: a.ErrorComment, Field: CFind})
				}
				return
			}
			ds, err := a.dataSet()
			if err == nil && ds == nil {
				err = fault.New(fault.Input, "C-FIND: a pending answer without identifier")
			}
			if !yield(ds, err) {
				call.abandon()
				return
			}
		}
	}
}

func dataSetWriter(ds *dicom.DataSet, ts dicom.TransferSyntax) func(io.Writer) error {
	return func(w io.Writer) error { return dicom.WriteDataSet(w, ds, ts) }
}

// find answers a C-FIND.
func (op *incoming) find(ctx context.Context, m Model, from Query) error {
	identifier, err := op.identifier()
	if err != nil {
		return op.final(ctx, err, nil)
	}
	q := &FindRequest{Model: m, Identifier: identifier, Peer: op.peerAE(), Relational: op.extended(op.in.abstract, 0)}
	if m != Worklist {
		if q.Level, err = levelOf(m, identifier); err != nil {
			return op.final(ctx, err, nil)
		}
	}
	for ds, err := range from.Find(ctx, q) {
		if err != nil {
			return op.final(ctx, err, nil)
		}
		if ctx.Err() != nil {
			return op.final(ctx, context.Cause(ctx), nil)
		}
		status := PendingMatch
		if q.Ignored {
			status = PendingWithout
		}
		if err := op.reply(Command{Status: status}, dataSetWriter(ds, op.in.syntax)); err != nil {
			return ended(err)
		}
	}
	return op.final(ctx, context.Cause(ctx), nil)
}

// final answers an operation that has come to its end.
func (op *incoming) final(ctx context.Context, err error, p *Progress) error {
	rsp := Command{Progress: p}
	rsp.Status, rsp.ErrorComment = statusOf(ctx, err)
	return ended(op.reply(rsp, nil))
}

// levelOf is the identifier's Query/Retrieve Level, if the model has it.
func levelOf(m Model, identifier *dicom.DataSet) (string, error) {
	switch l := identifier.String(tag.QueryRetrieveLevel); {
	case l == "STUDY", l == "SERIES", l == "IMAGE", l == "PATIENT" && m == PatientRoot:
		return l, nil
	}
	return "", &StatusError{Status: IdentifierMismatch, Comment: "query/retrieve level"}
}

// extended reports whether the peer asked for a feature by SOP class extended negotiation, and it was granted.
func (s *session) extended(class string, index int) bool {
	for _, e := range s.a.Response.User.Extended {
		if e.SOPClassUID == class {
			return len(e.Info) > index && e.Info[index] == 1
		}
	}
	return false
}
