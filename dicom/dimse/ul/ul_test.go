package ul

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// quick makes every wait short, and none so short that a busy machine misses it.
var quick = Config{MaxLength: 4096, SendLength: 4096, ARTIM: 600 * time.Millisecond, Response: 600 * time.Millisecond, Idle: 600 * time.Millisecond, Transfer: 600 * time.Millisecond}

// slow is for tests in which no time-out is meant to happen.
var slow = Config{MaxLength: 4096, SendLength: 4096, ARTIM: time.Minute, Response: time.Minute, Idle: time.Minute, Transfer: time.Minute}

func proposal() *pdu.Associate {
	return &pdu.Associate{CalledAE: "SCP", CallingAE: "SCU", Contexts: []pdu.Context{{ID: 1, Abstract: "1.2", Transfer: []string{"1.3"}}}}
}

func yes(*pdu.Associate) Decision {
	return Decision{Accept: &pdu.Associate{Contexts: []pdu.Context{{ID: 1, Transfer: []string{"1.3"}}}}}
}

// tcp is the two ends of a connection.
func tcp(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// pair is an association seen from both sides.
func pair(t *testing.T, requestor, acceptor Config) (rq, ac *Association) {
	t.Helper()
	c, s := tcp(t)
	var wg sync.WaitGroup
	var aerr error
	wg.Go(func() { ac, aerr = Accept(t.Context(), s, yes, acceptor) })
	rq, err := Request(t.Context(), c, proposal(), requestor)
	wg.Wait()
	if err != nil || aerr != nil {
		t.Fatal(err, aerr)
	}
	t.Cleanup(func() { rq.Close(); ac.Close() })
	return rq, ac
}

// peer is the raw other end of an association: an acceptor under test.
func raw(t *testing.T, cfg Config) (conn net.Conn, ac *Association) {
	t.Helper()
	c, s := tcp(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if ac, err = Accept(t.Context(), s, yes, cfg); err != nil {
			t.Error(err)
		}
	})
	b, _ := (&pdu.Associate{ProtocolVersion: 1, CalledAE: "SCP", CallingAE: "SCU", Application: pdu.ApplicationContext, Contexts: proposal().Contexts}).Append(nil)
	c.Write(b)
	if h, _ := readUnit(t, c); h.Type != pdu.AssociateAC {
		t.Fatalf("%v", h.Type)
	}
	wg.Wait()
	return c, ac
}

func readUnit(t *testing.T, c net.Conn) (pdu.Header, []byte) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var head [pdu.HeaderSize]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatalf("reading a unit: %v", err)
	}
	h := pdu.ParseHeader(head[:])
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return h, body
}

func data(n int) []byte {
	b := pdu.Header{Type: pdu.DataTF, Length: uint32(n + pdu.PDVHeaderSize)}.Append(nil)
	v := make([]byte, pdu.PDVHeaderSize+n)
	pdu.PutPDVHeader(v, 1, false, true, n)
	return append(b, v...)
}

func TestReleaseInOrder(t *testing.T) {
	rq, ac := pair(t, slow, slow)
	if rq.State() != Sta6 || ac.State() != Sta6 || rq.MaxSend() != 4096 || ac.Request.CallingAE != "SCU" || rq.Response.CalledAE != "SCP" {
		t.Errorf("states %d %d", rq.State(), ac.State())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := ac.Next(); !errors.Is(err, ErrReleaseRequested) || ac.State() != Sta8 {
			t.Errorf("acceptor: %v in state %d", err, ac.State())
		}
		// PS3.8 AR-7: data may still go out before the answer
		if err := ac.Send(1, []byte("bye!"), nil); err != nil {
			t.Error(err)
		}
		if err := ac.RespondRelease(); err != nil {
			t.Error(err)
		}
		if _, err := ac.Next(); !errors.Is(err, ErrReleased) || ac.State() != Sta1 {
			t.Errorf("acceptor: %v in state %d", err, ac.State())
		}
	})
	if err := rq.Release(); err != nil {
		t.Fatal(err)
	}
	if body, err := rq.Next(); err != nil || !bytes.HasSuffix(body, []byte("bye!")) { // AR-6
		t.Errorf("%q, %v", body, err)
	}
	if _, err := rq.Next(); !errors.Is(err, ErrReleased) || rq.State() != Sta1 {
		t.Errorf("requestor: %v in state %d", err, rq.State())
	}
	wg.Wait()
	if err := rq.Send(1, []byte("xx"), nil); !errors.Is(err, ErrReleased) {
		t.Errorf("sending afterwards: %v", err)
	}
	if err := rq.Release(); !errors.Is(err, ErrReleased) {
		t.Errorf("releasing again: %v", err)
	}
}

