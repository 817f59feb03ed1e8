package mlflow

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

var at = time.UnixMilli(1_700_000_000_000)

// quick is a configuration whose pauses are short.
func quick(s *standIn) Config {
	return Config{URL: s.server.URL, Experiment: "echo", Name: "fold 1", Pause: time.Millisecond, Gather: time.Millisecond, Grace: 20 * time.Second}
}

func TestRun(t *testing.T) {
	s := newStandIn(t)
	s.token = "secret-token"
	cfg := quick(s)
	cfg.Token, cfg.Tags = s.token, []Pair{{"cineloop.version", "1"}}
	for i := range 150 {
		cfg.Params = append(cfg.Params, Pair{fmt.Sprintf("p%03d", i), strings.Repeat("é", 400)})
	}
	r := Start(cfg)
	for step := range 1500 {
		r.Log(int64(step), at, map[string]float64{"train/loss": float64(step), "val/ef.mae (%)": 1, "nan": math.NaN(), "inf": math.Inf(1)})
	}
	r.End(Finished)
	r.End(Failed) // the first word stands
	got := s.only()
	if got.Experiment != "eecho" || got.Name != "fold 1" || got.Status != "FINISHED" || got.End == 0 || got.Start == 0 {
		t.Errorf("run %+v", got)
	}
	if got.Tags["cineloop.version"] != "1" || len(got.Params) != 150 || len(got.Params["p149"]) > 500 {
		t.Errorf("tags %v, %d parameters", got.Tags, len(got.Params))
	}
	if len(got.Metrics) != 3000 || r.Trouble() != nil {
		t.Fatalf("%d points; %v", len(got.Metrics), r.Trouble())
	}
	for i, m := range got.Metrics { // in order, each once
		key := []string{"train/loss", "val/ef.mae ___"}[i%2]
		if m.Step != int64(i/2) || m.Key != key || m.Timestamp != at.UnixMilli() {
			t.Fatalf("point %d is %+v", i, m)
		}
	}
}

// TestServerAway: nothing waits while the server is away, what is measured arrives when it is back, in order and once.
func TestServerAway(t *testing.T) {
	s := newStandIn(t)
	s.away = 7
	r := Start(quick(s))
	for step := range 20 {
		r.Log(int64(step), at, map[string]float64{"loss": 1})
	}
	r.End(Killed)
	if got := s.only(); len(got.Metrics) != 20 || got.Status != "KILLED" {
		t.Errorf("%d points, %s", len(got.Metrics), got.Status)
	}
}

// TestServerGone: a server that never answers costs the grace at the end, and it is said what is missing; the queue is bounded.
func TestServerGone(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	var said []string
	r := Start(Config{URL: gone.URL, Experiment: "e", Pause: time.Millisecond, Grace: 50 * time.Millisecond, Queue: 100, Say: func(s string) { said = append(said, s) }, Token: "secret-token"})
	for step := range 500 {
		r.Log(int64(step), at, map[string]float64{"loss": 1})
	}
	r.End(Finished)
	if r.Trouble() == nil || len(r.queue) > 100 {
		t.Errorf("trouble %v, %d points wait", r.Trouble(), len(r.queue))
	}
	if len(said) != 1 || !strings.Contains(said[0], "500 points") || strings.Contains(said[0], "secret") || strings.Contains(said[0], gone.URL) {
		t.Errorf("said %q", said)
	}
}

// TestRefused: what will not change is not tried again, and the server's words, which may repeat a token, are not passed on.
func TestRefused(t *testing.T) {
	s := newStandIn(t)
	s.deny = 403
	var said []string
	cfg := quick(s)
	cfg.Token, cfg.Say = "secret-token", func(s string) { said = append(said, s) }
	r := Start(cfg)
	r.Log(1, at, map[string]float64{"loss": 1})
	r.End(Finished)
	r.Log(2, at, map[string]float64{"loss": 1})
	if len(s.calls) != 1 {
		t.Errorf("asked %v", s.calls)
	}
	if len(said) != 1 || !strings.Contains(said[0], "PERMISSION_DENIED") || strings.Contains(said[0], "secret") {
		t.Errorf("said %q", said)
	}
}

