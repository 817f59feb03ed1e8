package reading

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/annotate"
)

const withMask = `version: 1
revision: 1
title: test
design: {kind: independent, readers: 1}
items:
  - {name: note, kind: text}
  - {name: lv, kind: mask, scope: frame}
`

// team is a study in which one reader has a case and shares the draft with one of the others; the third is left out.
type team struct {
	*site
	reading               string
	owner, friend, fourth string
}

func newTeam(t testing.TB) *team { return newTeamAt(t, nil) }

// newTeamAt is newTeam by a clock.
func newTeamAt(t testing.TB, now func() time.Time) *team {
	t.Helper()
	st := newStudyWith(t, withMask, nil, loop)
	tm := &team{site: serveIt(t, st, Options{OpRate: 100_000, now: now})}
	rest := []string{}
	for _, who := range []string{"ann", "bob", "carl"} {
		if list := st.tasks(who); len(list) > 0 {
			tm.owner = who
			tm.reading = st.do(who, annotate.ReadingOpened, list[0].Assignment, 0, nil).Object
		} else {
			rest = append(rest, who)
		}
	}
	tm.friend, tm.fourth = rest[0], rest[1]
	st.do(tm.owner, annotate.ReadingShared, "", 0, m{"reading": tm.reading, "with": []string{tm.friend}})
	return tm
}

func say(t testing.TB, c *websocket.Conn, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(context.Background(), websocket.MessageText, b); err != nil {
		t.Fatal(err)
	}
}

func at(reading string, image, frame int) m {
	return m{"id": "p", "kind": "presence", "data": m{"reading": reading, "image": image, "frame": frame}}
}

// until reads messages until one fits.
func until(t testing.TB, c *websocket.Conn, what string, fits func(message) bool) message {
	t.Helper()
	for range 1000 {
		if in := next(t, c); fits(in) {
			return in
		}
	}
	t.Fatalf("no %s among a thousand messages", what)
	return message{}
}

func hereIn(in message) (p presence) { _ = json.Unmarshal(in.Presence, &p); return p }

// who waits for a presence of exactly these people.
func who(t testing.TB, c *websocket.Conn, want ...person) {
	t.Helper()
	until(t, c, fmt.Sprint("presence of ", want), func(in message) bool {
		return in.Presence != nil && slices.Equal(hereIn(in).Here, want)
	})
}

func receiptOf(t testing.TB, c *websocket.Conn) message {
	t.Helper()
	return until(t, c, "answer", func(in message) bool { return in.Receipt != nil || in.Refused != nil })
}

// TestPresence: those in a shared reading see each other, where each is, and who went; by several windows somebody is there once.
func TestPresence(t *testing.T) {
	tm := newTeam(t)
	a, b := tm.as(tm.owner), tm.as(tm.friend)
	ca, cb := a.dial(0), b.dial(0)
	say(t, ca, at(tm.reading, 1, 0))
	who(t, ca)
	say(t, cb, at(tm.reading, 1, 2))
	who(t, ca, person{tm.friend, 1, 2})
	who(t, cb, person{tm.owner, 1, 0})
	say(t, ca, at(tm.reading, 1, 3))
	who(t, cb, person{tm.owner, 1, 3})
	second := b.dial(0) // another window of the same person, later: that is where they are
	say(t, second, at(tm.reading, 1, 1))
	who(t, ca, person{tm.friend, 1, 1})
	_ = second.CloseNow()
	who(t, ca, person{tm.friend, 1, 2})
	say(t, cb, at("", 0, 0))
	who(t, ca)
	say(t, cb, at(tm.reading, 0, 0))
	who(t, ca, person{Who: tm.friend})
	_ = cb.CloseNow() // as when a browser goes away
	who(t, ca)
	for _, bad := range []any{m{"id": "p", "kind": "presence", "data": m{"reading": strings.Repeat("0", 32)}}, m{"id": "p", "kind": "presence", "data": m{"reading": tm.reading, "image": -1}},
		m{"id": "p", "kind": "presence"}, m{"id": "p", "kind": "presence", "data": m{"who": "eve"}}} {
		say(t, ca, bad)
		if r := receiptOf(t, ca); r.Refused == nil || r.Refused.Status/100 != 4 {
			t.Errorf("%v: %+v", bad, r)
		}
	}
	// Whoever it is shared with no more is out, and is told nothing.
	say(t, ca, at(tm.reading, 1, 3)) // whoever asks for a reading that they may not attend is nowhere
	cb = b.dial(0)
	say(t, cb, at(tm.reading, 1, 2))
	who(t, cb, person{Who: tm.owner, Image: 1, Frame: 3})
	tm.do(tm.owner, annotate.ReadingShared, "", 0, m{"reading": tm.reading, "with": []string{tm.fourth}})
	who(t, cb)
	say(t, cb, at(tm.reading, 1, 2))
	if r := receiptOf(t, cb); r.Refused == nil || r.Refused.Status != http.StatusNotFound {
		t.Errorf("%+v", r)
	}
}

