package dimse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/dicom/dimse/ul"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
)

// leaks fails the test if goroutines or open files are left when everything has ended.
func leaks(t *testing.T) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		var g, f int
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if g, f = runtime.NumGoroutine(), openFiles(); g <= goroutines && f <= files {
				return
			}
		}
		b := make([]byte, 1<<16)
		t.Errorf("%d goroutines where %d were, %d open files where %d were\n%s", g, goroutines, f, files, b[:runtime.Stack(b, true)])
	})
}

func openFiles() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0 // not on this system
	}
	return len(list)
}

func hello(contexts ...pdu.Context) []byte {
	a := &pdu.Associate{ProtocolVersion: 1, CalledAE: "PACS", CallingAE: "RAW", Application: pdu.ApplicationContext, Contexts: contexts}
	a.User.Async = &pdu.AsyncWindow{}
	b, err := a.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

var rawContexts = []pdu.Context{{ID: 1, Abstract: uid.CTImageStorage, Transfer: []string{uid.ImplicitVRLittleEndian}},
	{ID: 3, Abstract: uid.StudyRootQueryRetrieveInformationModelFind, Transfer: []string{uid.ImplicitVRLittleEndian}},
	{ID: 5, Abstract: uid.Verification, Transfer: []string{uid.ImplicitVRLittleEndian}}}

// rawPeer is an association whose units a test writes itself.
func rawPeer(t *testing.T, peer Peer) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", peer.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.Write(hello(rawContexts...))
	if h, _, err := unit(c); err != nil || h.Type != pdu.AssociateAC {
		t.Fatalf("%v %v", h.Type, err)
	}
	return c
}

func unit(c net.Conn) (pdu.Header, []byte, error) {
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var head [pdu.HeaderSize]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return pdu.Header{}, nil, err
	}
	h := pdu.ParseHeader(head[:])
	body := make([]byte, min(h.Length, 1<<20))
	_, err := io.ReadFull(c, body)
	return h, body, err
}

// values is a P-DATA-TF of one value.
func values(context byte, command, last bool, b []byte) []byte {
	out := pdu.Header{Type: pdu.DataTF, Length: uint32(pdu.PDVHeaderSize + len(b))}.Append(nil)
	head := make([]byte, pdu.PDVHeaderSize)
	pdu.PutPDVHeader(head, context, command, last, len(b))
	return append(append(out, head...), b...)
}

func storeCommand(id uint16) []byte {
	return (&Command{Field: CStore, MessageID: id, AffectedClass: uid.CTImageStorage, Affected: "1.2.3", HasDataSet: true}).Encode()
}

// TestViolations: messages that break the protocol are answered with an A-ABORT, and harm nobody else.
func TestViolations(t *testing.T) {
	leaks(t)
	p := newPACS()
	s := serverFor(p)
	s.Link = ul.Config{ARTIM: time.Second, Transfer: time.Second, Response: time.Second, Idle: time.Minute}
	peer := start(t, s)
	good := dial(t, &Dialer{}, peer, Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes})
	echo := (&Command{Field: CEcho, MessageID: 1, AffectedClass: uid.Verification}).Encode()
	find := (&Command{Field: CFind, MessageID: 1, AffectedClass: rawContexts[1].Abstract, HasDataSet: true}).Encode()
	for name, send := range map[string][]byte{
		"an unknown context":             values(9, true, true, echo),
		"a context of even number":       values(2, true, true, echo),
		"a data set before its command":  values(5, false, true, []byte{1, 2}),
		"a command in the data set":      append(values(1, true, true, storeCommand(1)), values(1, true, true, echo)...),
		"a data set on another context":  append(values(1, true, true, storeCommand(1)), values(3, false, true, []byte{0, 0})...),
		"garbage for a command":          values(5, true, true, []byte("not a command set at all")),
		"an empty command":               values(5, true, true, nil),
		"an endless command":             bytes.Repeat(values(5, true, false, make([]byte, 60_000)), 3),
		"a response that nobody awaits":  values(5, true, true, (&Command{Field: CEcho | response, RespondsTo: 77}).Encode()),
		"an endless identifier":          append(values(3, true, true, find), bytes.Repeat(values(3, false, false, make([]byte, 100_000)), 50)...),
		"one message ID twice":           append(append(values(1, true, true, storeCommand(1)), values(1, true, true, storeCommand(1))...), 0),
		"a value longer than its unit":   append(pdu.Header{Type: pdu.DataTF, Length: 6}.Append(nil), 0, 0, 0, 99, 1, 3),
		"a unit without values' headers": append(pdu.Header{Type: pdu.DataTF, Length: 4}.Append(nil), 0, 0, 0, 9),
	} {
		c := rawPeer(t, peer)
		go c.Write(send)
		for {
			h, body, err := unit(c)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if h.Type == pdu.AbortPDU {
				if body[2] != byte(pdu.AbortedByProvider) {
					t.Errorf("%s: source %d", name, body[2])
				}
				break
			}
		}
		c.Close()
		if err := good.Echo(t.Context()); err != nil {
			t.Fatalf("%s: the others: %v", name, err)
		}
	}
	// Identifiers that are no data set are answered, not punished.
	c := rawPeer(t, peer)
	c.Write(append(values(3, true, true, find), values(3, false, true, []byte{8, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1})...))
	if h, body, err := unit(c); err != nil || h.Type != pdu.DataTF {
		t.Errorf("%v %v", h.Type, err)
	} else if rsp, err := DecodeCommand(body[pdu.PDVHeaderSize:]); err != nil || rsp.Status.Class() != Failure {
		t.Errorf("%+v %v", rsp, err)
	}
	c.Close()
	if err := good.Close(); err != nil {
		t.Error(err)
	}
}

