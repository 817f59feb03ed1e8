package dimse

import (
	"context"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Reference names a SOP instance.
type Reference struct{ SOPClassUID, SOPInstanceUID string }

// FailedReference is a reference that is not in safe keeping, and why (PS3.3 section C.14.1.1): [NoSuchInstance], [ClassInstance], [ProcessingFailure],
// [ResourceLimit], ...
type FailedReference struct {
	Reference
	Reason Status
}

// Commit answers for objects (storage commitment, PS3.4 annex J).
type Commit interface {
	// Commit gives those references that are not in this side's safe keeping. It is called after the request was answered.
	Commit(ctx context.Context, peer string, refs []Reference) ([]FailedReference, error)
}

// CommitReport is the result of a storage commitment.
type CommitReport struct {
	TransactionUID string
	Committed      []Reference
	Failed         []FailedReference
	Peer           string // AE title of who reports
}

// Reports takes the results of storage commitments that this side asked for.
type Reports interface {
	Report(ctx context.Context, r *CommitReport) error
}

// ReportFunc is a function as Reports.
type ReportFunc func(context.Context, *CommitReport) error

// Report calls f.
func (f ReportFunc) Report(ctx context.Context, r *CommitReport) error { return f(ctx, r) }

// Events and actions of PS3.4 annex J.3.
const (
	actionCommit    = 1
	eventComplete   = 1
	eventIncomplete = 2
)

// CommitOffer is the presentation context to ask for storage commitment.
func CommitOffer() Offer {
	return Offer{SOPClass: uid.StorageCommitmentPushModel, Syntaxes: []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}}
}

// Commit asks the peer to answer for objects (N-ACTION). Its report comes to the dialer's Reports, if the association is kept open for it, or
// to this side's server.
func (c *Client) Commit(ctx context.Context, transactionUID string, refs []Reference) error {
	in, err := c.contextOf(uid.StorageCommitmentPushModel)
	if err != nil {
		return err
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.TransactionUID, transactionUID)
	ds.SetSequence(tag.ReferencedSOPSequence, references(refs)...)
	a, err := c.single(ctx, in, Command{Field: NAction, RequestedClass: uid.StorageCommitmentPushModel, Requested: uid.StorageCommitmentPushModelInstance,
		ActionType: actionCommit}, dataSetWriter(ds, in.syntax))
	if err != nil {
		return err
	}
	return a.failed()
}

func references(refs []Reference) []*dicom.DataSet {
	out := make([]*dicom.DataSet, len(refs))
	for i, r := range refs {
		out[i] = dicom.NewDataSet()
		out[i].SetString(tag.ReferencedSOPClassUID, r.SOPClassUID)
		out[i].SetString(tag.ReferencedSOPInstanceUID, r.SOPInstanceUID)
	}
	return out
}

func readReferences(items []*dicom.DataSet) []Reference {
	out := make([]Reference, 0, len(items))
	for _, it := range items {
		out = append(out, Reference{it.String(tag.ReferencedSOPClassUID), it.String(tag.ReferencedSOPInstanceUID)})
	}
	return out
}

// data is the report as the event's information (PS3.4 table J.3-2).
func (r *CommitReport) data() *dicom.DataSet {
	ds := dicom.NewDataSet()
	ds.SetString(tag.TransactionUID, r.TransactionUID)
	if len(r.Committed) > 0 {
		ds.SetSequence(tag.ReferencedSOPSequence, references(r.Committed)...)
	}
	if len(r.Failed) > 0 {
		items := make([]*dicom.DataSet, len(r.Failed))
		for i, f := range r.Failed {
			items[i] = references([]Reference{f.Reference})[0]
			items[i].SetInts(tag.FailureReason, int(f.Reason))
		}
		ds.SetSequence(tag.FailedSOPSequence, items...)
	}
	return ds
}

// sendReport tells the other side how a commitment came out (N-EVENT-REPORT).
func (s *session) sendReport(ctx context.Context, in *presentation, r *CommitReport) error {
	event := uint16(eventComplete)
	if len(r.Failed) > 0 {
		event = eventIncomplete
	}
	a, err := s.single(ctx, in, Command{Field: NEventReport, AffectedClass: uid.StorageCommitmentPushModel, Affected: uid.StorageCommitmentPushModelInstance,
		EventType: event}, dataSetWriter(r.data(), in.syntax))
	if err != nil {
		return err
	}
	return a.failed()
}