// TestGoneWithoutAWord: somebody who says no more that they are there is gone after a while, though their stream goes on.
func TestGoneWithoutAWord(t *testing.T) {
	tm := newTeam(t)
	clock := time.Now()
	g := newTogether(tm.Project, func() time.Time { return clock })
	v := func(who string) *visitor { return &visitor{who, &session{who: who}} }
	one, two := g.open(v(tm.owner)), g.open(v(tm.friend))
	told := func(st *stream) (out presence) {
		for _, l := range st.box.drain() {
			if l.kind == "presence" {
				_ = json.Unmarshal(l.value, &out)
			}
		}
		return out
	}
	for _, st := range []*stream{one, two} {
		if err := g.move(st, here{tm.reading, 1, 0}); err != nil {
			t.Fatal(err)
		}
	}
	if p := told(one); len(p.Here) != 1 || p.Here[0].Who != tm.friend {
		t.Fatalf("%+v", p)
	}
	clock = clock.Add(hereFor - time.Second)
	_ = g.move(one, here{tm.reading, 1, 0})
	clock = clock.Add(2 * time.Second)
	g.sweep()
	if p := told(one); p.Reading != tm.reading || len(p.Here) != 0 {
		t.Errorf("%+v", p)
	}
	if g.count(tm.reading) != 1 {
		t.Error("who said nothing is still counted")
	}
	g.close(one)
	g.close(two)
	if len(g.rooms)+len(g.streams)+len(g.leased) != 0 {
		t.Errorf("%d rooms, %d streams and %d words of leases are left", len(g.rooms), len(g.streams), len(g.leased))
	}
	if err := g.move(one, here{Reading: tm.reading}); err != nil || len(g.rooms) != 0 {
		t.Error("a stream that has ended goes into a room")
	}
}

