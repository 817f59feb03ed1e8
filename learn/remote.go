package learn

import (
	"errors"
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

// remote is the training's run on a server. A nil one tells nobody.
type remote struct {
	run  *mlflow.Run
	say  func(format string, args ...any)
	said bool // that the server is away
	done bool // the training came to its end
}

// remoteFile keeps the server's name of the run in the training's folder.
const remoteFile = "mlflow.json"

// remoteGrace is how long the end of a training waits for the server.
var remoteGrace = 10 * time.Second

// newRemote begins to tell the plan's server of a training; nil where it has none.
func newRemote(p *Plan, o TrainOptions, s State, resumed bool, say func(string, ...any)) (*remote, error) {
	if p.Log == nil || p.Log.MLflow == nil {
		return nil, nil
	}
	m := p.Log.MLflow
	token, err := m.token()
	if err != nil {
		return nil, err
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
		{Key: "cineloop.plan_digest", Value: s.Plan}, {Key: "cineloop.run", Value: p.Name}}
	return &remote{say: say, run: mlflow.Start(mlflow.Config{URL: m.URL, Token: token, Experiment: experiment, Name: name, Params: params, Tags: tags,
		File: filepath.Join(o.Dir, remoteFile), Resume: resumed, Grace: remoteGrace, Say: func(s string) { say("%s", s) }})}, nil
}

// log passes a line's numbers on.
func (r *remote) log(l LogLine, points []point) {
	if r == nil {
		return
	}
	r.done = r.done || l.Event == "stop"
	if len(points) > 0 {
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
}

// end closes the run with what became of the training.
func (r *remote) end(err error) {
	if r == nil {
		return
	}
	s := mlflow.Failed
	switch {
	case err != nil && fault.CodeOf(err) == fault.Interrupted:
		s = mlflow.Killed
	case err == nil && r.done:
		s = mlflow.Finished
	}
	r.run.End(s)
}

// end ends a training: its log, and who else was told.
func (t *trainer) end(err error) {
	if t.journal != nil {
		t.journal.remote.end(err)
	}
	t.close()
}

// openJournal opens the log of the training, for the server too where the plan names one.
func (t *trainer) openJournal(resumed bool) (err error) {
	if t.journal, err = openJournal(t.opts.Dir, t.state.Step); err != nil {
		return err
	}
	if !resumed {
		if err := os.Remove(filepath.Join(t.opts.Dir, remoteFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.New(fault.Resource, "removing what an earlier training left: %w", err)
		}
	}
	t.journal.remote, err = newRemote(t.plan, t.opts, t.state, resumed, t.report.say)
	return err
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

// point is a number of a chart.
type point struct {
	name  string
	value float64
}

// points are a line's numbers by the names that charts have.
func (l LogLine) points() (out []point) {
	add := func(name string, v float64) { out = append(out, point{name, v}) }
	switch l.Event {
	case "step":
		if l.Loss != nil {
			add("train/loss", *l.Loss)
		}
		add("train/lr", l.LR)
		if l.GradNorm != nil {
			add("train/grad_norm", *l.GradNorm)
		}
	case "epoch":
		if l.Loss != nil {
			add("epoch/train_loss", *l.Loss)
		}
		for _, name := range sortedKeys(l.Val) {
			add("val/"+name, l.Val[name])
		}
		for _, name := range sortedKeys(l.Weights) {
			add("loss_weight/"+name, l.Weights[name])
		}
		if l.Seconds > 0 {
			add("epoch/rows_per_second", float64(l.Rows)/l.Seconds)
			add("epoch/loading_percent", 100*l.Wait/l.Seconds)
		}
	}
	return out
}
