package dimse

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// Retrieve answers C-MOVE and C-GET.
type Retrieve interface {
	// Instances lists what an identifier asks for. A [StatusError] is answered with its status.
	Instances(ctx context.Context, q *RetrieveRequest) ([]Instance, error)
}

// RetrieveRequest is a C-MOVE or C-GET.
type RetrieveRequest struct {
	Model       Model
	Level       string // "PATIENT", "STUDY", "SERIES", "IMAGE"
	Identifier  *dicom.DataSet
	Peer        string // AE title of who asks
	Destination string // AE title, of C-MOVE
}

// Retrieval is the result of C-MOVE and C-GET.
type Retrieval struct {
	Progress
	FailedUIDs []string // SOP instances that did not arrive, as far as the peer names them
}

// Move asks the peer to send instances to a destination that it knows by AE title (C-MOVE). progress is called for every intermediate answer;
// it may be nil. The result is there also with an error that is a [StatusError].
func (c *Client) Move(ctx context.Context, m Model, identifier *dicom.DataSet, destination string, progress func(Progress)) (Retrieval, error) {
	in, err := c.contextOf(m.move())
	if err != nil {
		return Retrieval{}, err
	}
	return c.retrieve(ctx, in, Command{Field: CMove, AffectedClass: in.abstract, Destination: destination}, identifier, progress)
}

// Get asks the peer to send instances on this association (C-GET); the dialer's Store takes them.
func (c *Client) Get(ctx context.Context, m Model, identifier *dicom.DataSet, progress func(Progress)) (Retrieval, error) {
	in, err := c.contextOf(m.get())
	if err != nil {
		return Retrieval{}, err
	}
	return c.retrieve(ctx, in, Command{Field: CGet, AffectedClass: in.abstract}, identifier, progress)
}

func (s *session) retrieve(ctx context.Context, in *presentation, cmd Command, identifier *dicom.DataSet, progress func(Progress)) (Retrieval, error) {
	call, err := s.start(ctx, in, cmd, dataSetWriter(identifier, in.syntax))
	if err != nil {
		return Retrieval{}, err
	}
	defer call.end()
	var r Retrieval
	for {
		a, err := call.next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				call.abandon()
			}
			return r, err
		}
		if a.Progress != nil {
			r.Progress = *a.Progress
		}
		if a.Status.Class() == Pending {
			if progress != nil {
				progress(r.Progress)
			}
			continue
		}
		if ds, err := a.dataSet(); err == nil && ds != nil {
			r.FailedUIDs = ds.Strings(tag.FailedSOPInstanceUIDList)
		}
		if a.Status != Success {
			return r, &StatusError{Status: a.Status, Comment: a.ErrorComment, Field: cmd.Field}
		}
		return r, nil
	}
}

// subOperations are the C-STOREs that a retrieval consists of.
type subOperations struct {
	op   *incoming
	list []Instance

	mu     sync.Mutex
	p      Progress
	failed []string
}

// one counts the outcome of an instance and tells the peer.
func (s *subOperations) one(i int, status Status, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Remaining--
	switch {
	case err != nil:
		s.p.Failed++
		s.failed = append(s.failed, s.list[i].SOPInstanceUID)
	case status.Class() == Warning:
		s.p.Warning++
	default:
		s.p.Completed++
	}
	if s.p.Remaining > 0 {
		p := s.p
		_ = s.op.reply(Command{Status: PendingMatch, Progress: &p}, nil)
	}
}

// answer is the final response, by what became of the instances (PS3.4 tables C.4-2 and C.4-3).
func (s *subOperations) answer(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rsp := Command{Progress: &s.p, Status: Success}
	switch {
	case ctx.Err() != nil:
		rsp.Status = Cancel
	case s.p.Failed > 0 && s.p.Completed+s.p.Warning == 0:
		rsp.Status = CantSuboperate
	case s.p.Failed > 0 || s.p.Warning > 0:
		rsp.Status = SubOperationsFailed
	}
	if len(s.failed) == 0 {
		return ended(s.op.reply(rsp, nil))
	}
	ds := dicom.NewDataSet()
	ds.SetString(tag.FailedSOPInstanceUIDList, s.failed[:min(len(s.failed), 50_000)]...)
	if ds.Err() != nil { // UIDs that the standard does not allow can't be named
		return ended(s.op.reply(rsp, nil))
	}
	return ended(s.op.reply(rsp, dataSetWriter(ds, s.op.in.syntax)))
}

