package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/assist"
	"github.com/cineloop/cineloop/annotate/protocol"
	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/run"
	"github.com/cineloop/cineloop/stats"
)

// assistOptions are those of assist and order.
type assistOptions struct {
	Map    map[string]string
	Draft  bool
	By     string
	Scores string
	Target string
	Share  float64
	Seed   uint64
}

var annotateAssisting = []annotateCommand{
	{use: "assist", short: "Let a trained model read the cases", run: runAnnotateAssist,
		long: `Runs the networks of --model, a run's folder or a bundle, on the cases that the member --as has to read, and gives what they say as that member's answers,
locked unless --draft is set. --as is a member that is a model (cineloop annotate member --model). A target answers the item of its name, or
the one that --map names: classes become options, yes or no the two options of an item of which one is positive, numbers numbers; what networks
say about an exam is the mean over its pictures. Masks answer the item of the class's name, in the frame where the class is largest, or in every
frame where the item is asked of frames. Confidence, where it is asked for, is the probability in per cent.

Whether readers begin with these answers is the protocol's: items with prefill, in aided readings. How many of the pictures the model learnt from
is said. --dry-run says which target answers which item, and runs nothing.

Exit status: 0 done, 2 a wrong flag, or not allowed, 3 targets and items that do not fit, 4 libtorch is not installed, 5 done but some pictures or
answers were left out, 6 no such project or run, 7 the project is open in another process, 130 interrupted.`,
		example: `  cineloop annotate assist study --model runs/lv --as net
  cineloop annotate assist study --model lv.cineloop --map grade=severity --as net --dry-run`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Model, "model", "", "folder of a trained run, or a bundle")
			c.Flags().StringToStringVar(&o.Assist.Map, "map", nil, "target=item, where names differ")
			c.Flags().BoolVar(&o.Assist.Draft, "draft", false, "leave the readings open")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would be done")
		}},
	{use: "order", short: "Have the cases that a model is unsure of read first", run: runAnnotateOrder,
		long: `Places the readings that nobody has opened yet by how unsure a model is of their cases, the most first. The protocol has to allow it (design.order: priority, in
independent and assisted designs: where readers are compared an order would tell them something of the model). --by says what doubt is:
entropy of the probabilities, bald (what an ensemble's networks disagree on), variance of an ensemble's scores, random. Doubt comes from --model,
a run or bundle, and its --target; or from --scores, a CSV with a column file and a column uncertainty, or columns p_CLASS, a row a picture, or
with a column member a row a picture and network.

--random-share of the cases are placed by chance instead, spread evenly, and the log says which: so at any time about that share of what was read
is a fair sample of all cases. Estimates from the others alone are of hard cases. --dry-run prints the order.

Exit status: 0 done, 2 a wrong flag, or not allowed, 3 scores that do not fit, 4 libtorch is not installed, 6 no such project, run or file, 7 the
protocol keeps chance's order, or a reading was opened meanwhile, 130 interrupted.`,
		example: `  cineloop annotate order study --by entropy --model runs/lv --target grade --as cora --dry-run
  cineloop annotate order study --by uncertainty --scores doubt.csv --random-share 0.2 --as cora`,
		flags: func(c *cobra.Command, o *annotateOptions) {
			c.Flags().StringVar(&o.Assist.By, "by", assist.Entropy, "entropy, bald, variance, uncertainty (of --scores), random")
			c.Flags().StringVar(&o.Assist.Scores, "scores", "", "CSV with doubts or probabilities")
			c.Flags().StringVar(&o.Model, "model", "", "folder of a trained run, or a bundle")
			c.Flags().StringVar(&o.Assist.Target, "target", "", "of the model; default: its only one")
			c.Flags().Float64Var(&o.Assist.Share, "random-share", 0.2, "of cases that are placed by chance")
			c.Flags().Uint64Var(&o.Assist.Seed, "order-seed", 1, "of what chance places")
			c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only print the order")
		}},
}

// studyPictures names files as networks need them, and back as the project has them.
type studyPictures struct {
	abs  []string
	name map[string]string
}