// TestSlowLoris: peers that connect and do nothing, or next to nothing, are let go; peers that work are served meanwhile.
func TestSlowLoris(t *testing.T) {
	leaks(t)
	p := newPACS()
	s := serverFor(p)
	s.Link = ul.Config{ARTIM: 700 * time.Millisecond, Transfer: 700 * time.Millisecond, Response: time.Second, Idle: 700 * time.Millisecond}
	peer := start(t, s)
	var lazy []net.Conn
	for i := range 40 {
		c, err := net.Dial("tcp", peer.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		b := hello(rawContexts...)
		switch i % 5 {
		case 1:
			c.Write(b[:3]) // part of a header
		case 2:
			c.Write(b[:100]) // part of a request
		case 3:
			c.Write(b) // a request, and nothing after
		case 4:
			c.Write(b)
			c.Write(append(values(1, true, true, storeCommand(1)), values(1, false, true, make([]byte, 1000))[:500]...)) // half an object
		}
		lazy = append(lazy, c)
	}
	storeAll(t, peer, instances(t, 7, 10))
	for i, c := range lazy {
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				t.Errorf("peer %d is still there", i)
			}
		}
	}
	if len(p.order) != 10 {
		t.Errorf("%d objects stored", len(p.order))
	}
}

// TestDribble: a peer whose every unit comes in time, and whose object would take for ever, is let go all the same; a slow handler is not the
// peer's fault.
func TestDribble(t *testing.T) {
	leaks(t)
	p := newPACS()
	s := serverFor(p)
	s.Stall = 300 * time.Millisecond
	s.Link = ul.Config{ARTIM: time.Second, Transfer: time.Minute, Idle: time.Minute}
	peer := start(t, s)
	c := rawPeer(t, peer)
	go func() {
		c.Write(values(1, true, true, storeCommand(1)))
		for {
			if _, err := c.Write(values(1, false, false, []byte{0, 0})); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if h, _, err := unit(c); err != nil || h.Type != pdu.AbortPDU {
		t.Errorf("%v %v", h.Type, err)
	}
	c.Close()
	slow := &slowStore{pause: 700 * time.Millisecond}
	s2 := &Server{Strangers: true, Store: slow, Stall: 300 * time.Millisecond}
	s2.Link.MaxLength = 64
	list := instances(t, 1, 1)
	client := dial(t, &Dialer{}, start(t, s2), OffersFor(list)...)
	if _, err := client.Store(t.Context(), list[0], StoreOptions{}); err != nil {
		t.Errorf("a slow handler: %v", err)
	}
	client.Close()
}

// slowStore takes its time before it reads.
type slowStore struct{ pause time.Duration }

func (s *slowStore) Store(_ context.Context, o *Object) error {
	time.Sleep(s.pause)
	_, err := io.Copy(io.Discard, o.Data)
	return err
}

// TestHundred: a hundred associations at once, each with its own objects.
func TestHundred(t *testing.T) {
	leaks(t)
	p := newPACS()
	s := serverFor(p)
	s.MaxPerHost = 128
	peer := start(t, s)
	list := instances(t, 5, 3)
	var ready, all sync.WaitGroup
	ready.Add(100)
	for i := range 100 {
		all.Go(func() {
			c, err := (&Dialer{AETitle: fmt.Sprint("SCU", i), Window: 4, Timeout: time.Minute}).Dial(t.Context(), peer, append(OffersFor(list), FindOffer(StudyRoot))...)
			ready.Done()
			if err != nil {
				t.Error(err)
				return
			}
			ready.Wait() // all are open now
			if err := c.StoreAll(t.Context(), list, StoreOptions{}, func(_ int, _ Status, err error) {
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Error(err)
			}
			for _, err := range c.Find(t.Context(), StudyRoot, key(t, "STUDY", "StudyInstanceUID", "")) {
				if err != nil {
					t.Error(err)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestLimits(t *testing.T) {
	leaks(t)
	for name, s := range map[string]*Server{"all": {Strangers: true, MaxAssociations: 2}, "one host": {Strangers: true, MaxPerHost: 2}} {
		peer := start(t, s)
		offer := Offer{SOPClass: uid.Verification, Syntaxes: nativeSyntaxes}
		a, b := dial(t, &Dialer{}, peer, offer), dial(t, &Dialer{}, peer, offer)
		_, err := (&Dialer{AETitle: "TEST"}).Dial(t.Context(), peer, offer)
		if rj, ok := errors.AsType[*ul.RejectError](err); !ok || rj.Result != pdu.RejectedTransient || rj.Reason != pdu.PresentationLimitExceeded {
			t.Errorf("%s: %v", name, err)
		}
		a.Close()
		for tries := 0; ; tries++ { // there is room when the first one's end was seen
			c, err := (&Dialer{AETitle: "TEST"}).Dial(t.Context(), peer, offer)
			if err == nil {
				c.Close()
				break
			}
			if tries > 500 {
				t.Fatalf("%s: %v", name, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		b.Close()
	}
}

// hashing digests objects and keeps none.
type hashing struct {
	mu   sync.Mutex
	sums map[string]string
	peak uint64
}

func (h *hashing) Store(_ context.Context, o *Object) error {
	sum := sha256.New()
	if _, err := io.Copy(&watched{Hash: sum, h: h}, o.Data); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sums[o.SOPInstanceUID] = string(sum.Sum(nil))
	return nil
}

type watched struct {
	hash.Hash
	h    *hashing
	seen int
}

func (w *watched) Write(p []byte) (int, error) {
	if w.seen += len(p); w.seen > 32<<20 {
		w.seen = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.h.mu.Lock()
		w.h.peak = max(w.h.peak, m.HeapAlloc)
		w.h.mu.Unlock()
	}
	return w.Hash.Write(p)
}

// TestStreaming: an object of 300 MB passes through both sides without being in the memory of either.
func TestStreaming(t *testing.T) {
	if testing.Short() {
		t.Skip("300 MB under the race detector")
	}
	h := &hashing{sums: map[string]string{}}
	peer := start(t, &Server{Strangers: true, Store: h})
	f := bigFile(t, 300<<20)
	in := memoryInstance(f)
	c := dial(t, &Dialer{}, peer, OffersFor([]Instance{in})...)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := c.Store(t.Context(), in, StoreOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	want := sha256.New()
	if err := f.WriteBody(want); err != nil {
		t.Fatal(err)
	}
	if h.sums["1.2.9"] != string(want.Sum(nil)) {
		t.Error("arrived with other bytes")
	}
	if grown := int64(h.peak) - int64(before.HeapAlloc); h.peak == 0 || grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// bigFile is a file with pixel data of n bytes that nobody has in memory.
func bigFile(t *testing.T, n int64) *dicom.File {
	t.Helper()
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, "1.2.9")
	var head bytes.Buffer
	if err := dicom.Write(&head, ds, dicom.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	head.Write([]byte{0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	r := &padded{head: head.Bytes()}
	f, err := dicom.Read(r, int64(head.Len())+n)
	if err != nil || f.Incomplete != nil {
		t.Fatal(err, f.Incomplete)
	}
	return f
}

// padded is a head with a pattern behind it.
type padded struct{ head []byte }

func (p *padded) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(p.head)) {
		n = copy(b, p.head[off:])
	}
	for i := n; i < len(b); i++ {
		b[i] = byte((off + int64(i)) >> 10)
	}
	return len(b), nil
}

// TestServerStops: ending the context ends associations in whatever they are at, and nothing is left.
func TestServerStops(t *testing.T) {
	leaks(t)
	p := newPACS()
	p.wait = make(chan struct{}) // a store that would never be acknowledged
	s := serverFor(p)
	s.Query = endless{make(chan error, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	peer := Peer{AETitle: "PACS", Address: l.Addr().String()}
	list := instances(t, 1, 4)
	storing, finding := dial(t, &Dialer{Window: 4}, peer, OffersFor(list)...), dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	idle := dial(t, &Dialer{}, peer, FindOffer(StudyRoot))
	half := rawPeer(t, peer)
	half.Write(append(values(1, true, true, storeCommand(1)), values(1, false, false, make([]byte, 500))...))
	var all sync.WaitGroup
	all.Go(func() {
		if err := storing.StoreAll(t.Context(), list, StoreOptions{}, func(int, Status, error) {}); err == nil {
			t.Error("stored without an answer")
		}
	})
	found := make(chan struct{})
	all.Go(func() {
		n := 0
		var last error
		for _, err := range finding.Find(t.Context(), StudyRoot, key(t, "STUDY")) {
			if n++; n == 20 {
				close(found)
			}
			last = err
		}
		if last == nil {
			t.Error("an endless query ended well")
		}
	})
	<-found
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	all.Wait()
	for _, c := range []*Client{storing, finding, idle} {
		if err := c.Close(); err == nil {
			t.Error("released with nobody there")
		}
	}
	half.Close()
}
