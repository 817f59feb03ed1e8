package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// Pair is a parameter or a tag.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Metric is a point of a curve.
type Metric struct {
	Key       string  `json:"key"`
	Value     float64 `json:"value"`
	Timestamp int64   `json:"timestamp"` // ms since 1970
	Step      int64   `json:"step"`
}

// Limits of one log-batch request, of a key and of a value, as documented.
const (
	maxMetrics = 1000
	maxParams  = 100
	maxKey     = 250
	maxValue   = 500
)

// CheckURL refuses addresses that cannot be a server's, hold a secret, or would show a token to everybody on the way.
func CheckURL(address string, token bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fault.New(fault.Usage, "the MLflow server's address is not http://HOST or https://HOST")
	case u.User != nil:
		return fault.New(fault.Usage, "the MLflow server's address holds a name or password: plans are read by many").WithHint("use a token, from $MLFLOW_TRACKING_TOKEN or a file")
	case u.RawQuery != "" || u.Fragment != "":
		return fault.New(fault.Usage, "the MLflow server's address has more than a path")
	case token && u.Scheme == "http" && !loopback(u.Hostname()):
		return fault.New(fault.Usage, "the MLflow server's address is not https: the token would be read on the way")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client calls the API.
type client struct {
	base, token string
	http        *http.Client
}

// answerError is what the server said no with.
type answerError struct {
	status int
	code   string // MLflow's error_code
}

func (e *answerError) Error() string {
	if e.code != "" {
		return fmt.Sprintf("the server answers %d, %s", e.status, e.code)
	}
	return fmt.Sprintf("the server answers %d", e.status)
}

// lasting says whether trying again is of no use.
func lasting(err error) bool {
	a, ok := errors.AsType[*answerError](err)
	return ok && a.status >= 300 && a.status < 500 && a.status != http.StatusTooManyRequests && a.status != http.StatusRequestTimeout
}

func hasCode(err error, code string) bool {
	a, ok := errors.AsType[*answerError](err)
	return ok && a.code == code
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// callTimeout bounds one request.
const callTimeout = 20 * time.Second

// call sends in to an endpoint and decodes the answer into out; either may be nil. A nil in is a GET.
func (c *client) call(ctx context.Context, endpoint string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	method, body := http.MethodGet, io.Reader(nil)
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		method, body = http.MethodPost, bytes.NewReader(b)
	}
	address := strings.TrimRight(c.base, "/") + "/api/2.0/mlflow/" + endpoint
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return errors.New("the request cannot be made")
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reason(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return reason(err)
	}
	if resp.StatusCode != http.StatusOK {
		var said struct {
			Code string `json:"error_code"`
		}
		_ = json.Unmarshal(answer, &said) // a proxy's page is no JSON
		return &answerError{resp.StatusCode, word(said.Code)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return errors.New("the server's answer is not MLflow's")
	}
	return nil
}

// reason is a network error without the address.
func reason(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// word is an error code of the server, if it is one: what it says is not repeated unseen.
func word(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return ""
	}
	return s
}

// experiment is the ID of the experiment of that name, made where there is none.
func (c *client) experiment(ctx context.Context, name string) (string, error) {
	var got struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	find := func() (string, error) {
		err := c.call(ctx, "experiments/get-by-name", url.Values{"experiment_name": {name}}, nil, &got)
		if err == nil && got.Experiment.ID == "" {
			err = errors.New("the server's answer is not MLflow's")
		}
		return got.Experiment.ID, err
	}
	id, err := find()
	if !hasCode(err, "RESOURCE_DOES_NOT_EXIST") {
		return id, err
	}
	var made struct {
		ID string `json:"experiment_id"`
	}
	err = c.call(ctx, "experiments/create", nil, map[string]string{"name": name}, &made)
	if hasCode(err, "RESOURCE_ALREADY_EXISTS") { // another training made it just now
		return find()
	}
	if err == nil && made.ID == "" {
		err = errors.New("the server's answer is not MLflow's")
	}
	return made.ID, err
}

// create makes a run.
func (c *client) create(ctx context.Context, experiment, name string, start time.Time, tags []Pair) (string, error) {
	var got struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err := c.call(ctx, "runs/create", nil, map[string]any{"experiment_id": experiment, "run_name": name, "start_time": start.UnixMilli(), "tags": tags}, &got)
	if err == nil && got.Run.Info.ID == "" {
		err = errors.New("the server's answer is not MLflow's")
	}
	return got.Run.Info.ID, err
}

// update sets a run's status; a zero end leaves its end open.
func (c *client) update(ctx context.Context, run, status string, end time.Time) error {
	in := map[string]any{"run_id": run, "status": status}
	if !end.IsZero() {
		in["end_time"] = end.UnixMilli()
	}
	return c.call(ctx, "runs/update", nil, in, nil)
}

// batch logs metrics and parameters.
func (c *client) batch(ctx context.Context, run string, metrics []Metric, params []Pair) error {
	in := map[string]any{"run_id": run}
	if len(metrics) > 0 {
		in["metrics"] = metrics
	}
	if len(params) > 0 {
		in["params"] = params
	}
	return c.call(ctx, "runs/log-batch", nil, in, nil)
}

// Key is a name as MLflow takes it: letters, digits, and _ - . / and spaces, others replaced, at most 250.
func Key(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-. /", r) {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), maxKey)]
}
