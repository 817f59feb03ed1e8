package reading

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/cineloop/cineloop/annotate"
)

const (
	// hereFor is how long somebody counts as being in a reading who does not say so again; browsers say it every 5 s.
	hereFor = 12 * time.Second
	sweep   = time.Second
)

// stream is one browser window that follows its events. It attends one reading at most at a time.
type stream struct {
	id  string // names it to its own session, for what is sent by POST
	v   *visitor
	box *mailbox

	// Under the lock of together.
	at   here
	seen time.Time
}

// here is where somebody is: a reading, and in it an image (from 1; 0: none) and a frame (from 0).
type here struct {
	Reading string `json:"reading"`
	Image   int    `json:"image,omitempty"`
	Frame   int    `json:"frame,omitempty"`
}

// person is somebody in a reading, as the others there see them.
type person struct {
	Who   string `json:"who"`
	Image int    `json:"image,omitempty"`
	Frame int    `json:"frame,omitempty"`
}

// presence are the others in a reading.
type presence struct {
	Reading string   `json:"reading"`
	Here    []person `json:"here"`
}

// held are the leases of a reading.
type held struct {
	Reading string  `json:"reading"`
	Held    []lease `json:"held"`
}

// lease is one as a browser gets it: how long it holds from now, because its clock may be another.
type lease struct {
	annotate.PaintPlace
	Holder string `json:"holder"`
	MS     int64  `json:"ms"`
}

func leaseOf(l annotate.Lease, now time.Time) lease {
	return lease{l.PaintPlace, l.Holder, max(0, l.Until.Sub(now).Milliseconds())}
}

// together knows which windows are in which reading, and tells them of each other. Whom it tells anything is asked of the project each time.
// Nothing of it is written down.
type together struct {
	project *annotate.Project
	now     func() time.Time

	mu      sync.Mutex
	streams map[string]*stream
	rooms   map[string]map[*stream]bool // by reading
	leased  map[string]string           // what was told of a room's leases, to know when it changes by itself
}

func newTogether(p *annotate.Project, now func() time.Time) *together {
	return &together{project: p, now: now, streams: map[string]*stream{}, rooms: map[string]map[*stream]bool{}, leased: map[string]string{}}
}

// open makes a stream known. leave has to be called when it ends.
func (t *together) open(v *visitor) *stream {
	st := &stream{id: rand.Text(), v: v, box: newMailbox()}
	t.mu.Lock()
	t.streams[st.id] = st
	t.mu.Unlock()
	return st
}

// find is a stream of the same session.
func (t *together) find(v *visitor, id string) (*stream, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.streams[id]
	return st, st != nil && st.v.session == v.session
}

// close ends a stream; those who were with it see it go at once.
func (t *together) close(st *stream) {
	t.mu.Lock()
	delete(t.streams, st.id)
	left := t.leave(st)
	t.mu.Unlock()
	t.tell(left)
}

// move says where a stream is; an empty reading is nowhere. Whoever may not attend the reading gets ErrUnknown, and is nowhere.
func (t *together) move(st *stream, to here) error {
	var err error
	if to.Reading != "" {
		if err = t.project.Attends(st.v.who, to.Reading); err != nil {
			to = here{}
		}
	}
	t.mu.Lock()
	same, joins, left := st.at == to, st.at.Reading != to.Reading, ""
	if joins {
		left = t.leave(st)
	}
	if t.streams[st.id] == nil { // it has ended meanwhile
		to = here{}
	}
	st.at, st.seen = to, t.now()
	if to.Reading != "" {
		if t.rooms[to.Reading] == nil {
			t.rooms[to.Reading] = map[*stream]bool{}
		}
		t.rooms[to.Reading][st] = true
	}
	t.mu.Unlock()
	t.tell(left)
	if !same {
		t.tell(to.Reading)
	}
	if joins && to.Reading != "" {
		t.leases(to.Reading, st)
	}
	return err
}

// leave takes a stream out of its room and says which that was. Callers hold mu.
func (t *together) leave(st *stream) string {
	left := st.at.Reading
	st.at = here{}
	delete(t.rooms[left], st)
	if len(t.rooms[left]) == 0 {
		delete(t.rooms, left)
		delete(t.leased, left)
	}
	st.box.forget("presence")
	st.box.forget("leases")
	st.box.forget("live")
	return left
}

