package reading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	beat      = 15 * time.Second // a sign of life where nothing happens
	sendLimit = 10 * time.Second // for a browser to take what it is sent
)

// streamed is an event with its number in the member's stream.
type streamed struct {
	N int64 `json:"n"`
	annotate.Event
}

// fit is an event as a browser gets it. Whoever prepares cases is told that there is a new one, not its files, UIDs and patient; of a new
// protocol, that there is one: what of it is for browsers has a route.
func fit(e annotate.Event) streamed {
	switch e.Kind {
	case annotate.ProtocolSet:
		e.Data = nil
	case annotate.CaseAdded:
		var c annotate.Case
		_ = json.Unmarshal(e.Data, &c) // the project wrote it
		e.Data, _ = json.Marshal(map[string]int{"images": len(c.Images)})
	}
	return streamed{e.Seq, e}
}

// follow sends a member's events after a number, as they come, and an empty list as a sign of life, until the session or ctx ends or
// sending fails. Both ways of streaming are this.
func (s *Server) follow(ctx context.Context, v *visitor, after int, send func([]streamed) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.session.ctx, cancel)()
	for {
		wait, stop := context.WithTimeout(ctx, beat)
		events, last, err := s.project.Events(wait, v.who, after, true)
		stop()
		if err != nil {
			return err
		}
		if ctx.Err() != nil || !s.sessions.alive(v.session) {
			return errNobody
		}
		out := make([]streamed, len(events))
		for i, e := range events {
			out[i] = fit(e)
		}
		if err := send(out); err != nil {
			return err
		}
		after = last
	}
}

// after is the number of the last event that the browser has; end stands for all there are now.
func (s *Server) after(r *http.Request, v *visitor) (int, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	switch text {
	case "":
		return 0, nil
	case "end":
		return s.project.LastEvent(v.who)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Usage, "after is the number of an event")
	}
	return n, nil
}

func (s *Server) getEvents(w http.ResponseWriter, r *http.Request, v *visitor) error {
	from, err := s.after(r, v)
	if err != nil {
		return err
	}
	leave, ok := s.sessions.stream(v.session)
	if !ok {
		return errOften
	}
	defer leave()
	st := s.together.open(v)
	defer s.together.close(st)
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return s.socket(w, r, st, from)
	}
	return s.serverSent(w, r, st, from)
}

// deliver sends what comes into a stream's mailbox, until ctx ends or sending fails.
func (st *stream) deliver(ctx context.Context, send func(letter) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-st.box.wake:
		}
		for _, l := range st.box.drain() {
			if send(l) != nil {
				return
			}
		}
	}
}

// serverSent is the stream where WebSockets do not get through; ops are sent by POST. It begins with its name, by which what is said by POST belongs
// to it. Events of the log have numbers; the others have names and none.
func (s *Server) serverSent(w http.ResponseWriter, r *http.Request, st *stream, from int) error {
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // of a proxy
	w.WriteHeader(http.StatusOK)
	if _, err := fmt.Fprintf(w, "retry: 1000\nevent: stream\ndata: {\"stream\":%q,\"after\":%d}\n\n", st.id, from); err != nil {
		return nil
	}
	_ = rc.Flush()
	ctx, cancel := context.WithCancel(r.Context())
	var writing sync.Mutex // by the log's events and the others
	var ended sync.WaitGroup
	ended.Go(func() {
		st.deliver(ctx, func(l letter) error {
			writing.Lock()
			defer writing.Unlock()
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", l.kind, l.value); err != nil {
				return err
			}
			return rc.Flush()
		})
	})
	defer ended.Wait()
	defer cancel()
	_ = s.follow(ctx, st.v, from, func(events []streamed) error {
		writing.Lock()
		defer writing.Unlock()
		if len(events) == 0 {
			if _, err := fmt.Fprint(w, ": \n\n"); err != nil {
				return err
			}
		}
		for _, e := range events {
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "id: %d\ndata: %s\n\n", e.N, b); err != nil {
				return err
			}
		}
		return rc.Flush()
	})
	return nil // the answer has begun: there is no other to give
}