// abandon counts all that was not tried as failed.
func (s *subOperations) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Failed += s.p.Remaining
	s.p.Remaining = 0
}

// retrieve answers C-MOVE and C-GET.
func (op *incoming) retrieve(ctx context.Context, m Model, from Retrieve, server *Server) error {
	q := &RetrieveRequest{Model: m, Peer: op.peerAE(), Destination: op.cmd.Destination}
	var err error
	if q.Identifier, err = op.identifier(); err != nil {
		return op.final(ctx, err, nil)
	}
	if q.Level, err = levelOf(m, q.Identifier); err != nil {
		return op.final(ctx, err, nil)
	}
	var destination Peer
	if op.cmd.Field == CMove {
		var known bool
		if destination, known = server.peer(q.Destination); !known || destination.Address == "" {
			return op.final(ctx, &StatusError{Status: UnknownDestination}, nil)
		}
	}
	list, err := from.Instances(ctx, q)
	if err != nil {
		return op.final(ctx, err, nil)
	}
	s := &subOperations{op: op, list: list, p: Progress{Remaining: len(list)}}
	if len(list) == 0 {
		return s.answer(ctx)
	}
	if op.cmd.Field == CGet {
		op.sendAll(ctx, op.ctx, list, StoreOptions{}, s.one) // C-CANCEL ends ctx, and lets the one on its way arrive
		return s.answer(ctx)
	}
	if err := server.sendTo(ctx, destination, s); err != nil && ctx.Err() == nil {
		s.abandon()
	}
	return s.answer(ctx)
}

// sendTo opens an association to a C-MOVE's destination and sends.
func (s *Server) sendTo(ctx context.Context, to Peer, ops *subOperations) error {
	d := Dialer{AETitle: ops.op.a.Request.CalledAE, Link: s.Link, Timeout: s.Timeout, Window: s.window()}
	if s.AETitle != "" {
		d.AETitle = s.AETitle
	}
	c, err := d.Dial(ctx, to, OffersFor(ops.list)...)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.sendAll(ctx, ops.op.ctx, ops.list, StoreOptions{MoveOriginator: ops.op.peerAE(), MoveMessageID: ops.op.cmd.MessageID}, ops.one)
}

// GetOffers are the presentation contexts for C-GET: the model's and, in the SCP's role, those of the SOP classes that may come. Without
// classes these are all of storage, the commonest first, as many as fit. For up to four classes each transfer syntax has a context of
// its own, so that everything comes as it is kept; for more the peer chooses one of each kind.
func GetOffers(m Model, classes ...string) []Offer {
	out := []Offer{{SOPClass: m.get(), Syntaxes: nativeSyntaxes[:2]}}
	add := func(class string, syntaxes ...dicom.TransferSyntax) {
		if len(out) < 128 {
			out = append(out, Offer{SOPClass: class, Syntaxes: syntaxes, SCP: true})
		}
	}
	if n := len(classes); n > 0 && n <= 4 {
		for _, class := range classes {
			add(class, nativeSyntaxes...)
			for _, ts := range slices.Concat(losslessSyntaxes, lossySyntaxes, videoSyntaxes)[:min(30, 127/n-1)] {
				add(class, ts)
			}
		}
		return out
	}
	if len(classes) == 0 {
		classes = append(slices.Clone(common), others()...)
	}
	for i, class := range classes {
		add(class, nativeSyntaxes...)
		if i < len(common) {
			add(class, losslessSyntaxes...)
			add(class, lossySyntaxes...)
		}
		if strings.Contains(class, ".77.1.") || class == uid.UltrasoundMultiFrameImageStorage || class == uid.XRayAngiographicImageStorage {
			add(class, videoSyntaxes...)
		}
	}
	return out
}
