package annotate

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/stats"
)

// LogFile makes a folder a project.
const LogFile = "events.log"

// ErrDenied answers whoever may not do what they ask for. What they may not even see is ErrUnknown, as if it were not there.
var (
	ErrDenied  = fault.New(fault.Usage, "this is not allowed here")
	ErrUnknown = fault.New(fault.NotFound, "there is no such thing in this project")
)

// Project is an open reading study. Its methods may be called from many goroutines.
type Project struct {
	dir      string
	log      *ledger.Ledger
	pictures headers
	now      func() time.Time
	leases   leases

	mu     sync.RWMutex
	state  *state
	broken error
	wake   chan struct{} // closed when events have become durable
}

// Create makes dir a project with one administrator, who adds the others. Code conflict if it is one already.
func Create(ctx context.Context, dir, name string, seed stats.Seed, admin string) (*Project, error) {
	if name == "" || admin == "" {
		return nil, fault.New(fault.Usage, "a project has a name and an administrator")
	}
	if _, err := os.Stat(filepath.Join(dir, LogFile)); err == nil {
		return nil, fault.New(fault.Conflict, "the folder is a project already")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a project: %w", err)
	}
	p, err := open(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range []struct {
		kind Kind
		data any
	}{
		{ProjectCreated, created{name, uint64(seed)}},
		{MemberAdded, Member{Name: admin, Mask: newMask(), Roles: []policy.Role{policy.Admin, policy.Coordinator}}},
	} {
		if _, err := p.record(Event{At: p.now(), Actor: admin, Kind: e.kind}, e.data); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// Open opens the project in dir for changes. Code notfound where there is none, conflict where another process has it open.
func Open(dir string) (*Project, error) {
	if _, err := os.Stat(filepath.Join(dir, LogFile)); err != nil {
		return nil, noProject(dir)
	}
	return open(dir)
}

func noProject(dir string) error {
	return fault.New(fault.NotFound, "%s is no reading project: it has no %s", dir, LogFile).WithHint("cineloop annotate init makes one")
}

func open(dir string) (*Project, error) {
	p := &Project{dir: dir, pictures: headers{root: dir}, now: func() time.Time { return time.Now().UTC() }, state: newState(), wake: make(chan struct{})}
	log, err := ledger.Open(filepath.Join(dir, LogFile), p.replay)
	if err != nil {
		return nil, err
	}
	p.log = log
	return p, nil
}

// Pseudonym stands for a patient in this project: the same for the same id. Whoever holds the project's folder, and with it the pictures, could try ids.
func (p *Project) Pseudonym(id string) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	m := hmac.New(sha256.New, fmt.Appendf(nil, "%s/%d", p.state.name, p.state.seed))
	m.Write([]byte(id))
	return "P-" + hex.EncodeToString(m.Sum(nil)[:8])
}

// OpenReadOnly gives the project as it is on the disk, which a server may have open at the same time. Nothing can be done in it.
func OpenReadOnly(dir string) (*Project, ledger.Head, error) {
	p := &Project{dir: dir, pictures: headers{root: dir}, now: time.Now, state: newState(), wake: make(chan struct{}), broken: fault.New(fault.Usage, "the project is open for reading only")}
	head, err := ledger.Read(filepath.Join(dir, LogFile), p.replay)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, head, noProject(dir)
	}
	return p, head, err
}

func (p *Project) replay(seq int64, payload []byte) error {
	var e Event
	if err := json.Unmarshal(payload, &e); err != nil {
		return fault.New(fault.Input, "entry %d of the log: %w", seq, err)
	}
	e.Seq = seq
	if err := p.state.apply(e); err != nil {
		return fault.New(fault.Input, "entry %d of the log: %w", seq, err).WithHint("use the newer cineloop that wrote it")
	}
	return nil
}

// Close ends the project; what is under way is made durable.
func (p *Project) Close() error {
	p.mu.Lock()
	if p.broken == nil {
		p.broken = fault.New(fault.Internal, "the project is closed")
	}
	p.mu.Unlock()
	p.announce()
	if p.log == nil {
		return nil
	}
	return p.log.Close()
}

// Dir is the project's folder.
func (p *Project) Dir() string { return p.dir }

// Head is the last durable entry of the log.
func (p *Project) Head() ledger.Head { return p.log.Head() }

// Do takes an op of a member, or says why not, and returns when the event is on the disk: its object, version, and of an answer the computed
// numbers. Codes: usage (denied, malformed), notfound (not there, or
// not to be seen), conflict (built on an older version, or already done otherwise), input (an answer that does not fit), resource (no room).
func (p *Project) Do(ctx context.Context, who string, op Op) (Event, error) {
	h, ok := handlers[op.Kind]
	if !ok {
		return Event{}, fault.New(fault.Usage, "there is nothing to do that is called %q", string(op.Kind))
	}
	var extra any
	if h.prepare != nil { // what takes time and needs no lock: reading headers
		var err error
		if extra, err = h.prepare(ctx, p, who, op); err != nil {
			return Event{}, err
		}
	}
	e, err := p.take(ctx, who, op, h, extra)
	if err != nil {
		return Event{}, err
	}
	if err := p.log.Sync(e.Seq); err != nil {
		p.fail(err)
		return Event{}, err
	}
	p.announce()
	if e.Kind != AnswerPut { // its numbers are for who drew it; the rest is shown by the stream, as far as it may be
		e.Data = nil
	}
	return e, nil
}

// take decides under the lock, writes and applies.
func (p *Project) take(ctx context.Context, who string, op Op, h handler, extra any) (Event, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(p.broken, ctx.Err()); err != nil {
		return Event{}, err
	}
	m := p.state.members[who]
	if m == nil {
		return Event{}, ErrUnknown
	}
	if prior, done := p.state.taken[who+"\x00"+op.ID]; done && op.ID != "" {
		if prior.Kind != op.Kind {
			return Event{}, fault.New(fault.Conflict, "an op with this name was something else")
		}
		return prior, nil
	}
	e := Event{At: p.now(), Actor: who, Op: op.ID, Kind: op.Kind, Object: op.Object}
	data, err := h.decide(&decision{p: p, s: p.state, m: m, op: op, e: &e, extra: extra})
	if err != nil {
		return Event{}, err
	}
	return p.write(e, data)
}

// record is write without an op, for what the project does itself.
func (p *Project) record(e Event, data any) (Event, error) {
	p.mu.Lock()
	e, err := p.write(e, data)
	p.mu.Unlock()
	if err != nil {
		return e, err
	}
	return e, p.log.Sync(e.Seq)
}

// write appends the event and applies it. Callers hold mu.
func (p *Project) write(e Event, data any) (Event, error) {
	var err error
	if e.Data, err = json.Marshal(data); err != nil {
		return e, fault.New(fault.Input, "an answer that can't be written: %w", err)
	}
	payload, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	if e.Seq, err = p.log.Append(payload); err != nil {
		return e, err
	}
	// Through the same bytes as when it is replayed, so that both come to the same.
	if err := p.replay(e.Seq, payload); err != nil {
		p.broken = fault.New(fault.Internal, "the project and its log have parted: %w", err)
		return e, p.broken
	}
	return e, nil
}

func (p *Project) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == nil {
		p.broken = err
	}
}

// announce wakes those who wait for events.
func (p *Project) announce() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.wake)
	p.wake = make(chan struct{})
}

// newID is 128 random bits: it says nothing, not even how many came before.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// newMask is a reader's, or a model's.
func newMask() string {
	var b [4]byte
	rand.Read(b[:])
	return "R-" + hex.EncodeToString(b[:])
}
