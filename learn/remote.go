package learn

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/learn/mlflow"
)

// LogSpec says who else is told of a training, beside log.jsonl and TensorBoard's events.
type LogSpec struct {
	MLflow *MLflowSpec `yaml:"mlflow,omitempty"`
}

// MLflowSpec is an MLflow tracking server.
type MLflowSpec struct {
	URL        string `yaml:"url"`
	Experiment string `yaml:"experiment,omitempty"` // default: the plan's name
	TokenFile  string `yaml:"token_file,omitempty"` // default: the token is in $MLFLOW_TRACKING_TOKEN, or there is none
}

// tokenVariable is what MLflow's own clients read.
const tokenVariable = "MLFLOW_TRACKING_TOKEN"

// token reads the secret.
func (s *MLflowSpec) token() (string, error) {
	if s.TokenFile == "" {
		return strings.TrimSpace(os.Getenv(tokenVariable)), nil
	}
	b, err := os.ReadFile(os.ExpandEnv(s.TokenFile))
	if err != nil {
		return "", fault.New(fault.Usage, "log.mlflow.token_file cannot be read").WithHint("or put the token into $%s", tokenVariable)
	}
	t := strings.TrimSpace(string(b))
	if t == "" || len(t) > 4096 || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fault.New(fault.Usage, "log.mlflow.token_file holds no token: one word is wanted")
	}
	return t, nil
}

// check refuses what could never work, before any row is read.
func (s *LogSpec) check() error {
	if s == nil || s.MLflow == nil {
		return nil
	}
	token, err := s.MLflow.token()
	if err != nil {
		return err
	}
	if err := mlflow.CheckURL(s.MLflow.URL, token != ""); err != nil {
		return fmt.Errorf("log.mlflow.url: %w", err)
	}
	return nil
}

// remote is the observer that tells an MLflow server.
type remote struct {
	plan   *Plan
	opts   TrainOptions
	digest string // of the plan
	say    func(format string, args ...any)
	said   bool // that the server is away
	run    *mlflow.Run
}

// remoteFile keeps the server's name of the run in the training's folder.
const remoteFile = "mlflow.json"

// remoteGrace is how long the end of a training waits for the server.
var remoteGrace = 10 * time.Second

// Started begins the run on the server, or goes on with that of the folder.
func (r *remote) Started(at Start) error {
	p, o, m := r.plan, r.opts, r.plan.Log.MLflow
	token, err := m.token()
	if err != nil {
		return err
	}
	experiment := m.Experiment
	if experiment == "" {
		experiment = p.Name
	}
	name := strings.TrimRight(o.Label, ": ")
	if name == "" {
		name = p.Name
	}
	params := planParams(p)
	params = append(params, mlflow.Pair{Key: "rows.train", Value: fmt.Sprint(len(o.Fold.Train))}, mlflow.Pair{Key: "rows.val", Value: fmt.Sprint(len(o.Fold.Val))})
	tags := []mlflow.Pair{{Key: "mlflow.source.name", Value: "cineloop"}, {Key: "mlflow.source.type", Value: "LOCAL"}, {Key: "cineloop.version", Value: version.String()},
		{Key: "cineloop.plan_digest", Value: r.digest}, {Key: "cineloop.run", Value: p.Name}}
	r.run = mlflow.Start(mlflow.Config{URL: m.URL, Token: token, Experiment: experiment, Name: name, Params: params, Tags: tags,
		File: filepath.Join(o.Dir, remoteFile), Resume: at.Resumed, Grace: remoteGrace, Say: func(s string) { r.say("%s", s) }})
	return nil
}

// Logged passes a line's numbers on. A server that is away does not stop a training.
func (r *remote) Logged(l LogLine, _ Progress) error {
	if points := l.points(); len(points) > 0 {
		values := map[string]float64{}
		for _, p := range points {
			values[p.name] = p.value
		}
		r.run.Log(int64(l.Step), time.Now(), values)
	}
	if err := r.run.Trouble(); err != nil && !r.said {
		r.said = true
		r.say("MLflow cannot be told (%v): training goes on, log.jsonl has everything", err)
	}
	return nil
}

// Ended closes the run with what became of the training.
func (r *remote) Ended(err error) {
	s := mlflow.Finished
	switch {
	case err != nil && fault.CodeOf(err) == fault.Interrupted:
		s = mlflow.Killed
	case err != nil:
		s = mlflow.Failed
	}
	r.run.End(s)
}

// planParams are the plan's settings as words: how clips are made, the network, the training. Nothing of where the data are, of what the table
// holds, or of the people who wrote the plan.
func planParams(p *Plan) (out []mlflow.Pair) {
	q := p.Clone()
	q.Model.Weights, q.Train.CacheDir, q.Train.SampleWeight = baseName(q.Model.Weights), "", ""
	out = append(out, mlflow.Pair{Key: "seed", Value: fmt.Sprint(uint64(p.Seed))})
	for _, part := range []struct {
		name  string
		value any
	}{{"input", q.Input}, {"augment", q.Augment}, {"model", q.Model}, {"segment", q.Segment}, {"train", q.Train}} {
		flatten(&out, part.name, reflect.ValueOf(part.value))
	}
	return out
}

func baseName(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

// flatten adds the fields of a struct that are set, under their YAML names with dots.
func flatten(out *[]mlflow.Pair, name string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		flatten(out, name, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
			if key != "" && key != "-" {
				flatten(out, name+"."+key, v.Field(i))
			}
		}
	case !v.IsZero():
		*out = append(*out, mlflow.Pair{Key: name, Value: fmt.Sprint(v.Interface())})
	}
}