func TestReleaseCollision(t *testing.T) {
	rq, ac := pair(t, slow, slow)
	if err := errors.Join(rq.Release(), ac.Release()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, a := range []*Association{rq, ac} {
		wg.Go(func() {
			if _, err := a.Next(); !errors.Is(err, ErrReleased) {
				t.Errorf("requestor %v: %v", a.requestor, err)
			}
		})
	}
	wg.Wait()
}

func TestAbort(t *testing.T) {
	rq, ac := pair(t, slow, slow)
	why := errors.New("enough")
	rq.Abort(why)
	_, err := ac.Next()
	if ab, ok := errors.AsType[*AbortError](err); !ok || ab.Local || ab.Source != pdu.AbortedByUser {
		t.Errorf("peer: %v", err)
	}
	if _, err := rq.Next(); !errors.Is(err, why) {
		t.Errorf("local: %v", err)
	}
	rq.Abort(nil) // again: nothing
	if rq.State() != Sta1 || ac.State() != Sta1 {
		t.Errorf("states %d %d", rq.State(), ac.State())
	}
}

func TestReject(t *testing.T) {
	c, s := tcp(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := Accept(t.Context(), s, func(*pdu.Associate) Decision {
			return Decision{Reject: pdu.Reject{Result: 1, Source: 1, Reason: pdu.UserCallingAENotKnown}}
		}, slow)
		if err == nil || err.Error() != "association rejected: calling AE title not recognized (permanent)" {
			t.Errorf("acceptor: %v", err)
		}
	})
	_, err := Request(t.Context(), c, proposal(), slow)
	if rj, ok := errors.AsType[*RejectError](err); !ok || rj.Reason != pdu.UserCallingAENotKnown {
		t.Errorf("requestor: %v", err)
	}
	wg.Wait()
}

func TestRejectsByItself(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*pdu.Associate)
		want   pdu.Reject
	}{
		"protocol version":    {func(a *pdu.Associate) { a.ProtocolVersion = 2 }, pdu.Reject{Result: 1, Source: 2, Reason: 2}},
		"application context": {func(a *pdu.Associate) { a.Application = "1.2.3" }, pdu.Reject{Result: 1, Source: 1, Reason: 2}},
		"no contexts":         {func(a *pdu.Associate) { a.Contexts = nil }, pdu.Reject{Result: 1, Source: 1, Reason: 1}},
		"tiny units":          {func(a *pdu.Associate) { a.User.MaxLength = 8 }, pdu.Reject{Result: 1, Source: 1, Reason: 1}},
	} {
		client, s := tcp(t)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := Accept(t.Context(), s, yes, slow); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		a := &pdu.Associate{ProtocolVersion: 1, CalledAE: "SCP", CallingAE: "SCU", Application: pdu.ApplicationContext, Contexts: proposal().Contexts}
		c.change(a)
		b, _ := a.Append(nil)
		client.Write(b)
		h, body := readUnit(t, client)
		if rj, err := pdu.DecodeReject(body); h.Type != pdu.AssociateRJ || err != nil || rj != c.want {
			t.Errorf("%s: %v %v", name, h.Type, rj)
		}
		client.Close()
		wg.Wait()
	}
}

// TestBadAnswers: what a peer may not answer to a request.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string][]byte{
		"nothing at all":        {},
		"data":                  data(2),
		"release":               pdu.AppendRelease(nil, pdu.ReleaseRQ),
		"garbage":               []byte("GET / HTTP/1.1\r\n\r\n"),
		"an acceptance cut off": {2, 0, 0, 0, 0, 68, 0, 1},
		"an empty acceptance":   append(pdu.Header{Type: pdu.AssociateAC, Length: 4}.Append(nil), 0, 1, 0, 0),
		"a context not asked":   mustAppend(&pdu.Associate{Accept: true, CalledAE: "A", CallingAE: "B", Contexts: []pdu.Context{{ID: 3, Transfer: []string{"1.3"}}}}),
		"two transfer syntaxes": mustAppend(&pdu.Associate{Accept: true, CalledAE: "A", CallingAE: "B", Contexts: []pdu.Context{{ID: 1, Transfer: []string{"1.3", "1.4"}}}}),
		"tiny units":            mustAppend(&pdu.Associate{Accept: true, CalledAE: "A", CallingAE: "B", User: pdu.UserInformation{MaxLength: 1}}),
		"abort":                 pdu.Abort{}.Append(nil),
	} {
		c, s := tcp(t)
		go func() {
			s.SetReadDeadline(time.Now().Add(10 * time.Second))
			io.ReadFull(s, make([]byte, 40))
			s.Write(answer)
			if name == "nothing at all" {
				s.Close()
			}
			io.Copy(io.Discard, s)
			s.Close()
		}()
		if _, err := Request(t.Context(), c, proposal(), quick); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := c.Write([]byte{0}); err == nil {
			t.Errorf("%s: the connection is still open", name)
		}
	}
}