// report answers an N-EVENT-REPORT.
func (op *incoming) report(ctx context.Context, to Reports) error {
	rsp := Command{AffectedClass: op.cmd.AffectedClass, Affected: op.cmd.Affected, EventType: op.cmd.EventType}
	ds, err := op.identifier()
	switch {
	case op.cmd.AffectedClass != uid.StorageCommitmentPushModel:
		rsp.Status = NoSuchClass
	case op.cmd.EventType != eventComplete && op.cmd.EventType != eventIncomplete:
		rsp.Status = NoSuchEvent
	case err != nil:
		rsp.Status, rsp.ErrorComment = statusOf(ctx, err)
	default:
		r := &CommitReport{TransactionUID: ds.String(tag.TransactionUID), Peer: op.peerAE(), Committed: readReferences(ds.Sequence(tag.ReferencedSOPSequence))}
		for _, it := range ds.Sequence(tag.FailedSOPSequence) {
			reason, _ := it.Int(tag.FailureReason)
			r.Failed = append(r.Failed, FailedReference{readReferences([]*dicom.DataSet{it})[0], Status(reason)})
		}
		rsp.Status, rsp.ErrorComment = statusOf(ctx, to.Report(ctx, r))
	}
	return ended(op.reply(rsp, nil))
}

// commit answers an N-ACTION, and afterwards looks for the objects and reports.
func (op *incoming) commit(ctx context.Context, from Commit, server *Server) error {
	rsp := Command{AffectedClass: op.cmd.RequestedClass, Affected: op.cmd.Requested, ActionType: op.cmd.ActionType}
	ds, err := op.identifier()
	var refs []Reference
	if err == nil {
		refs = readReferences(ds.Sequence(tag.ReferencedSOPSequence))
	}
	switch {
	case op.cmd.RequestedClass != uid.StorageCommitmentPushModel:
		rsp.Status = NoSuchClass
	case op.cmd.Requested != uid.StorageCommitmentPushModelInstance:
		rsp.Status = NoSuchInstance
	case op.cmd.ActionType != actionCommit:
		rsp.Status = NoSuchAction
	case err != nil:
		rsp.Status, rsp.ErrorComment = statusOf(ctx, err)
	case ds.String(tag.TransactionUID) == "" || len(refs) == 0:
		rsp.Status, rsp.ErrorComment = InvalidArgument, "transaction UID or references"
	}
	if err := op.reply(rsp, nil); err != nil || rsp.Status != Success {
		return ended(err)
	}
	server.commitments.Go(func() { server.commit(op.session, op.in, from, ds.String(tag.TransactionUID), refs) })
	return nil
}

// commit looks for objects and reports: on an association of its own where the peer's address is known, since most peers release theirs
// right after asking (PS3.4 section J.3.3), and else on the one that asked.
func (s *Server) commit(asked *session, in *presentation, from Commit, transaction string, refs []Reference) {
	r := &CommitReport{TransactionUID: transaction}
	peer, known := s.peer(asked.peerAE())
	ctx := s.ctx
	if !known || peer.Address == "" {
		ctx = asked.ctx
	}
	failed, err := from.Commit(ctx, asked.peerAE(), refs)
	if err != nil {
		failed = nil
		for _, ref := range refs {
			failed = append(failed, FailedReference{ref, ProcessingFailure})
		}
	}
	bad := map[Reference]bool{}
	for _, f := range failed {
		bad[f.Reference] = true
	}
	r.Failed = failed
	for _, ref := range refs {
		if !bad[ref] {
			r.Committed = append(r.Committed, ref)
		}
	}
	if !known || peer.Address == "" {
		err = asked.sendReport(ctx, in, r)
	} else {
		err = s.reportTo(ctx, asked, peer, r)
	}
	s.note(Event{Kind: "commitment", Peer: asked.peerAE(), Address: asked.a.RemoteAddr().String(), Objects: len(refs), Failed: len(failed), Err: err})
}

// reportTo calls the peer, as SCP of the class (PS3.7 annex D.3.3.4).
func (s *Server) reportTo(ctx context.Context, asked *session, peer Peer, r *CommitReport) error {
	d := Dialer{AETitle: asked.a.Request.CalledAE, Link: s.Link, Timeout: s.Timeout}
	o := CommitOffer()
	o.SCP = true
	c, err := d.Dial(ctx, peer, o)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, in := range c.ordered() { // there is one; peers that accept it and keep silent about the role mean it all the same
		return c.sendReport(ctx, in, r)
	}
	return fault.New(fault.Input, "%s does not take reports of storage commitment", peer.AETitle)
}