// TestLiveShapes: what is drawn reaches the others in the reading, as the server put it together, and nobody else; what does not fit is refused.
func TestLiveShapes(t *testing.T) {
	tm := newTeam(t)
	ca, cb, cc := tm.as(tm.owner).dial(0), tm.as(tm.friend).dial(0), tm.as(tm.fourth).dial(0)
	say(t, ca, at(tm.reading, 1, 0))
	say(t, cb, at(tm.reading, 1, 0))
	who(t, ca, person{tm.friend, 1, 0})
	draw := func(more m) m {
		d := m{"reading": tm.reading, "image": 1, "frame": 2, "item": "lv"}
		for k, v := range more {
			d[k] = v
		}
		return m{"id": "d", "kind": "live", "data": d}
	}
	say(t, ca, draw(m{"who": "somebody else", "shape": m{"image": 1, "frame": 2, "kind": "polygon", "points": [][2]float64{{1, 1}, {5.5, 1}}}}))
	got := until(t, cb, "shape", func(in message) bool { return in.Live != nil })
	var d drawing
	if err := json.Unmarshal(got.Live, &d); err != nil || d.Who != tm.owner || d.Shape.Points[1].X != 5.5 || d.Frame != 2 || d.Item != "lv" {
		t.Errorf("%s, %v", got.Live, err)
	}
	say(t, cb, draw(m{"stroke": m{"radius": 4, "points": [][2]float64{{1, 2}}}}))
	got = until(t, ca, "stroke", func(in message) bool { return in.Live != nil })
	if d = (drawing{}); json.Unmarshal(got.Live, &d) != nil || d.Who != tm.friend || d.Stroke.Radius != 4 {
		t.Errorf("%s", got.Live)
	}
	long := make([][2]float64, maxPoints+1)
	for what, more := range map[string]m{"frame": {"frame": 4}, "image": {"image": 2}, "no image": {"image": 0}, "radius": {"stroke": m{"radius": 0, "points": []any{}}}, "points": {"stroke": m{"radius": 1, "points": long}},
		"far": {"cursor": [2]float64{1e9, 0}}, "object": {"object": "x"}, "item": {"item": "no item <b>"}, "text": {"text": "hello"}, "kind": {"shape": m{"image": 1, "frame": 2, "kind": "<b>", "points": []any{}}},
		"another frame": {"shape": m{"image": 1, "frame": 1, "kind": "point", "points": []any{}}}, "another reading": {"reading": strings.Repeat("0", 32)}} {
		say(t, ca, draw(more))
		if r := receiptOf(t, ca); r.Refused == nil || r.Refused.Status/100 != 4 {
			t.Errorf("%s: %+v", what, r)
		}
	}
	say(t, cc, draw(m{"cursor": [2]float64{3, 3}}))
	if r := receiptOf(t, cc); r.Refused == nil || r.Refused.Status != http.StatusNotFound {
		t.Errorf("somebody draws who may not: %+v", r)
	}
	// Nothing of it came to who is left out; what comes next to them is the answer to a question.
	say(t, cc, m{"id": "q", "kind": "presence", "data": m{"reading": ""}})
	until(t, cc, "answer", func(in message) bool {
		if in.Live != nil || in.Presence != nil || in.Leases != nil {
			t.Errorf("who is left out is told %s%s%s", in.Live, in.Presence, in.Leases)
		}
		return in.Receipt != nil
	})
}