// TestResume: a training that goes on, goes on in its run; another server, or one that has lost it, gets a new one.
func TestResume(t *testing.T) {
	s := newStandIn(t)
	cfg := quick(s)
	cfg.File = filepath.Join(t.TempDir(), "mlflow.json")
	cfg.Params = []Pair{{"lr", "0.1"}}
	for i, status := range []Status{Killed, Finished} {
		cfg.Resume = i > 0
		if i > 0 {
			cfg.Params = []Pair{{"lr", "0.2"}} // would be refused: a parameter has one value
		}
		r := Start(cfg)
		r.Log(int64(i), at, map[string]float64{"loss": float64(i)})
		r.End(status)
	}
	got := s.only()
	if got.Status != "FINISHED" || len(got.Metrics) != 2 || got.Params["lr"] != "0.1" {
		t.Errorf("run %+v", got)
	}
	s.runs = map[string]*standInRun{}
	r := Start(cfg)
	r.End(Failed)
	if got := s.only(); got.Status != "FAILED" {
		t.Errorf("a run that the server had lost: %+v", got)
	}
	cfg.Resume = false
	Start(cfg).End(Finished)
	if len(s.runs) != 2 {
		t.Errorf("%d runs after a training from the start", len(s.runs))
	}
}

// TestSameExperiment: trainings that begin together share an experiment that none of them found.
func TestSameExperiment(t *testing.T) {
	s := newStandIn(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { Start(quick(s)).End(Finished) })
	}
	wait.Wait()
	if len(s.names) != 1 || len(s.runs) != 8 {
		t.Errorf("%d experiments, %d runs", len(s.names), len(s.runs))
	}
}

// TestNeverWaits: logging is quick while the server hangs.
func TestNeverWaits(t *testing.T) {
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	r := Start(Config{URL: slow.URL, Experiment: "e", Grace: time.Millisecond})
	for step := range 1000 {
		r.Log(int64(step), at, map[string]float64{"loss": 1}) // would never end if it waited
	}
	r.End(Finished)
	if n := len(r.queue); n != 1000 {
		t.Errorf("%d points wait, want all", n)
	}
}

// TestRedirect: an answer that leads elsewhere is not followed, the token with it.
func TestRedirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	r := Start(Config{URL: s.URL, Token: "secret-token", Experiment: "e", Grace: time.Second})
	r.End(Finished)
	if r.Trouble() == nil {
		t.Error("a redirection is an answer")
	}
}

func TestStrangeAnswers(t *testing.T) {
	for _, answer := range []string{"", "{}", "[]", `{"experiment": {}}`, strings.Repeat("[", 1000), `{"experiment": {"experiment_id": 7}}`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
		r := Start(Config{URL: s.URL, Experiment: "e", Pause: time.Millisecond, Grace: 20 * time.Millisecond})
		r.End(Finished)
		if r.Trouble() == nil {
			t.Errorf("%.20q is taken for MLflow's", answer)
		}
		s.Close()
	}
}

func TestCheckURL(t *testing.T) {
	for address, token := range map[string]bool{"https://mlflow.example.org": true, "https://example.org:5000/mlflow/": true, "http://127.0.0.1:5000": true, "http://localhost": true, "http://example.org": false} {
		if err := CheckURL(address, token); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "mlflow", "ftp://x", "http://example.org", "https://me:secret@example.org", "https://", "https://example.org/?a=b", "file:///tmp", "http://[::1"} {
		if err := CheckURL(address, true); fault.CodeOf(err) != fault.Usage || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	var none *Run
	none.Log(1, at, map[string]float64{"a": 1})
	none.End(Finished)
	if none.Trouble() != nil {
		t.Error("no run has trouble")
	}
}
