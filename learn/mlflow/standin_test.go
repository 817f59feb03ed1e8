package mlflow

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// standIn is an MLflow server as its REST API is documented: it checks what it gets and keeps it.
type standIn struct {
	t      *testing.T
	token  string
	mu     sync.Mutex
	away   int // answers that are still refused with 503
	deny   int // status of every answer; 0: none
	names  map[string]string
	runs   map[string]*standInRun
	calls  []string
	server *httptest.Server
}

type standInRun struct {
	Experiment, Name, Status string
	Start, End               int64
	Tags, Params             map[string]string
	Metrics                  []Metric
	Sent                     int // log-batch requests
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{t: t, names: map[string]string{}, runs: map[string]*standInRun{}}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

var goodKey = regexp.MustCompile(`^[\w\-. /]{1,250}$`)

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"error_code": code, "message": "no: " + r.Header.Get("Authorization")})
	}
	endpoint, ok := strings.CutPrefix(r.URL.Path, "/api/2.0/mlflow/")
	if !ok {
		refuse(404, "ENDPOINT_NOT_FOUND")
		return
	}
	s.calls = append(s.calls, endpoint)
	switch {
	case s.deny > 0:
		refuse(s.deny, "PERMISSION_DENIED")
		return
	case s.away > 0:
		s.away--
		http.Error(w, "<html>a proxy's page</html>", http.StatusServiceUnavailable)
		return
	case s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token:
		refuse(401, "UNAUTHENTICATED")
		return
	}
	var in struct {
		Name       string   `json:"name"`
		Experiment string   `json:"experiment_id"`
		RunName    string   `json:"run_name"`
		RunID      string   `json:"run_id"`
		Status     string   `json:"status"`
		Start      int64    `json:"start_time"`
		End        int64    `json:"end_time"`
		Tags       []Pair   `json:"tags"`
		Params     []Pair   `json:"params"`
		Metrics    []Metric `json:"metrics"`
	}
	if r.Method == http.MethodPost {
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			s.t.Errorf("%s: %v", endpoint, err)
		}
		if r.Header.Get("Content-Type") != "application/json" {
			s.t.Errorf("%s: content type %q", endpoint, r.Header.Get("Content-Type"))
		}
	}
	run := s.runs[in.RunID]
	if in.RunID != "" && run == nil {
		refuse(404, "RESOURCE_DOES_NOT_EXIST")
		return
	}
	answer := map[string]any{}
	switch r.Method + " " + endpoint {
	case "GET experiments/get-by-name":
		id := s.names[r.URL.Query().Get("experiment_name")]
		if id == "" {
			refuse(404, "RESOURCE_DOES_NOT_EXIST")
			return
		}
		answer["experiment"] = map[string]any{"experiment_id": id, "lifecycle_stage": "active"}
	case "POST experiments/create":
		if s.names[in.Name] != "" {
			refuse(400, "RESOURCE_ALREADY_EXISTS")
			return
		}
		s.names[in.Name] = "e" + in.Name
		answer["experiment_id"] = "e" + in.Name
	case "POST runs/create":
		id := "r" + string(rune('a'+len(s.runs)))
		s.runs[id] = &standInRun{Experiment: in.Experiment, Name: in.RunName, Start: in.Start, Status: "RUNNING", Tags: map[string]string{}, Params: map[string]string{}}
		for _, p := range in.Tags {
			s.runs[id].Tags[p.Key] = p.Value
		}
		answer["run"] = map[string]any{"info": map[string]any{"run_id": id, "status": "RUNNING"}}
	case "POST runs/update":
		run.Status, run.End = in.Status, in.End
	case "POST runs/log-batch":
		run.Sent++
		if len(in.Metrics) > 1000 || len(in.Params) > 100 || len(in.Tags) > 100 || len(in.Metrics)+len(in.Params) > 1000 {
			refuse(400, "INVALID_PARAMETER_VALUE")
			return
		}
		for _, p := range in.Params {
			if !goodKey.MatchString(p.Key) || len(p.Value) > 500 || run.Params[p.Key] != "" && run.Params[p.Key] != p.Value {
				refuse(400, "INVALID_PARAMETER_VALUE")
				return
			}
			run.Params[p.Key] = p.Value
		}
		for _, m := range in.Metrics {
			if !goodKey.MatchString(m.Key) || m.Timestamp <= 0 {
				refuse(400, "INVALID_PARAMETER_VALUE")
				return
			}
		}
		run.Metrics = append(run.Metrics, in.Metrics...)
	default:
		s.t.Errorf("%s %s is not in the API", r.Method, endpoint)
		refuse(404, "ENDPOINT_NOT_FOUND")
		return
	}
	json.NewEncoder(w).Encode(answer)
}

// only is the server's one run.
func (s *standIn) only() standInRun {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) != 1 {
		s.t.Fatalf("%d runs, want one", len(s.runs))
	}
	return *s.runs["ra"]
}