// in are the streams of a room that may be there: the policy is asked now, and whoever may not any more is out.
func (t *together) in(reading string) (out []*stream, at []here) {
	t.mu.Lock()
	for st := range t.rooms[reading] {
		out = append(out, st)
	}
	t.mu.Unlock()
	out = slices.DeleteFunc(out, func(st *stream) bool { return t.project.Attends(st.v.who, reading) != nil })
	t.mu.Lock()
	defer t.mu.Unlock()
	for st := range t.rooms[reading] {
		if !slices.Contains(out, st) {
			t.leave(st)
			b, _ := json.Marshal(presence{reading, []person{}})
			st.box.put("presence", letter{"presence", b})
		}
	}
	out = slices.DeleteFunc(out, func(st *stream) bool { return st.at.Reading != reading })
	slices.SortFunc(out, func(a, b *stream) int { return b.seen.Compare(a.seen) })
	for _, st := range out {
		at = append(at, st.at)
	}
	return out, at
}

// tell gives each in a room who else is there. Somebody with several windows is where they were last.
func (t *together) tell(reading string) {
	if reading == "" {
		return
	}
	streams, at := t.in(reading)
	for _, st := range streams {
		others, known := presence{reading, []person{}}, map[string]bool{st.v.who: true}
		for i, o := range streams {
			if !known[o.v.who] {
				known[o.v.who] = true
				others.Here = append(others.Here, person{o.v.who, at[i].Image, at[i].Frame})
			}
		}
		slices.SortFunc(others.Here, func(a, b person) int { return slices.Compare([]byte(a.Who), []byte(b.Who)) })
		b, _ := json.Marshal(others)
		st.box.put("presence", letter{"presence", b})
	}
}

// leases tells a room, or one in it, who paints what.
func (t *together) leases(reading string, only *stream) {
	streams, _ := t.in(reading)
	for _, st := range streams {
		if only != nil && st != only {
			continue
		}
		list, err := t.project.Leases(st.v.who, reading)
		if err != nil {
			continue
		}
		out, sum := held{reading, []lease{}}, ""
		for _, l := range list {
			out.Held = append(out.Held, leaseOf(l, t.now()))
			sum += l.Holder + l.Until.String()
		}
		b, _ := json.Marshal(out)
		st.box.put("leases", letter{"leases", b})
		t.mu.Lock()
		t.leased[reading] = sum
		t.mu.Unlock()
	}
}

// pass gives what somebody draws to the others in the reading.
func (t *together) pass(from *stream, reading, key string, value []byte) {
	streams, _ := t.in(reading)
	for _, st := range streams {
		if st != from {
			st.box.put("live/"+from.id+"/"+key, letter{"live", value})
		}
	}
}

// run looks every second who does not say any more that they are there, who may not be there any more, and which leases have ended.
func (t *together) run(done <-chan struct{}) {
	tick := time.NewTicker(sweep)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			t.sweep()
		}
	}
}

func (t *together) sweep() {
	now := t.now()
	changed, rooms := map[string]bool{}, []string{}
	t.mu.Lock()
	for reading, room := range t.rooms {
		rooms = append(rooms, reading)
		for st := range room {
			if now.Sub(st.seen) > hereFor {
				t.leave(st)
				changed[reading] = true
			}
		}
	}
	t.mu.Unlock()
	for _, reading := range rooms {
		before := t.count(reading)
		streams, _ := t.in(reading)
		if len(streams) == 0 {
			continue
		}
		if changed[reading] || len(streams) != before {
			t.tell(reading)
		}
		if list, err := t.project.Leases(streams[0].v.who, reading); err == nil {
			sum := ""
			for _, l := range list {
				sum += l.Holder + l.Until.String()
			}
			t.mu.Lock()
			same := t.leased[reading] == sum
			t.mu.Unlock()
			if !same {
				t.leases(reading, nil)
			}
		}
	}
}

func (t *together) count(reading string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rooms[reading])
}