// TestTooFast: what comes too fast is dropped without a word, the end of a shape last; a slow browser gets the newest and nothing waits for it.
func TestTooFast(t *testing.T) {
	clock := newClock()
	tm := newTeamAt(t, clock.now)
	s := tm.Server
	v := &visitor{tm.owner, &session{who: tm.owner}}
	full := tm.as(tm.owner)
	_ = full
	tm.sessions.mu.Lock()
	for _, o := range tm.sessions.of {
		v.session = o
	}
	tm.sessions.mu.Unlock()
	mine, other := s.together.open(v), s.together.open(&visitor{tm.friend, &session{who: tm.friend}})
	for _, st := range []*stream{mine, other} {
		if err := s.together.move(st, here{tm.reading, 1, 0}); err != nil {
			t.Fatal(err)
		}
	}
	other.box.drain()
	send := func(object int, x float64, done bool) {
		b, _ := json.Marshal(m{"reading": tm.reading, "image": 1, "frame": 0, "object": fmt.Sprintf("%032x", object), "cursor": [2]float64{x, 0}, "done": done, "shape": m{"image": 1, "kind": "length", "points": [][2]float64{{x, 0}}}})
		if err := s.draw(mine, annotate.Op{Kind: kindLive, Data: b}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		send(1, float64(i), false)
	}
	letters := other.box.drain()
	if len(letters) != 1 {
		t.Fatalf("%d letters wait for one shape", len(letters))
	}
	var d drawing
	_ = json.Unmarshal(letters[0].value, &d)
	if d.Shape.Points[0].X != liveBurst-liveSpare {
		t.Errorf("the newest that got through is number %v", d.Shape.Points[0].X)
	}
	send(1, 5000, true)
	if letters = other.box.drain(); len(letters) != 1 || !strings.Contains(string(letters[0].value), `"done":true`) {
		t.Errorf("the end of a shape was dropped: %v", letters)
	}
	for i := range 500 { // many shapes, and nobody takes them
		clock.add(time.Second)
		send(i, 0, false)
	}
	if letters = other.box.drain(); len(letters) != maxLetters {
		t.Errorf("%d letters wait", len(letters))
	}
}

// TestLeases: of two who want to paint a mask one may, the other is told who does and until when; what is written without the lease is a conflict.
func TestLeases(t *testing.T) {
	tm := newTeam(t)
	a, b := tm.as(tm.owner), tm.as(tm.friend)
	ca, cb := a.dial(0), b.dial(0)
	say(t, ca, at(tm.reading, 1, 0))
	say(t, cb, at(tm.reading, 1, 0))
	place := m{"reading": tm.reading, "item": "lv", "image": 1, "frame": 2}
	put := func(b *browser) reply {
		return b.send("POST", "/api/ops", m{"kind": "answer.put", "data": m{"reading": tm.reading, "answer": m{"item": "lv", "image": 1, "frame": 2, "mask": annotate.EncodeMask(make([]bool, 64*80), 64, 80)}}})
	}
	if r := put(a); r.status != http.StatusConflict || !strings.Contains(r.body, "lease") {
		t.Errorf("%d %s", r.status, r.body)
	}
	receiptOf(t, ca)
	say(t, ca, m{"id": "l", "kind": "lease.take", "data": place})
	r := receiptOf(t, ca)
	var l lease
	if r.Receipt == nil || r.Receipt.Op != "l" || json.Unmarshal(r.Receipt.Data, &l) != nil || l.Holder != tm.owner || l.MS <= 0 || l.MS > 15_000 {
		t.Fatalf("%+v", r)
	}
	until(t, cb, "lease", func(in message) bool {
		var h held
		return json.Unmarshal(in.Leases, &h) == nil && len(h.Held) == 1 && h.Held[0].Holder == tm.owner && h.Held[0].Frame == 2
	})
	receiptlessly := m{"id": "l", "kind": "lease.take", "data": place}
	say(t, cb, receiptlessly)
	if r := until(t, cb, "refusal", func(in message) bool { return in.Refused != nil }); r.Refused.Status != http.StatusConflict || !strings.Contains(r.Refused.Message, tm.owner+" paints this mask, until ") {
		t.Errorf("%+v", r.Refused)
	}
	if r := put(b); r.status != http.StatusConflict || !strings.Contains(r.body, tm.owner) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := put(a); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	say(t, ca, m{"id": "r", "kind": "lease.release", "data": place})
	until(t, cb, "release", func(in message) bool {
		var h held
		return in.Leases != nil && json.Unmarshal(in.Leases, &h) == nil && len(h.Held) == 0
	})
	say(t, cb, receiptlessly)
	until(t, cb, "lease", func(in message) bool { return in.Receipt != nil && in.Receipt.Op == "l" })
	say(t, ca, m{"id": "x", "kind": "lease.take", "data": m{"reading": tm.reading, "item": "note", "image": 1}})
	if r := until(t, ca, "refusal", func(in message) bool { return in.Refused != nil }); r.Refused.Status != http.StatusUnprocessableEntity {
		t.Errorf("%+v", r.Refused)
	}
}

// TestTogetherByPost: without a socket the same goes by server-sent events and POST, for the own stream only.
func TestTogetherByPost(t *testing.T) {
	tm := newTeam(t)
	a, b := tm.as(tm.owner), tm.as(tm.friend)
	_, last, _ := tm.Events(context.Background(), tm.friend, 0, false)
	r := b.request("GET", fmt.Sprintf("/api/events?after=%d", last), nil)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	resp, err := plain.Do(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sc := bufio.NewScanner(resp.Body)
	event := func(name string) string {
		for sc.Scan() {
			if sc.Text() == "event: "+name && sc.Scan() {
				return strings.TrimPrefix(sc.Text(), "data: ")
			}
		}
		t.Fatalf("no %s", name)
		return ""
	}
	var own struct{ Stream string }
	if err := json.Unmarshal([]byte(event("stream")), &own); err != nil {
		t.Fatal(err)
	}
	post := func(b *browser, stream string, kind string, data any) reply {
		return b.send("POST", "/api/live", m{"stream": stream, "id": "1", "kind": kind, "data": data})
	}
	if r := post(b, own.Stream, "presence", m{"reading": tm.reading, "image": 1}); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := post(a, own.Stream, "presence", m{"reading": tm.reading}); r.status != http.StatusNotFound {
		t.Errorf("with somebody else's stream: %d %s", r.status, r.body)
	}
	if r := post(b, own.Stream, "answer.put", m{}); r.status != http.StatusForbidden {
		t.Errorf("an op: %d %s", r.status, r.body)
	}
	c := a.dial(0)
	say(t, c, at(tm.reading, 1, 3))
	who(t, c, person{tm.friend, 1, 0})
	for !strings.Contains(event("presence"), tm.owner) {
	}
	say(t, c, m{"kind": "live", "data": m{"reading": tm.reading, "image": 1, "frame": 0, "cursor": [2]float64{3, 4}}})
	if d := event("live"); !strings.Contains(d, `"cursor":[3,4]`) {
		t.Error(d)
	}
	var taken receipt
	post(b, own.Stream, "lease.take", m{"reading": tm.reading, "item": "lv", "image": 1, "frame": 0}).into(t, &taken)
	if !strings.Contains(event("leases"), `"holder":"`+tm.friend+`"`) && !strings.Contains(string(taken.Data), tm.friend) {
		t.Errorf("%s", taken.Data)
	}
	stop()
	who(t, c)
}

// TestComments: a team's comments with who wrote them, where they belong, and what they answer; for the team alone.
func TestComments(t *testing.T) {
	tm := newTeam(t)
	first := tm.do(tm.owner, annotate.Commented, "", 0, m{"reading": tm.reading, "text": "the wall here?", "image": 1, "frame": 2})
	tm.do(tm.friend, annotate.Commented, "", 0, m{"reading": tm.reading, "text": "yes", "reply": first.Object})
	for _, w := range []string{tm.owner, tm.friend} {
		var list []annotate.Comment
		tm.as(w).get("/api/readings/"+tm.reading+"/comments").into(t, &list)
		if len(list) != 2 || list[0].Author != tm.owner || list[0].Frame != 2 || list[1].Author != tm.friend || list[1].Reply != list[0].ID || list[0].ID != first.Object {
			t.Errorf("%s: %+v", w, list)
		}
	}
	if r := tm.as(tm.fourth).get("/api/readings/" + tm.reading + "/comments"); r.status != http.StatusNotFound {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := tm.as(tm.owner).send("POST", "/api/ops", m{"kind": "comment", "data": m{"reading": tm.reading, "text": "x", "reply": strings.Repeat("0", 32)}}); r.status != http.StatusNotFound {
		t.Errorf("an answer to nothing: %d %s", r.status, r.body)
	}
	// Pictures of a shared reading are at its own id.
	for w, want := range map[string]int{tm.friend: 200, tm.fourth: 404} {
		if r := tm.as(w).get("/api/cases/" + tm.reading + "/images/1/frames/0"); r.status != want {
			t.Errorf("%s: %d", w, r.status)
		}
	}
	var shared []annotate.SharedReading
	tm.as(tm.friend).get("/api/shared").into(t, &shared)
	if len(shared) != 1 || shared[0].ID != tm.reading || shared[0].Reader != tm.owner {
		t.Errorf("%+v", shared)
	}
}
