package dimse

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
)

// Store takes objects in.
type Store interface {
	// Store reads o.Data to its end and returns nil when the object is in this side's keeping: durable, whatever happens next. It is
	// called from as many goroutines as there are operations under way. The sender gets a [StatusError]'s status, or one that fits the
	// error's code.
	Store(ctx context.Context, o *Object) error
}

// store answers a C-STORE.
func (op *incoming) store(ctx context.Context, to Store) error {
	cmd := op.cmd
	rsp := Command{Affected: cmd.Affected}
	switch {
	case op.data == nil:
		rsp.Status, rsp.ErrorComment = IdentifierMismatch, "no data set"
	case cmd.AffectedClass != op.in.abstract && !IsStorage(cmd.AffectedClass): // senders do mix up related classes
		rsp.Status, rsp.ErrorComment = NoSuchClass, "not a storage SOP class"
	case cmd.Affected == "" || len(cmd.Affected) > 128:
		rsp.Status, rsp.ErrorComment = InvalidArgument, "no SOP instance UID"
	default:
		err := to.Store(ctx, &Object{SOPClassUID: cmd.AffectedClass, SOPInstanceUID: cmd.Affected, TransferSyntax: op.in.syntax,
			Peer: op.peerAE(), MoveOriginator: cmd.MoveOriginator, Data: op.data})
		if errors.Is(err, errEnded) {
			return nil
		}
		rsp.Status, rsp.ErrorComment = statusOf(ctx, err)
	}
	if op.data != nil { // an answer must not overtake the data set
		if _, err := io.Copy(io.Discard, op.data); err != nil {
			return nil // the association is over
		}
	}
	return ended(op.reply(rsp, nil))
}

// ended drops the error of a reply that came too late: that the association is over is known where it is read.
func ended(error) error { return nil }

// peerAE is the AE title of the other side.
func (s *session) peerAE() string {
	if s.server {
		return s.a.Request.CallingAE
	}
	return s.a.Request.CalledAE
}

// StoreOptions of a C-STORE. The zero value is an ordinary one.
type StoreOptions struct {
	Priority       uint16
	MoveOriginator string // AE title and message ID of the C-MOVE that causes it
	MoveMessageID  uint16
}

// Store sends an instance, transcoded without loss if the peer takes it in no other way. The status is the peer's; the error is nil if it
// has the instance now, with or without warnings.
func (c *Client) Store(ctx context.Context, in Instance, opt StoreOptions) (Status, error) {
	return c.send(ctx, in, opt)
}

func (s *session) send(ctx context.Context, in Instance, opt StoreOptions) (Status, error) {
	p, err := s.choose(in.SOPClassUID, in.TransferSyntax)
	if err != nil {
		return ProcessingFailure, err
	}
	f, closeFile, err := in.Open(ctx)
	if err != nil {
		return ProcessingFailure, err
	}
	defer closeFile()
	a, err := s.single(ctx, p, Command{Field: CStore, AffectedClass: in.SOPClassUID, Affected: in.SOPInstanceUID, Priority: opt.Priority,
		MoveOriginator: opt.MoveOriginator, MoveMessageID: opt.MoveMessageID}, sender(ctx, f, p.syntax))
	if err != nil {
		return ProcessingFailure, err
	}
	return a.Status, a.failed()
}

// StoreAll sends instances, as many at once as the window allows. each is called once for every one that was tried, from several
// goroutines. It returns early only when ctx ends or the association does.
func (c *Client) StoreAll(ctx context.Context, list []Instance, opt StoreOptions, each func(i int, status Status, err error)) error {
	return c.sendAll(ctx, ctx, list, opt, each)
}

// sendAll starts no more instances when ctx ends; those that are under way end with flight, which aborts the association.
func (s *session) sendAll(ctx, flight context.Context, list []Instance, opt StoreOptions, each func(i int, status Status, err error)) error {
	work := make(chan int)
	var pool sync.WaitGroup
	for range min(cap(s.invoke), len(list)) {
		pool.Go(func() {
			for i := range work {
				status, err := s.send(flight, list[i], opt)
				each(i, status, err)
			}
		})
	}
feed:
	for i := range list {
		select {
		case work <- i:
		case <-ctx.Done():
			break feed
		case <-s.ctx.Done():
			break feed
		}
	}
	close(work)
	pool.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.ctx.Err() != nil {
		return s.why()
	}
	return nil
}

// OffersFor are the presentation contexts to send instances on: for each SOP class one with each stored syntax alone, so that what can be
// kept as it is is, and one with the syntaxes that everything but video can be brought into.
func OffersFor(list []Instance) []Offer {
	type pair struct {
		class  string
		syntax dicom.TransferSyntax
	}
	var out []Offer
	seen := map[pair]bool{}
	for _, in := range list {
		native := in.TransferSyntax == uid.ExplicitVRLittleEndian || in.TransferSyntax == uid.ImplicitVRLittleEndian
		if k := (pair{in.SOPClassUID, in.TransferSyntax}); !seen[k] && !native {
			seen[k] = true
			out = append(out, Offer{SOPClass: k.class, Syntaxes: []dicom.TransferSyntax{k.syntax}})
		}
		for _, ts := range []dicom.TransferSyntax{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian} {
			if k := (pair{in.SOPClassUID, ts}); !seen[k] {
				seen[k] = true
				out = append(out, Offer{SOPClass: k.class, Syntaxes: []dicom.TransferSyntax{ts}})
			}
		}
	}
	return out
}

// Batches divides instances so that the presentation contexts of each part fit into one association.
func Batches(list []Instance) [][]Instance {
	var out [][]Instance
	from := 0
	kinds := map[string]int{}
	total := 0
	for i, in := range list {
		k := in.SOPClassUID + " " + string(in.TransferSyntax)
		if kinds[k] == 0 {
			if total += 3; total > 128 { // at most: the stored syntax and the two native ones
				out = append(out, list[from:i])
				from, total = i, 3
				clear(kinds)
			}
		}
		kinds[k]++
	}
	if from < len(list) {
		out = append(out, list[from:])
	}
	return out
}
