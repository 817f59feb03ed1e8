package reading

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cineloop/cineloop/annotate"
)

// dial opens the socket of a browser.
func (b *browser) dial(after int) *websocket.Conn {
	b.t.Helper()
	return b.dialAfter(strconv.Itoa(after))
}

func (b *browser) dialAfter(after string) *websocket.Conn {
	b.t.Helper()
	c, _, err := websocket.Dial(context.Background(), strings.Replace(b.url, "http", "ws", 1)+"/api/events?after="+after,
		&websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {CookieName + "=" + b.cookie}}})
	if err != nil {
		b.t.Fatal(err)
	}
	c.SetReadLimit(64 << 20)
	b.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func next(t testing.TB, c *websocket.Conn) message {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	_, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var out message
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

// upTo reads messages until the event with number n was there; receipts and refusals on the way are given too.
func upTo(t testing.TB, c *websocket.Conn, n int64) (events []streamed, rest []message) {
	t.Helper()
	for {
		m := next(t, c)
		if m.Events == nil && (m.Receipt != nil || m.Refused != nil) {
			rest = append(rest, m)
		}
		events = append(events, m.Events...)
		if len(events) > 0 && events[len(events)-1].N >= n {
			return events, rest
		}
	}
}

// serverSent reads n events of the other stream.
func (b *browser) serverSent(after, n int) (events []streamed) {
	b.t.Helper()
	r := b.request("GET", "/api/events", nil)
	r.Header.Set("Last-Event-ID", strconv.Itoa(after))
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	resp, err := plain.Do(r.WithContext(ctx))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatal(resp.Status)
	}
	sc := bufio.NewScanner(resp.Body)
	sc.Buffer(nil, 64<<20)
	id, named := "", false
	for len(events) < n && sc.Scan() {
		if sc.Text() == "" {
			named = false
		}
		if named = named || strings.HasPrefix(sc.Text(), "event: "); named { // none of the log's
			continue
		}
		if v, ok := strings.CutPrefix(sc.Text(), "id: "); ok {
			id = v
		}
		if v, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
			var e streamed
			if err := json.Unmarshal([]byte(v), &e); err != nil || strconv.FormatInt(e.N, 10) != id {
				b.t.Fatalf("%v: %s with id %s", err, v, id)
			}
			events = append(events, e)
		}
	}
	return events
}

// TestBothStreams: ops by socket and by POST give the same receipts, and both streams the same events; each goes on where it was left.
func TestBothStreams(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{})
	b := s.as("ann")
	task := s.tasks("ann")[0]
	_, before, err := st.Events(context.Background(), "ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	c := b.dial(before)
	ask := func(op any) {
		j, _ := json.Marshal(op)
		if err := c.Write(context.Background(), websocket.MessageText, j); err != nil {
			t.Fatal(err)
		}
	}
	ask(m{"id": "one", "kind": "reading.open", "object": task.Assignment})
	events, rest := upTo(t, c, int64(before)+1)
	for len(rest) == 0 {
		rest = append(rest, next(t, c))
	}
	if events[0].Kind != annotate.ReadingOpened || events[0].Op != "one" || rest[0].Receipt == nil || rest[0].Receipt.Op != "one" || rest[0].Receipt.Object != events[0].Object {
		t.Fatalf("%+v, %+v", events[0], rest[0])
	}
	reading := events[0].Object
	line := m{"item": "septum", "image": 1, "value": 99, "shapes": []m{{"image": 1, "kind": "length", "frame": 2, "points": [][2]float64{{10, 10}, {40, 50}}}}}
	var got receipt
	b.send("POST", "/api/ops", m{"id": "two", "kind": "answer.put", "data": m{"reading": reading, "answer": line}}).into(t, &got)
	var data struct{ Answer annotate.Answer }
	if err := json.Unmarshal(got.Data, &data); err != nil || *data.Answer.Value != 25 || data.Answer.Unit != "mm" || got.Version != 1 {
		t.Errorf("%+v", got)
	}
	var again receipt // the same op, as from a browser that was offline
	b.send("POST", "/api/ops", m{"id": "two", "kind": "answer.put", "data": m{"reading": reading, "answer": line}}).into(t, &again)
	if again.Object != got.Object || again.Version != 1 {
		t.Errorf("%+v", again)
	}
	// One that builds on an older version.
	stale := m{"id": "three", "kind": "answer.put", "object": got.Object, "base": 7, "data": m{"reading": reading, "answer": line}}
	if r := b.send("POST", "/api/ops", stale); r.status != 409 || !strings.Contains(r.body, "version 1") {
		t.Errorf("%d %s", r.status, r.body)
	}
	ask(stale)
	for {
		if n := next(t, c); n.Refused != nil {
			if n.Refused.Status != 409 || n.Op != "three" {
				t.Errorf("%+v", n.Refused)
			}
			break
		}
	}
	for _, bad := range []string{"{", `[]`, `"x"`, `{"kind":"case.add","data":{"files":["/etc/passwd"]}}`} {
		if err := c.Write(context.Background(), websocket.MessageText, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if n := next(t, c); n.Refused == nil || n.Refused.Status/100 != 4 {
			t.Errorf("%s: %+v", bad, n)
		}
	}
	_, last, _ := st.Events(context.Background(), "ann", 0, false)
	if first := next(t, b.dialAfter("end")); first.Stream == nil || first.Stream.After != last || first.Stream.Stream == "" {
		t.Errorf("%+v", first)
	}
	bySocket, _ := upTo(t, b.dial(0), int64(last))
	byEvents := b.serverSent(0, last)
	one, _ := json.Marshal(bySocket)
	two, _ := json.Marshal(byEvents)
	if string(one) != string(two) || len(byEvents) != last {
		t.Errorf("%s\n%s", one, two)
	}
	if tail := b.serverSent(last-1, 1); tail[0].N != int64(last) {
		t.Errorf("%+v", tail)
	}
	var preview struct {
		Results []struct{ Values []struct{ Number float64 } }
	}
	b.send("POST", "/api/cases/"+task.Assignment+"/measure", m{"shapes": line["shapes"]}).into(t, &preview)
	if preview.Results[0].Values[0].Number != 25 {
		t.Errorf("%+v", preview)
	}
}

// TestStreamsEndWithTheirSession: after logout a socket says so, and nothing more comes through either stream.
func TestStreamsEndWithTheirSession(t *testing.T) {
	st := newStudy(t, "panel", loop)
	s := serveIt(t, st, Options{})
	b := s.as("ann")
	_, last, _ := st.Events(context.Background(), "ann", 0, false)
	c := b.dial(last)
	r := b.request("GET", "/api/events?after="+strconv.Itoa(last), nil)
	resp, err := plain.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(err, resp)
	}
	defer resp.Body.Close()
	if r := b.send("DELETE", "/api/session", nil); r.status != 204 {
		t.Fatal(r.status)
	}
	for {
		_, in, err := c.Read(context.Background())
		if err != nil {
			break
		}
		if !strings.HasPrefix(string(in), `{"stream":`) {
			t.Errorf("the socket goes on: %s", in)
		}
	}
	if all, err := io.ReadAll(resp.Body); err != nil || strings.Contains(string(all), "id: ") {
		t.Errorf("%s, %v", all, err)
	}
}