func picturesOf(dir string, lists [][]string) studyPictures {
	s := studyPictures{name: map[string]string{}}
	for _, files := range lists {
		for _, f := range files {
			path := f
			if !filepath.IsAbs(path) {
				path = filepath.Join(dir, filepath.FromSlash(f))
			}
			if abs, err := filepath.Abs(path); err == nil {
				path = abs
			}
			if _, there := s.name[path]; !there {
				s.abs, s.name[path] = append(s.abs, path), f
			}
		}
	}
	return s
}

// renamed gives what networks say under the project's names of pictures.
func (s studyPictures) renamed(a *run.Answers) assist.Said {
	for _, p := range a.Members {
		for i, item := range p.Item {
			p.Item[i] = s.name[item]
		}
	}
	return a.Members
}

// warn says what of the pictures the networks knew, and what they could not read.
func (s studyPictures) warn(w io.Writer, a *run.Answers) {
	if a.Untold {
		fmt.Fprintln(w, "the bundle does not say what it learnt from: make sure that these pictures are not among it")
	}
	if n := len(a.Learnt); n > 0 {
		fmt.Fprintf(w, "%d of %d pictures are among those that the model learnt from: as readings to compare with they are worthless\n", n, len(s.abs))
	}
	if n := len(a.Left); n > 0 {
		fmt.Fprintf(w, "%d of %d pictures could not be read by the model\n", n, len(s.abs))
	}
}

func runAnnotateAssist(ctx context.Context, o annotateOptions, out ioStreams) error {
	if o.Model == "" {
		return fault.New(fault.Usage, "--model names the run or bundle that reads")
	}
	if o.DryRun {
		return reading(o, func(p *annotate.Project) error { return assistIn(ctx, p, o, out) })
	}
	return withProject(o, func(p *annotate.Project) error { return assistIn(ctx, p, o, out) })
}

func assistIn(ctx context.Context, p *annotate.Project, o annotateOptions, out ioStreams) error {
	me, err := p.Me(o.As)
	if err != nil {
		return err
	}
	if me.Model == "" {
		return fault.New(fault.Usage, "--as names a member that is a model").WithHint("cineloop annotate member PROJECT NAME --role service --model 'NAME VERSION' adds one")
	}
	proto, err := p.Protocol(o.As)
	if err != nil {
		return err
	}
	w, locked, err := assist.WorkOf(p, o.As)
	if err != nil {
		return err
	}
	if len(w.Tasks) == 0 {
		fmt.Fprintf(out.Out, "nothing to read now; %d readings are locked\n", locked)
		return nil
	}
	pics := picturesOf(p.Dir(), w.Files)
	if o.DryRun {
		return dryAssist(ctx, proto, len(w.Tasks), o, out)
	}
	given, answers, err := answered(ctx, proto, w, pics, o, out)
	if err != nil {
		return err
	}
	pics.warn(out.Err, answers)
	s, err := w.Give(ctx, p, o.As, given, !o.Assist.Draft)
	s.Before = locked
	if err != nil {
		return err
	}
	if o.JSON {
		err = json.NewEncoder(out.Out).Encode(s)
	} else {
		fmt.Fprintf(out.Out, "%d answers in %d readings, %d locked; %d cases without an answer; %d readings were locked before\n", s.Answers, s.Readings, s.Locked, s.Unread, s.Before)
	}
	for _, r := range s.Refused {
		fmt.Fprintln(out.Err, "left out, "+r)
	}
	if err == nil && len(s.Refused)+len(answers.Left) > 0 {
		return fault.New(fault.Partial, "%d answers and %d pictures were left out", len(s.Refused), len(answers.Left))
	}
	return err
}