// message is what goes over a socket to the browser: one of these.
type message struct {
	Events   []streamed      `json:"events,omitempty"`
	Receipt  *receipt        `json:"receipt,omitempty"`
	Refused  *refusal        `json:"refused,omitempty"`
	Op       string          `json:"op,omitempty"` // that was refused
	Stream   *begun          `json:"stream,omitempty"`
	Presence json.RawMessage `json:"presence,omitempty"`
	Live     json.RawMessage `json:"live,omitempty"`
	Leases   json.RawMessage `json:"leases,omitempty"`
}

// begun is what a stream begins with: its name, and the number of the event that it goes on after.
type begun struct {
	Stream string `json:"stream"`
	After  int    `json:"after"`
}

func (l letter) message() (m message) {
	switch l.kind {
	case "presence":
		m.Presence = l.value
	case "live":
		m.Live = l.value
	case "leases":
		m.Leases = l.value
	}
	return m
}

// socket is the stream and the ops over one connection. Ops of a connection are taken one after the other.
func (s *Server) socket(w http.ResponseWriter, r *http.Request, st *stream, from int) error {
	v := st.v
	c, err := websocket.Accept(w, r, nil) // of the same origin only; it has answered where it was refused
	if err != nil {
		return nil
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(maxOp)
	ctx, cancel := context.WithCancel(context.Background()) // the request's ends when the connection is taken over
	defer cancel()
	defer context.AfterFunc(v.session.ctx, cancel)()
	send := func(m message) error {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		limit, stop := context.WithTimeout(ctx, sendLimit)
		defer stop()
		return c.Write(limit, websocket.MessageText, b)
	}
	if send(message{Stream: &begun{st.id, from}}) != nil {
		return nil
	}
	go func() {
		defer cancel()
		_ = s.follow(ctx, v, from, func(events []streamed) error {
			if len(events) == 0 {
				limit, stop := context.WithTimeout(ctx, sendLimit)
				defer stop()
				return c.Ping(limit)
			}
			return send(message{Events: events})
		})
	}()
	go func() {
		defer cancel()
		st.deliver(ctx, func(l letter) error { return send(l.message()) })
	}()
	for {
		kind, b, err := c.Read(ctx)
		if err != nil {
			break
		}
		op, ok := parseOp(kind, b)
		if op.Kind == kindPresence && !s.sessions.alive(v.session) || op.Kind != kindPresence && !s.sessions.use(v.session) { // being there is no use
			break
		}
		m, told := s.answer(ctx, st, op, ok)
		if !told {
			continue
		}
		if err := send(m); err != nil {
			break
		}
	}
	if v.session.ctx.Err() != nil || !s.sessions.alive(v.session) {
		_ = c.Close(websocket.StatusPolicyViolation, "log in again")
	}
	return nil
}

func parseOp(kind websocket.MessageType, b []byte) (op annotate.Op, ok bool) {
	ok = kind == websocket.MessageText && json.Unmarshal(b, &op) == nil
	return op, ok
}

// answer takes one message of a browser. told is false where there is nothing to answer.
func (s *Server) answer(ctx context.Context, st *stream, op annotate.Op, ok bool) (m message, told bool) {
	v, err := st.v, error(errBody)
	if ok {
		var out receipt
		if passing[op.Kind] {
			out, err = s.say(ctx, st, op)
		} else {
			out, err = s.perform(ctx, v, op)
		}
		if err == nil {
			return message{Receipt: &out}, out.Kind != ""
		}
	} else if werr := v.session.ops.Wait(ctx); werr != nil { // noise is taken no faster than ops: each is noted
		err = errNobody
	}
	_ = s.log.add(entry{Event: "refused", Who: v.who, Session: v.session.tag, Route: "socket", Kind: string(op.Kind), Object: op.Object, Code: string(fault.CodeOf(err))})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errNobody
	}
	no := refuse(err)
	return message{Refused: &no, Op: op.ID}, true
}
