package reading

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/serve"
)

// TestKilledUnderLoad: a server that is killed with -9 while readers send ops, by sockets and by POST, and started again, has every answer
// that was acknowledged, at least at the version that was; clients log in anew and go on from where their streams were left. No lease outlives it:
// each round begins without one and takes it again.
func TestKilledUnderLoad(t *testing.T) {
	if dir := os.Getenv("READING_CHILD"); dir != "" {
		serveUntilKilled(t, dir)
	}
	if testing.Short() {
		t.Skip("-short: starts processes")
	}
	st := newStudy(t, "panel", loop, loop)
	readings, answers := map[string]string{}, map[string]string{}
	names := []string{"ann", "bob", "carl"}
	for _, who := range names {
		readings[who] = st.do(who, annotate.ReadingOpened, st.tasks(who)[0].Assignment, 0, nil).Object
		answers[who] = st.do(who, annotate.AnswerPut, "", 0, m{"reading": readings[who], "answer": m{"item": "note", "text": "0"}}).Object
	}
	st.Close()
	told := map[string]int{"ann": 1, "bob": 1, "carl": 1}
	seen := map[string]int64{} // of the streams
	var mu sync.Mutex
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledUnderLoad$")
		cmd.Env = append(os.Environ(), "READING_CHILD="+st.Dir())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		sc := bufio.NewScanner(out)
		if !sc.Scan() {
			t.Fatal("the server does not start")
		}
		url := sc.Text()
		before := map[string]int{}
		var all sync.WaitGroup
		stop := make(chan struct{})
		for i, who := range names {
			before[who] = told[who]
			b := (&site{study: st, url: url}).as(who)
			all.Go(func() {
				acknowledged := func(version int) {
					mu.Lock()
					told[who] = version
					mu.Unlock()
				}
				var v annotate.ReadingView
				b.get("/api/readings/"+readings[who]).into(t, &v)
				mu.Lock()
				if v.Answers[0].Version < told[who] {
					t.Errorf("round %d: %s was told of version %d and finds %d", round, who, told[who], v.Answers[0].Version)
				}
				from := seen[who]
				mu.Unlock()
				op := func(version int) m {
					return m{"kind": "answer.put", "object": answers[who], "base": version, "data": m{"reading": readings[who], "answer": m{"item": "note", "text": strings.Repeat("x", 300)}}}
				}
				place := m{"reading": readings[who], "item": "lv", "image": 1, "frame": 0}
				c := b.dial(0)
				say(t, c, at(readings[who], 1, 0))
				first := until(t, c, "leases", func(in message) bool { return in.Leases != nil })
				if string(first.Leases) != fmt.Sprintf(`{"reading":%q,"held":[]}`, readings[who]) {
					t.Errorf("round %d: a lease outlived the server: %s", round, first.Leases)
				}
				say(t, c, m{"id": "l", "kind": "lease.take", "data": place})
				until(t, c, "lease", func(in message) bool { return in.Receipt != nil && in.Receipt.Op == "l" })
				if i%2 == 0 {
					bySocket(b, int(from), v.Answers[0].Version, op, acknowledged, func(n int64) { mu.Lock(); seen[who] = n; mu.Unlock() })
				} else {
					byPost(b, v.Answers[0].Version, op, acknowledged)
				}
			})
		}
		go func() { // once everybody was told of something
			for done := false; !done; time.Sleep(20 * time.Millisecond) {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				done = true
				for _, who := range names {
					done = done && told[who] > before[who]+3
				}
				mu.Unlock()
			}
			_ = cmd.Process.Signal(syscall.SIGKILL)
		}()
		all.Wait()
		close(stop)
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		p, err := annotate.Open(st.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range names {
			v, err := p.Reading(who, readings[who])
			if err != nil || v.Answers[0].Version < told[who] || told[who] <= before[who] {
				t.Errorf("%s was told of version %d: %+v, %v", who, told[who], v, err)
			}
			events, last, err := p.Events(context.Background(), who, 0, false)
			if err != nil || int64(last) < seen[who] || len(events) != last {
				t.Errorf("%s was shown %d events, there are %d", who, seen[who], last)
			}
		}
		p.Close()
	}
}

// byPost sends ops until the server is gone.
func byPost(b *browser, version int, op func(int) m, acknowledged func(int)) {
	for {
		resp, err := plain.Do(b.request("POST", "/api/ops", op(version)))
		if err != nil {
			return
		}
		var r receipt
		err = json.NewDecoder(resp.Body).Decode(&r)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return
		}
		version = r.Version
		acknowledged(version)
	}
}

// bySocket does so by a socket, and notes the events that come.
func bySocket(b *browser, from, version int, op func(int) m, acknowledged func(int), shown func(int64)) {
	c := b.dial(from)
	last := int64(from)
	for {
		j, _ := json.Marshal(op(version))
		if c.Write(context.Background(), 1, j) != nil {
			return
		}
		for waiting := true; waiting; {
			_, in, err := c.Read(context.Background())
			if err != nil {
				return
			}
			var out message
			if json.Unmarshal(in, &out) != nil || out.Refused != nil {
				b.t.Errorf("%s", in)
				return
			}
			for _, e := range out.Events {
				if e.N != last+1 {
					b.t.Errorf("event %d after %d", e.N, last)
				}
				last = e.N
				shown(last)
			}
			if out.Receipt != nil {
				version, waiting = out.Receipt.Version, false
				acknowledged(version)
			}
		}
	}
}

func serveUntilKilled(t *testing.T, dir string) {
	p, err := annotate.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(p, Options{OpRate: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("http://%s\n", ln.Addr())
	t.Fatal(s.Serve(context.Background(), ln, serve.Options{Rate: 100_000}))
}
