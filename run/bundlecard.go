package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/bundle"
	"github.com/cineloop/cineloop/cohort"
	"github.com/cineloop/cineloop/evaluate"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/version"
	"github.com/cineloop/cineloop/nn/segment"
	"github.com/cineloop/cineloop/nn/video"
)

// makeCard is the model's card.
func (f *finishedRun) makeCard(s bundle.Statement, m *Metrics) (*bundle.Card, error) {
	r := f.r
	c := &bundle.Card{Name: r.Plan.Name, Description: r.Plan.Description, Statement: s, Cineloop: version.String(), PlanDigest: m.PlanDigest}
	c.Model = bundle.ModelFacts{Architecture: f.first.Architecture(), Paper: paperOf(f.first.Architecture()), Parameters: f.first.Parameters(),
		Networks: len(f.folders), Input: f.first.Shape(), Started: f.plan.Model.Weights}
	for _, t := range r.Cohort.Spec.Targets {
		c.Model.Outputs = append(c.Model.Outputs, bundle.Output{Name: t.Name, Kind: t.Kind, Unit: t.Unit, Classes: t.Classes})
	}
	c.Data = r.dataFacts()
	trimmed, left := bundle.Trim(m.Report)
	about := fmt.Sprintf("On the %s rows of %q", m.Split, m.Name)
	c.Results = append(c.Results, bundle.Results{About: about, Report: trimmed, Notes: m.Notes})
	for _, name := range sortedKeys(m.Variants) {
		v, n := bundle.Trim(m.Variants[name])
		left += n
		c.Results = append(c.Results, bundle.Results{About: fmt.Sprintf("the %s rows of %q, by networks of their own", v.Split, name), Report: v})
	}
	others, n, err := r.evaluations()
	if err != nil {
		return nil, err
	}
	c.Results = append(c.Results, others...)
	c.Data.Unnamed += left + n
	if c.Thresholds, err = r.thresholds(m.Report); err != nil {
		return nil, err
	}
	c.Limits = r.limits(m.Report, c, len(others))
	return c, nil
}

func paperOf(name string) string {
	if a, err := video.Find(name); err == nil {
		return a.Paper.Title + ", " + a.Paper.Where
	}
	if a, err := segment.Find(name); err == nil {
		return a.Title + ", " + a.Where
	}
	return ""
}

// dataFacts sums the cohort up; groups that few patients share are counted, not named.
func (r *Run) dataFacts() bundle.DataFacts {
	d := r.Cohort.Describe(r.Splits)
	out := bundle.DataFacts{Simulated: r.Plan.Phantom != nil, Items: d.Items, Patients: d.Patients, Sites: d.Sites, LeftOut: len(r.Cohort.Quarantine),
		Flow: d.Flow, Digest: d.Sha256, Parts: []cohort.Balance{}, Subgroups: []cohort.GroupBalance{}}
	if r.Fingerprint != nil {
		out.Modalities = r.Fingerprint.Formats
	}
	for _, b := range d.Parts {
		b.Groups = nil // named in Subgroups
		b.Targets = publicTargets(b.Targets, b.Patients)
		out.Parts = append(out.Parts, b)
	}
	for _, g := range d.Groups {
		if g.Patients < bundle.SmallCell {
			out.Unnamed++
			continue
		}
		g.Targets = publicTargets(g.Targets, g.Patients)
		out.Subgroups = append(out.Subgroups, g)
	}
	return out
}

// publicTargets leaves out how a target is spread where the rows are of a few patients.
func publicTargets(t []cohort.TargetSummary, patients int) []cohort.TargetSummary {
	if patients < bundle.SmallCell {
		return []cohort.TargetSummary{}
	}
	return t
}

// evaluations are the results on other data that the run's folder holds, by name.
func (r *Run) evaluations() (out []bundle.Results, left int, err error) {
	dirs, err := filepath.Glob(filepath.Join(string(r.Dir), "evaluations", "*", "metrics.json"))
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(dirs)
	for _, path := range dirs {
		m := &Metrics{}
		if err := readJSON(path, m); err != nil {
			return nil, 0, err
		}
		t, n := bundle.Trim(m.Report)
		left += n
		out = append(out, bundle.Results{About: "other data, " + filepath.Base(filepath.Dir(path)), Report: t, Notes: m.Notes})
	}
	return out, left, nil
}