// answered runs the networks and makes the protocol's answers of what they say.
func answered(ctx context.Context, proto *protocol.Protocol, w assist.Work, pics studyPictures, o annotateOptions, out ioStreams) (given []assist.Given, a *run.Answers, err error) {
	place := map[string]int{} // number of a picture in its case
	for _, files := range w.Files {
		for i, f := range files {
			place[f] = i + 1
		}
	}
	var items []*protocol.Item
	a, err = run.PredictFiles(ctx, o.Model, pics.abs, out.Err, func(l run.Labelled) error {
		if items == nil {
			if items, err = assist.MaskItems(proto, l.Target, l.Classes, o.Assist.Map); err != nil {
				return err
			}
		}
		f := pics.name[l.File]
		given = append(given, assist.Masks(items, f, place[f], l.Size, l.Label)...)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if len(a.Members) > 0 {
		said := pics.renamed(a)
		m, unasked, err := assist.Match(proto, said.Targets(), o.Assist.Map)
		if err != nil {
			return nil, nil, err
		}
		if len(unasked) > 0 {
			fmt.Fprintf(out.Err, "the protocol does not ask for %s\n", strings.Join(unasked, ", "))
		}
		given = said.Answers(m, w.Files)
	}
	return given, a, nil
}

// dryAssist says which target answers which item.
func dryAssist(ctx context.Context, proto *protocol.Protocol, cases int, o annotateOptions, out ioStreams) error {
	m, err := run.ModelTargets(ctx, o.Model, out.Err)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Out, "%d cases would be read\n", cases)
	if len(m.Classes) > 0 {
		items, err := assist.MaskItems(proto, m.Target, m.Classes, o.Assist.Map)
		if err != nil {
			return err
		}
		for k, it := range items {
			if it != nil {
				fmt.Fprintf(out.Out, "%s answers %s\n", m.Classes[k], it.Name)
			}
		}
		return nil
	}
	matches, unasked, err := assist.Match(proto, m.Targets, o.Assist.Map)
	if err != nil {
		return err
	}
	for _, t := range m.Targets {
		if it := matches[t.Name]; it != nil {
			fmt.Fprintf(out.Out, "%s answers %s\n", t.Name, it.Name)
		}
	}
	for _, t := range unasked {
		fmt.Fprintf(out.Out, "%s is not asked for\n", t)
	}
	return nil
}

func runAnnotateOrder(ctx context.Context, o annotateOptions, out ioStreams) error {
	a := o.Assist
	sources := 0
	for _, set := range []bool{a.Scores != "", o.Model != "", a.By == assist.Chance} {
		if set {
			sources++
		}
	}
	switch {
	case !slices.Contains(append([]string{"uncertainty"}, assist.Measures...), a.By):
		return fault.New(fault.Usage, "--by is one of uncertainty, %s", strings.Join(assist.Measures, ", "))
	case sources != 1:
		return fault.New(fault.Usage, "doubt comes from --scores or from --model; by random from neither")
	case a.By == "uncertainty" && a.Scores == "":
		return fault.New(fault.Usage, "--by uncertainty takes the column of --scores")
	case !(a.Share >= 0 && a.Share <= 1):
		return fault.New(fault.Usage, "--random-share lies between 0 and 1")
	}
	do := func(p *annotate.Project) error { return orderIn(ctx, p, o, out) }
	if o.DryRun {
		return reading(o, do)
	}
	return withProject(o, do)
}

func orderIn(ctx context.Context, p *annotate.Project, o annotateOptions, out ioStreams) error {
	list, err := p.Unopened(o.As)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(out.Out, "every reading is open or locked: there is nothing to order")
		return nil
	}
	files := map[string][]string{}
	var cases []string
	for _, u := range list {
		if files[u.Case] == nil {
			files[u.Case], cases = u.Files, append(cases, u.Case)
		}
	}
	doubt, source, err := doubts(ctx, p, cases, files, o, out)
	if err != nil {
		return err
	}
	share := o.Assist.Share
	if o.Assist.By == assist.Chance {
		share = 1
	}
	order := assist.Order(cases, doubt, share, stats.Seed(o.Assist.Seed))
	unknown := 0
	at := map[string]assist.Placed{}
	for _, c := range order {
		at[c.Case] = c
		if math.IsNaN(c.Doubt) && !c.Random {
			unknown++
		}
	}
	if unknown > 0 {
		fmt.Fprintf(out.Err, "%d cases have no doubt that is known, and come last\n", unknown)
	}
	if o.DryRun {
		return printOrder(order, files, o, out)
	}
	var places []annotate.Turn
	for _, u := range list {
		places = append(places, annotate.Turn{Assignment: u.Assignment, Priority: at[u.Case].Priority, Random: at[u.Case].Random})
	}
	if err := doOp(ctx, p, o.As, annotate.Ordered, map[string]any{"by": o.Assist.By, "source": source, "random_share": share, "seed": o.Assist.Seed, "places": places}); err != nil {
		return err
	}
	chance := 0
	for _, c := range order {
		if c.Random {
			chance++
		}
	}
	fmt.Fprintf(out.Out, "%d readings of %d cases are in the order of %s; the places of %d cases come from chance\n", len(places), len(order), o.Assist.By, chance)
	return nil
}