func mustAppend(a *pdu.Associate) []byte {
	b, err := a.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

func TestContextEnds(t *testing.T) {
	c, s := tcp(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := Request(ctx, c, proposal(), slow); !errors.Is(err, context.Canceled) {
		t.Errorf("requestor: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	c2, s2 := tcp(t)
	defer c2.Close()
	if _, err := Accept(ctx, s2, yes, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("acceptor: %v", err)
	}
	s.Close()
}

// TestInvalid: what an established association is sent that it must not be.
func TestInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		send   []byte
		source pdu.AbortSource
		reason byte
	}{
		"unknown type":           {[]byte{0x77, 0, 0, 0, 0, 1, 0}, 2, pdu.UnrecognizedPDU},
		"text":                   {[]byte("GET / HTTP/1.1\r\n\r\n"), 2, pdu.UnrecognizedPDU},
		"4 GiB of data":          {pdu.Header{Type: pdu.DataTF, Length: 0xFFFFFFFF}.Append(nil), 2, pdu.InvalidParamValue},
		"too long":               {pdu.Header{Type: pdu.DataTF, Length: 4096 + slack + 1}.Append(nil), 2, pdu.InvalidParamValue},
		"a long release":         {pdu.Header{Type: pdu.ReleaseRQ, Length: 5}.Append(nil), 2, pdu.InvalidParamValue},
		"a short abort":          {pdu.Header{Type: pdu.AbortPDU, Length: 3}.Append(nil), 2, pdu.InvalidParamValue},
		"a huge request":         {pdu.Header{Type: pdu.AssociateRQ, Length: 1 << 30}.Append(nil), 2, pdu.InvalidParamValue},
		"a second request":       {mustAppend(proposal()), 2, pdu.UnexpectedPDU},
		"an acceptance":          {mustAppend(&pdu.Associate{Accept: true, CalledAE: "A", CallingAE: "B"}), 2, pdu.UnexpectedPDU},
		"a rejection":            {pdu.Reject{}.Append(nil), 2, pdu.UnexpectedPDU},
		"an answer to a release": {pdu.AppendRelease(nil, pdu.ReleaseRP), 2, pdu.UnexpectedPDU},
	} {
		t.Run(name, func(t *testing.T) {
			conn, ac := raw(t, slow)
			conn.Write(c.send)
			done := make(chan error, 1)
			go func() { _, err := ac.Next(); done <- err }()
			h, body := readUnit(t, conn)
			ab, _ := pdu.DecodeAbort(body)
			if h.Type != pdu.AbortPDU || ab.Source != c.source || ab.Reason != c.reason {
				t.Errorf("%v, source %d, reason %d", h.Type, ab.Source, ab.Reason)
			}
			conn.Close()
			err := <-done
			if a, ok := errors.AsType[*AbortError](err); !ok || !a.Local || fault.CodeOf(err) != fault.Input {
				t.Errorf("%v", err)
			}
			if n := cap(ac.buf); n > 8192 {
				t.Errorf("%d bytes were taken for it", n)
			}
		})
	}
}

// TestTimeouts: each way in which a peer can keep silent.
func TestTimeouts(t *testing.T) {
	t.Run("no request", func(t *testing.T) {
		t.Parallel()
		_, s := tcp(t)
		if _, err := Accept(t.Context(), s, yes, quick); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("a request that never ends", func(t *testing.T) {
		t.Parallel()
		c, s := tcp(t)
		c.Write([]byte{1, 0, 0, 0, 0x10})
		if _, err := Accept(t.Context(), s, yes, quick); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("a request byte by byte", func(t *testing.T) {
		t.Parallel()
		c, s := tcp(t)
		stop := make(chan struct{})
		go func() {
			b := append(pdu.Header{Type: pdu.AssociateRQ, Length: 1000}.Append(nil), make([]byte, 1000)...)
			for i := range b {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					c.Write(b[i : i+1])
				}
			}
		}()
		defer close(stop)
		if _, err := Accept(t.Context(), s, yes, quick); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		c, _ := tcp(t)
		if _, err := Request(t.Context(), c, proposal(), quick); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		conn, ac := raw(t, quick)
		if _, err := ac.Next(); !errors.Is(err, ErrTimeout) || fault.CodeOf(err) != fault.Resource {
			t.Error(err)
		}
		if h, _ := readUnit(t, conn); h.Type != pdu.AbortPDU {
			t.Errorf("the peer is told %v", h.Type)
		}
	})
	t.Run("busy is not idle", func(t *testing.T) {
		t.Parallel()
		conn, ac := raw(t, quick)
		ac.Busy(1)
		time.AfterFunc(1800*time.Millisecond, func() { conn.Write(data(2)) }) // three idle times later
		if b, err := ac.Next(); err != nil || len(b) != 8 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	})
	t.Run("half a unit", func(t *testing.T) {
		t.Parallel()
		conn, ac := raw(t, quick)
		ac.Busy(1)
		conn.Write(data(100)[:50])
		if _, err := ac.Next(); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("half open", func(t *testing.T) {
		t.Parallel()
		conn, ac := raw(t, slow)
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		if _, err := ac.Next(); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	t.Run("release is not answered", func(t *testing.T) {
		t.Parallel()
		_, ac := raw(t, quick)
		ac.Release()
		if _, err := ac.Next(); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("the peer does not close", func(t *testing.T) {
		t.Parallel()
		conn, ac := raw(t, quick)
		conn.Write(pdu.AppendRelease(nil, pdu.ReleaseRQ))
		if _, err := ac.Next(); !errors.Is(err, ErrReleaseRequested) {
			t.Error(err)
		}
		ac.RespondRelease()
		if _, err := ac.Next(); !errors.Is(err, ErrReleased) || ac.State() != Sta1 {
			t.Errorf("%v in state %d", err, ac.State())
		}
	})
	t.Run("the peer takes nothing", func(t *testing.T) {
		t.Parallel()
		_, ac := raw(t, quick)
		err := ac.Send(1, []byte("xx"), func(w io.Writer) error {
			_, err := io.CopyN(w, zeros{}, 1<<30)
			return err
		})
		if !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestMessage: fragments have even lengths and fit, the last is marked, and the bytes are those that were sent.
func TestMessage(t *testing.T) {
	for _, n := range []int{0, 1, 2, 4088, 4089, 4090, 4091, 10_000} {
		rq, ac := pair(t, slow, slow)
		want := bytes.Repeat([]byte{7, 9, 1}, n)[:n]
		var wg sync.WaitGroup
		wg.Go(func() {
			err := rq.Send(1, []byte("command!"), func(w io.Writer) error {
				half := n / 2
				if _, err := w.Write(want[:half]); err != nil {
					return err
				}
				_, err := io.Copy(w, bytes.NewReader(want[half:]))
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		var got [2][]byte
		for done := false; !done; {
			body, err := ac.Next()
			if err != nil {
				t.Fatal(err)
			}
			for len(body) > 0 {
				v, rest, err := pdu.NextPDV(body)
				if err != nil {
					t.Fatal(err)
				}
				body = rest
				k := 1
				if v.Command {
					k = 0
				}
				if len(v.Data)%2 == 1 && !v.Last {
					t.Errorf("a fragment of %d bytes in the middle", len(v.Data))
				}
				got[k] = append(got[k], v.Data...)
				done = v.Last && !v.Command
			}
		}
		wg.Wait()
		if string(got[0]) != "command!" || !bytes.Equal(got[1], want) {
			t.Errorf("%d bytes: got %d and %d", n, len(got[0]), len(got[1]))
		}
	}
}

// TestFailingSource: before anything went out nothing is lost; after that the association is.
func TestFailingSource(t *testing.T) {
	rq, ac := pair(t, slow, slow)
	boom := errors.New("boom")
	if err := rq.Send(1, []byte("xx"), func(io.Writer) error { return boom }); !errors.Is(err, boom) || rq.State() != Sta6 {
		t.Errorf("%v in state %d", err, rq.State())
	}
	go func() {
		for {
			if _, err := ac.Next(); err != nil {
				ac.Close()
				return
			}
		}
	}()
	err := rq.Send(1, []byte("xx"), func(w io.Writer) error {
		w.Write(make([]byte, 20_000))
		return boom
	})
	if !errors.Is(err, boom) || rq.State() != Sta13 {
		t.Errorf("%v in state %d", err, rq.State())
	}
}

// TestBackPressure: a reader that stops makes the writer wait, and nothing piles up in memory.
func TestBackPressure(t *testing.T) {
	rq, ac := pair(t, slow, slow)
	sent := make(chan int, 1<<20)
	go func() {
		rq.Send(1, []byte("xx"), func(w io.Writer) error {
			chunk := make([]byte, 64<<10)
			for i := range 1 << 12 { // 256 MB if nobody stopped it
				if _, err := w.Write(chunk); err != nil {
					return err
				}
				sent <- i
			}
			return nil
		})
	}()
	last := -1
	for still := 0; still < 10; time.Sleep(20 * time.Millisecond) {
		if n := len(sent); n == last {
			still++
		} else {
			last, still = n, 0
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if last >= 1<<12 || m.HeapAlloc > 64<<20 {
		t.Errorf("%d chunks were taken while nobody read; heap %d bytes", last, m.HeapAlloc)
	}
	ac.Close()
}
