package learn

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// tracker answers as an MLflow server does and keeps everything that it was sent.
type tracker struct {
	mu     sync.Mutex
	text   strings.Builder // every body
	status []string
	keys   map[string]int // metrics by key
}

func (s *tracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(body)
	s.text.WriteString(r.URL.String() + "\n")
	var in struct {
		Status  string
		Metrics []struct{ Key string }
	}
	_ = json.Unmarshal(body, &in)
	if in.Status != "" {
		s.status = append(s.status, in.Status)
	}
	for _, m := range in.Metrics {
		s.keys[m.Key]++
	}
	io.WriteString(w, `{"experiment": {"experiment_id": "1"}, "experiment_id": "1", "run": {"info": {"run_id": "r1"}}}`)
}

// TestTrainingTellsMLflow: curves, settings and the end arrive; no key of the table, no path and no token does, and the checkpoint knows nothing of it.
func TestTrainingTellsMLflow(t *testing.T) {
	needEngine(t)
	s := &tracker{keys: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := toyClips(t, 16)
	p := toyPlan(data)
	p.Description = "Of Mrs Miller"
	plain := p.Digest()
	p.Log = &LogSpec{MLflow: &MLflowSpec{URL: server.URL, TokenFile: token}}
	if p.Digest() != plain {
		t.Error("who is told changes the training")
	}
	c := loadToy(t, p)
	dir := t.TempDir()
	r := train(t, TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir, Label: "given, fold 1 of 2: ", Progress: t.Output()})
	if len(s.status) != 1 || s.status[0] != "FINISHED" {
		t.Errorf("statuses %v", s.status)
	}
	if s.keys["train/loss"] != r.Steps || s.keys["epoch/train_loss"] != r.Epochs || s.keys["val/bright.auroc"] == 0 {
		t.Errorf("points %v of %d steps", s.keys, r.Steps)
	}
	sent := s.text.String()
	for _, want := range []string{`"train.lr","value":"0.005"`, `"model.name","value":"r3d_18"`, `"run_name":"given, fold 1 of 2"`, `"rows.train"`, "experiment_name=toy"} {
		if !strings.Contains(sent, want) {
			t.Errorf("%s was not sent", want)
		}
	}
	words := []string{"secret-token", "Miller", data, dir}
	for _, row := range c.Rows {
		words = append(words, row.ID, row.Path, `"`+row.Patient+`"`)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), "secret") {
			t.Errorf("%s holds the token", filepath.Base(f))
		}
	}
	for _, w := range words {
		if strings.Contains(sent, w) {
			t.Errorf("%q was sent", w)
		}
	}
}

// TestMLflowOfUnhappyTrainings: one that is interrupted, and one without a server, which trains all the same.
func TestMLflowOfUnhappyTrainings(t *testing.T) {
	needEngine(t)
	s := &tracker{keys: map[string]int{}}
	server := httptest.NewServer(s)
	p := toyPlan(toyClips(t, 16))
	p.Log = &LogSpec{MLflow: &MLflowSpec{URL: server.URL, Experiment: "e"}}
	c := loadToy(t, p)
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	o := TrainOptions{Plan: p, Cohort: c, Fold: toyFold(c), Dir: dir, Resume: true, afterStep: func(t *trainer) {
		if t.state.Step == 2 {
			cancel()
		}
	}}
	if _, err := Train(ctx, o); fault.CodeOf(err) != fault.Interrupted {
		t.Fatalf("interrupted: %v", err)
	}
	o.afterStep = nil
	train(t, o)
	if want := []string{"KILLED", "RUNNING", "FINISHED"}; strings.Join(s.status, " ") != strings.Join(want, " ") {
		t.Errorf("statuses %v, want %v", s.status, want)
	}
	server.Close()
	defer func(d time.Duration) { remoteGrace = d }(remoteGrace)
	remoteGrace = 50 * time.Millisecond
	var said strings.Builder
	o.Dir, o.Progress = t.TempDir(), &said
	p.Train.Epochs = 1
	if r := train(t, o); r.Stopped != "finished" {
		t.Errorf("without a server: %+v", r)
	}
	if n := strings.Count(said.String(), "MLflow"); n == 0 || n > 2 {
		t.Errorf("said %d times:\n%s", n, said.String())
	}
}

func TestMLflowSpecs(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*MLflowSpec{"no address": {}, "a password": {URL: "https://a:secret@b"}, "no file": {URL: "https://a", TokenFile: "/none"}, "no token": {URL: "https://a", TokenFile: empty}} {
		p := toyPlan("")
		p.Log = &LogSpec{MLflow: m}
		if err := checkFilled(p); fault.CodeOf(err) != fault.Usage || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := toyPlan("")
	p.Log = &LogSpec{}
	if err := checkFilled(p); err != nil {
		t.Error(err)
	}
}