// doubts are those of the cases by name, with the digest of where they come from.
func doubts(ctx context.Context, p *annotate.Project, cases []string, files map[string][]string, o annotateOptions, out ioStreams) (map[string]float64, string, error) {
	switch {
	case o.Assist.Scores != "":
		data, err := os.ReadFile(o.Assist.Scores)
		if err != nil {
			return nil, "", fault.New(fault.NotFound, "the scores: %w", err)
		}
		measure := o.Assist.By
		if measure == "uncertainty" {
			measure = ""
		}
		byFile, err := assist.Scores(strings.NewReader(string(data)), measure)
		if err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(data)
		d := map[string]float64{}
		for _, c := range cases {
			for _, f := range files[c] {
				if v, ok := byFile[f]; ok {
					if old, had := d[c]; !had || v > old {
						d[c] = v
					}
				}
			}
		}
		if len(d) == 0 {
			return nil, "", fault.New(fault.Input, "no file of the scores is one of the project's, as the project names them")
		}
		return d, hex.EncodeToString(sum[:]), nil
	case o.Model != "":
		var lists [][]string
		for _, c := range cases {
			lists = append(lists, files[c])
		}
		pics := picturesOf(p.Dir(), lists)
		a, err := run.PredictFiles(ctx, o.Model, pics.abs, out.Err, func(run.Labelled) error {
			return fault.New(fault.Usage, "the doubt of networks that label positions is not measured")
		})
		if err != nil {
			return nil, "", err
		}
		pics.warn(out.Err, a)
		said := pics.renamed(a)
		target := o.Assist.Target
		if t := said.Targets(); target == "" && len(t) == 1 {
			target = t[0].Name
		} else if target == "" {
			return nil, "", fault.New(fault.Usage, "the model has %d targets: --target names one", len(t))
		}
		d, err := said.Doubts(o.Assist.By, target, files)
		return d, "", err
	}
	return nil, "", nil
}

func printOrder(order []assist.Placed, files map[string][]string, o annotateOptions, out ioStreams) error {
	if o.JSON {
		type row struct {
			Place  int      `json:"place"`
			Case   string   `json:"case"`
			Files  []string `json:"files"`
			Doubt  *float64 `json:"doubt"`
			Random bool     `json:"random"`
		}
		rows := []row{}
		for i, c := range order {
			r := row{i + 1, c.Case, files[c.Case], nil, c.Random}
			if !math.IsNaN(c.Doubt) {
				r.Doubt = &c.Doubt
			}
			rows = append(rows, r)
		}
		return json.NewEncoder(out.Out).Encode(rows)
	}
	w := newTable(out.Out)
	fmt.Fprintln(w, "place\tcase\tdoubt\t")
	for i, c := range order {
		doubt, why := "unknown", ""
		if !math.IsNaN(c.Doubt) {
			doubt = fmt.Sprintf("%.4g", c.Doubt)
		}
		if c.Random {
			why = "by chance"
		}
		fmt.Fprintf(w, "%d\t%.8s\t%s\t%s\n", i+1, c.Case, doubt, why)
	}
	return w.Flush()
}
