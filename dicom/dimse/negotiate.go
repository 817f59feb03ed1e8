package dimse

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/uid"
)

// served counts what an association brings.
type served struct {
	server *Server
	stored atomic.Int64
}

type countingStore struct {
	to Store
	n  *atomic.Int64
}

func (s countingStore) Store(ctx context.Context, o *Object) error {
	err := s.to.Store(ctx, o)
	if err == nil {
		s.n.Add(1)
	}
	return err
}

// negotiation answers a request for an association.
type negotiation struct {
	server *Server
	addr   netip.Addr
	room   bool

	peer               string
	rejected           bool
	contexts           map[byte]*presentation
	performed, invoked int
}

func (n *negotiation) decide(rq *pdu.Associate) ul.Decision {
	n.peer = rq.CallingAE
	if rj := n.reject(rq); rj != nil {
		n.rejected = true
		return ul.Decision{Reject: *rj}
	}
	ac := &pdu.Associate{}
	ac.User.ImplementationClassUID = dicom.ImplementationClassUID
	ac.User.ImplementationVersion = dicom.ImplementationVersionName
	n.contexts = map[byte]*presentation{}
	roles := map[string]pdu.Role{}
	for _, r := range rq.User.Roles {
		roles[r.SOPClassUID] = r
	}
	granted := map[string]bool{}
	for _, c := range rq.Contexts {
		answer := pdu.Context{ID: c.ID, Transfer: []string{uid.ImplicitVRLittleEndian}} // insignificant unless accepted (PS3.8 table 9-18)
		role, asked := roles[c.Abstract]
		in, result := n.server.accept(c, role, asked)
		if _, twice := n.contexts[c.ID]; twice {
			in, result = nil, pdu.NoReason
		}
		answer.Result = result
		if in != nil {
			n.contexts[c.ID] = in
			answer.Transfer = []string{string(in.syntax)}
			if asked && !granted[c.Abstract] {
				granted[c.Abstract] = true
				ac.User.Roles = append(ac.User.Roles, pdu.Role{SOPClassUID: c.Abstract, SCU: in.scp, SCP: in.scu})
			}
		}
		ac.Contexts = append(ac.Contexts, answer)
	}
	n.extend(rq, ac)
	n.performed, n.invoked = 1, 1
	if w := rq.User.Async; w != nil {
		n.performed, n.invoked = windowOf(w.Invoked, uint16(n.server.window())), windowOf(w.Performed, uint16(n.server.window()))
		ac.User.Async = &pdu.AsyncWindow{Invoked: uint16(n.performed), Performed: uint16(n.invoked)}
	}
	return ul.Decision{Accept: ac}
}

// reject says why a caller is not let in.
func (n *negotiation) reject(rq *pdu.Associate) *pdu.Reject {
	user := func(reason byte) *pdu.Reject {
		return &pdu.Reject{Result: pdu.RejectedPermanent, Source: pdu.RejectedByUser, Reason: reason}
	}
	s := n.server
	if !n.room {
		return &pdu.Reject{Result: pdu.RejectedTransient, Source: pdu.RejectedByPresentation, Reason: pdu.PresentationLimitExceeded}
	}
	if s.AETitle != "" && rq.CalledAE != s.AETitle {
		return user(pdu.UserCalledAENotKnown)
	}
	if p, known := s.peer(rq.CallingAE); known && !p.admits(n.addr) || !known && !s.Strangers {
		return user(pdu.UserCallingAENotKnown)
	}
	return nil
}

// accept takes a presentation context for the services that have a handler. A requestor that names its roles gets those that fit.
func (s *Server) accept(c pdu.Context, role pdu.Role, asked bool) (*presentation, pdu.ContextResult) {
	in := &presentation{id: c.ID, abstract: c.Abstract, scp: true}
	storage := IsStorage(c.Abstract)
	if !storage && s.PrivateClass {
		_, known := uid.Lookup(c.Abstract)
		storage = !known && uid.Valid(c.Abstract)
	}
	ok, choose := false, pickNative
	model, field, isModel := modelOf(c.Abstract)
	switch {
	case c.Abstract == uid.Verification:
		ok = true
	case storage:
		// The peer is SCU: it stores here. The peer is SCP: it gets what it asks for by C-GET.
		in.scp = s.Store != nil && (!asked || role.SCU)
		in.scu = s.Retrieve != nil && asked && role.SCP
		ok, choose = in.scp || in.scu, pick
	case c.Abstract == uid.StorageCommitmentPushModel:
		in.scp = s.Commit != nil && (!asked || role.SCU)
		in.scu = s.Reports != nil && asked && role.SCP
		ok = in.scp || in.scu
	case isModel && field == CFind && model == Worklist:
		ok = s.Worklist != nil
	case isModel && field == CFind:
		ok = s.Query != nil
	case isModel:
		ok = s.Retrieve != nil
	}
	if !ok {
		return nil, pdu.AbstractSyntaxNotSupported
	}
	if in.syntax, ok = choose(c.Transfer); !ok {
		return nil, pdu.TransferSyntaxNotSupported
	}
	return in, pdu.Acceptance
}

// extend answers SOP class extended negotiation: relational queries and retrieval are granted (PS3.4 section C.5), and storage at
// level 2, full (PS3.4 section B.3.1).
func (n *negotiation) extend(rq, ac *pdu.Associate) {
	for _, e := range rq.User.Extended {
		if len(e.Info) == 0 {
			continue
		}
		info := make([]byte, len(e.Info)) // what is not named is not granted
		if _, _, ok := modelOf(e.SOPClassUID); ok {
			info[0] = e.Info[0] & 1
		} else if IsStorage(e.SOPClassUID) && n.server.Store != nil {
			info[0] = 2
		} else {
			continue
		}
		ac.User.Extended = append(ac.User.Extended, pdu.Extended{SOPClassUID: e.SOPClassUID, Info: info})
	}
}
