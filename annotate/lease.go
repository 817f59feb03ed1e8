package annotate

import (
	"slices"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
)

const (
	// LeaseTime is how long a lease holds that is not renewed. It is long enough for a renewal to be lost on the way, and short enough that
	// nobody waits for somebody who went away.
	LeaseTime = 15 * time.Second

	maxLeases = 16 // of one member
)

// PaintPlace is what is painted: a mask item of a reading in one frame of one image.
type PaintPlace struct {
	Reading string `json:"reading"`
	Item    string `json:"item"`
	Image   int    `json:"image"` // from 1
	Frame   int    `json:"frame"` // from 0
}

// Lease lets one member paint a place for a short time. Masks are painted stroke by stroke over what is there: of two who paint the same one,
// one would lose their work. Leases are not in the log and end with the process.
type Lease struct {
	PaintPlace
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"`
}

// leases are those that hold. Project.mu comes before mu.
type leases struct {
	mu sync.Mutex
	of map[PaintPlace]Lease
}

// take gives who the lease or extends theirs; held is somebody else's that is in the way.
func (l *leases) take(who string, at PaintPlace, now time.Time) (given, held Lease, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := 0
	for p, o := range l.of {
		if !now.Before(o.Until) {
			delete(l.of, p)
		} else if o.Holder == who && p != at {
			own++
		}
	}
	if o, ok := l.of[at]; ok && o.Holder != who {
		return Lease{}, o, nil
	}
	if own >= maxLeases {
		return Lease{}, Lease{}, fault.New(fault.Conflict, "%d masks are being painted already", own).WithHint("let one go")
	}
	if l.of == nil {
		l.of = map[PaintPlace]Lease{}
	}
	given = Lease{at, who, now.Add(LeaseTime)}
	l.of[at] = given
	return given, Lease{}, nil
}

// at is the lease of a place, if one holds.
func (l *leases) at(p PaintPlace, now time.Time) (Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.of[p]
	return o, ok && now.Before(o.Until)
}

// release lets go of who's lease; ok is false where it is not theirs.
func (l *leases) release(who string, at PaintPlace) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[at].Holder != who {
		return false
	}
	delete(l.of, at)
	return true
}

// in are those of a reading, in the order of their places.
func (l *leases) in(reading string, now time.Time) []Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Lease{}
	for p, o := range l.of {
		if p.Reading == reading && now.Before(o.Until) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Lease) int {
		if a.Image != b.Image {
			return a.Image - b.Image
		}
		if a.Frame != b.Frame {
			return a.Frame - b.Frame
		}
		return slices.Compare([]byte(a.Item), []byte(b.Item))
	})
	return out
}

func (l Lease) refusal(now time.Time) error {
	return fault.New(fault.Conflict, "%s paints this mask, until %s", l.Holder, l.Until.UTC().Format(time.TimeOnly)).
		WithHint("it is free %d s after the last stroke", int(l.Until.Sub(now)/time.Second)+1)
}

// TakeLease gives a member the lease of a place, or extends the one that they have. Code conflict, with who has it and until when, where somebody
// else does; ErrUnknown where the reading may not be seen; input where there is no mask to paint.
func (p *Project) TakeLease(who string, at PaintPlace) (Lease, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	r, err := p.editable(who, at.Reading)
	if err != nil {
		return Lease{}, err
	}
	it, c := p.state.rules(r).Item(at.Item), p.state.cases[r.Case]
	if it == nil || it.Kind != protocol.Mask || at.Image < 1 || at.Image > len(c.Images) || at.Frame < 0 || at.Frame >= c.Images[at.Image-1].Frames {
		return Lease{}, fault.New(fault.Input, "there is no mask to paint in this place")
	}
	now := p.now()
	given, held, err := p.leases.take(who, at, now)
	if err == nil && held.Holder != "" {
		err = held.refusal(now)
	}
	return given, err
}

// ReleaseLease lets go of a place. It is no error where the lease has ended meanwhile.
func (p *Project) ReleaseLease(who string, at PaintPlace) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if _, err := p.editable(who, at.Reading); err != nil {
		return err
	}
	p.leases.release(who, at)
	return nil
}

// Leases are those that hold in a reading, for whoever may attend it.
func (p *Project) Leases(who, reading string) ([]Lease, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if _, err := p.attended(who, reading); err != nil {
		return nil, err
	}
	return p.leases.in(reading, p.now()), nil
}

// editable is a reading that the member may change, refused as an op on it would be. Callers hold mu.
func (p *Project) editable(who, id string) (*Reading, error) {
	m, err := p.view(who)
	if err != nil {
		return nil, err
	}
	return (&decision{p: p, s: p.state, m: m, e: &Event{At: p.now()}}).reading(id, policy.EditReading)
}

// leased says whether an answer to a mask item of a shared reading may be changed: by whoever has the lease of its place.
func (d *decision) leased(r *Reading, a *Answer) error {
	it := d.s.rules(r).Item(a.Item)
	if len(r.SharedWith) == 0 || it == nil || it.Kind != protocol.Mask {
		return nil
	}
	o, held := d.p.leases.at(PaintPlace{r.ID, a.Item, a.Image, a.Frame}, d.e.At)
	switch {
	case held && o.Holder == d.m.Name:
		return nil
	case held:
		return o.refusal(d.e.At)
	}
	return fault.New(fault.Conflict, "others are in this reading: a mask is changed under its lease").WithHint("take the lease, look at the mask as it is now, and try again")
}
