package ingest

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"sync"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// node is a Peer over the network: one association for questions, one for each retrieval.
type node struct {
	at     PeerAddress
	peer   dimse.Peer
	dialer dimse.Dialer
	find   *dimse.Client

	stop     context.CancelFunc // of the server that C-MOVE delivers to
	served   chan error
	mu       sync.Mutex
	delivery *delivery // what is being retrieved; nil: nothing
}

// delivery is a retrieval under way.
type delivery struct {
	wanted map[string]bool
	take   func(sopInstanceUID string, file io.Reader) error
	err    error // of take: it ends the retrieval
	cancel context.CancelFunc
}

func dialNode(ctx context.Context, at PeerAddress) (Peer, error) {
	n := &node{at: at, peer: dimse.Peer{AETitle: at.Called, Address: at.Host}, dialer: dimse.Dialer{AETitle: at.AET}}
	if at.TLS || at.TLSFiles != (dimse.TLSFiles{}) {
		var err error
		if n.peer.TLS, err = at.TLSFiles.ClientTLS(); err != nil {
			return nil, err
		}
	}
	n.dialer.Store = n
	if at.Listen != "" {
		l, err := net.Listen("tcp", at.Listen)
		if err != nil {
			return nil, fault.New(fault.Missing, "listening for the peer's deliveries: %w", err)
		}
		var serving context.Context
		serving, n.stop = context.WithCancel(context.WithoutCancel(ctx))
		n.served = make(chan error, 1)
		s := &dimse.Server{AETitle: at.AET, Strangers: true, Store: n} // whoever it is: only what was asked for is taken
		go func() { n.served <- s.Serve(serving, l) }()
	}
	var err error
	if n.find, err = n.dialer.Dial(ctx, n.peer, dimse.FindOffer(dimse.StudyRoot)); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *node) Close() error {
	var err error
	if n.find != nil {
		err = n.find.Close()
	}
	if n.stop != nil {
		n.stop()
		<-n.served
	}
	return err
}

func (n *node) Find(ctx context.Context, level string, keys *dicom.DataSet) iter.Seq2[*dicom.DataSet, error] {
	keys.SetString(tag.QueryRetrieveLevel, level)
	return n.find.Find(ctx, dimse.StudyRoot, keys)
}

func (n *node) Retrieve(ctx context.Context, b Batch, take func(string, io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := &delivery{wanted: map[string]bool{}, take: take, cancel: cancel}
	for _, uid := range b.Instances {
		d.wanted[uid] = true
	}
	n.deliver(d)
	defer n.deliver(nil)
	keys := dicom.NewDataSet()
	keys.SetString(tag.QueryRetrieveLevel, "IMAGE")
	keys.SetString(tag.StudyInstanceUID, b.Study)
	keys.SetString(tag.SeriesInstanceUID, b.Series)
	keys.SetString(tag.SOPInstanceUID, b.Instances...)
	offers := dimse.GetOffers(dimse.StudyRoot, b.Classes...)
	if n.stop != nil {
		offers = []dimse.Offer{dimse.MoveOffer(dimse.StudyRoot)}
	}
	c, err := n.dialer.Dial(ctx, n.peer, offers...)
	if err != nil {
		return err
	}
	if n.stop != nil {
		_, err = c.Move(ctx, dimse.StudyRoot, keys, n.at.AET, nil)
	} else {
		_, err = c.Get(ctx, dimse.StudyRoot, keys, nil)
	}
	n.mu.Lock()
	failed := d.err
	n.mu.Unlock()
	if failed != nil || ctx.Err() != nil {
		c.Abort()
		if failed != nil {
			return failed
		}
		return context.Cause(ctx)
	}
	closed := c.Close()
	if _, said := errors.AsType[*dimse.StatusError](err); said {
		return nil // what did not come is missing, and reported so
	}
	if err == nil {
		err = closed
	}
	if err != nil && fault.CodeOf(err) != fault.Missing && ctx.Err() == nil {
		err = fault.New(fault.Missing, "retrieving from %s: %w", n.peer.AETitle, err)
	}
	return err
}

// deliver makes d what comes is for; nil: nothing is expected.
func (n *node) deliver(d *delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delivery = d
}

// Store takes what the peer sends (C-STORE): one at a time, and only what was asked for.
func (n *node) Store(_ context.Context, o *dimse.Object) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.delivery
	if d == nil || !d.wanted[o.SOPInstanceUID] || d.err != nil {
		return fault.New(fault.Input, "an instance that nobody asked for")
	}
	file, err := o.Part10()
	if err != nil {
		return err
	}
	if err := d.take(o.SOPInstanceUID, file); err != nil {
		d.err = err
		d.cancel()
		return err
	}
	delete(d.wanted, o.SOPInstanceUID)
	return nil
}