// thresholds says where scores become answers.
func (r *Run) thresholds(rep *evaluate.Report) (bundle.Thresholds, error) {
	out := bundle.Thresholds{Targets: map[string]bundle.Threshold{}}
	for name, t := range rep.Targets {
		th := bundle.Threshold{Kind: string(t.Kind)}
		switch o := t.Operating; {
		case o != nil:
			th.Threshold, th.Spec, th.ChosenOn, th.Optimistic = &o.Threshold, o.Specificity, o.ChosenOn, o.ChosenOn == rep.Split
			th.Rule = fmt.Sprintf("yes from a probability of %.4g", o.Threshold)
			if o.SpecificityThreshold.Defined() {
				th.AtSpec = &o.SpecificityThreshold
				th.Rule += fmt.Sprintf("; from %.4g for a specificity of %g, chosen on %s rows", float64(o.SpecificityThreshold), o.Specificity, o.ChosenOn)
			}
		case t.Kind == evaluate.Class:
			th.Rule = "the class of the largest probability"
		case t.Kind == evaluate.MultiLabel:
			th.Rule = "each label from a probability of 0.5"
		case t.Kind == evaluate.TimeToEvent:
			th.Rule = "survival at the cuts; no threshold was set"
		default:
			th.Rule = "the value itself"
		}
		out.Targets[name] = th
	}
	for name := range rep.Masks {
		out.Targets[name] = bundle.Threshold{Kind: cohort.Mask, Rule: "the class of the largest probability at every position"}
	}
	raw, err := os.ReadFile(r.Dir.Uncertainty())
	if os.IsNotExist(err) {
		return out, nil
	}
	if err != nil {
		return out, fault.New(fault.Input, "reading what was learnt of uncertainty: %w", err)
	}
	if !json.Valid(raw) {
		return out, fault.New(fault.Input, "%s is not JSON", r.Dir.Uncertainty())
	}
	out.Abstain = raw
	return out, nil
}

// fewPatients is below how many judged patients a card says that they are few.
const fewPatients = 100

// limits are what the run itself shows of where the model must not be trusted.
func (r *Run) limits(rep *evaluate.Report, c *bundle.Card, others int) []string {
	out := []string{"Images of other devices, settings, populations and diseases than those above were not tried; the network gives scores for them all the same."}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.Data.Simulated {
		say("The data are simulated: nothing is known of how it does on patients.")
	}
	switch {
	case c.Data.Sites == 0:
		say("The sites of the data are not known.")
	case c.Data.Sites == 1:
		say("All data come from one site.")
	}
	if others == 0 {
		say("It was not evaluated on data from outside its own study.")
	}
	if rep.Patients < fewPatients {
		say("It was judged on %d patients: the intervals say how little that is.", rep.Patients)
	}
	few := map[string]bool{}
	for _, name := range sortedKeys(rep.Targets) {
		t := rep.Targets[name]
		for _, metric := range headline[t.Kind] {
			if g := t.Metrics[metric].Gain; g != nil && g.Low.Defined() && float64(g.Low) <= 0 {
				say("%s: %s is not shown to be better than without looking at the image (gain %.3g, interval from %.3g).", name, metric, float64(g.Value), float64(g.Low))
			}
		}
		if o := t.Operating; o != nil && o.ChosenOn == rep.Split {
			say("%s: its threshold at fixed specificity was chosen on the rows that are judged, which flatters.", name)
		}
		for group, values := range t.Subgroups {
			for _, s := range values {
				few[group] = few[group] || s.TooFew
			}
		}
	}
	for _, group := range sortedKeys(few) {
		if few[group] {
			say("Some groups of %s have too few patients to tell how it does on them.", group)
		}
	}
	if len(r.Cohort.Spec.Subgroups) == 0 {
		say("It was not audited by groups of people.")
	}
	for _, s := range r.shortcuts() {
		if s.Strong {
			say("%s alone predicts %s with an AUROC of %.2f: the network may have learnt that instead.", s.Field, s.Target, s.AUROC)
		}
	}
	if r.Plan.Uncertainty == nil && !r.segments() {
		say("It was not taught when not to answer.")
	}
	return append(out, r.trainingWarnings()...)
}

// seenDigest hides a content's digest behind one more step, so that it is of no use as a name.
func seenDigest(d string) string {
	sum := sha256.Sum256([]byte("cineloop seen 1\n" + d))
	return hex.EncodeToString(sum[:])
}
