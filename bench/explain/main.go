// Command explain measures what maps are worth and what they cost, on networks that it trains itself on MNIST in minutes on one thread:
//
//	cascade  randomising a trained network layer by layer from the output (Adebayo et al., NeurIPS 2018): likeness of seven methods'
//	         maps to those before, absolute and signed
//	labels   a network of true labels against one of random labels, over all methods, as one picture with numbers
//	data     the same network against ones that learnt shuffled pixels and noise
//	roar     new networks learn what is left when a method's highest pixels are removed (Hooker et al., NeurIPS 2019), against random removal
//	views    frames of the simulator that a network gives the right and the wrong view's name, over methods, as one picture with numbers
//	peer     the same methods beside the published algorithms in plain PyTorch, a stand-in for Captum, on the same weights and input
//	speed    Grad-CAM over a forward and backward pass, and occlusion as a share of the plain rate of inference, on a network of video
//
// One command does all and writes results.json and the pictures:
//
//	go run ./bench/explain
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/internal/atomicfile"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

type options struct {
	data, out, only             string
	width                       int64
	train, memorise, judged     int
	epochs, randomEpochs, turns int
	roarTrain, roarTest         int
	roarEpochs                  int
	viewTrain, viewTest         int
	viewEpochs                  int
	video                       string
	videoWidth                  int64
}

// results is results.json.
type results struct {
	Cascade *cascading `json:"cascade,omitempty"`
	Labels  *labels    `json:"labels,omitempty"`
	Data    []dataless `json:"data,omitempty"`
	Roar    *roar      `json:"remove_and_retrain,omitempty"`
	Views   *views     `json:"views,omitempty"`
	Speed   *speeds    `json:"speed,omitempty"`
	Peers   *peers     `json:"peers,omitempty"`
}

func main() {
	shared := os.Getenv("CINELOOP_SHARED")
	if shared == "" {
		shared = "../shared"
	}
	var o options
	flag.StringVar(&o.data, "data", filepath.Join(shared, "data", "mnist"), "folder of MNIST's idx files")
	flag.StringVar(&o.out, "out", filepath.Join("bench", "explain", "results"), "folder of the results")
	flag.StringVar(&o.only, "only", "cascade,labels,data,roar,views,speed,peer", "parts")
	flag.Int64Var(&o.width, "width", 16, "channels of the first convolution (the paper's: 32)")
	flag.IntVar(&o.train, "train", 10000, "training pictures with true labels")
	flag.IntVar(&o.memorise, "memorise", 1000, "training pictures with random labels")
	flag.IntVar(&o.judged, "pictures", 100, "test pictures whose maps are compared")
	flag.IntVar(&o.epochs, "epochs", 3, "of training on true labels")
	flag.IntVar(&o.randomEpochs, "random-epochs", 100, "most epochs of training on random labels; it ends when 99 % are memorised")
	flag.IntVar(&o.roarEpochs, "roar-epochs", 5, "of each retrained network")
	flag.IntVar(&o.roarTrain, "roar-train", 3000, "training pictures of each retrained network")
	flag.IntVar(&o.roarTest, "roar-test", 2000, "test pictures of each")
	flag.IntVar(&o.viewTrain, "view-train", 60, "simulated patients, of seven views each, that the network of views learns from")
	flag.IntVar(&o.viewTest, "view-test", 60, "simulated patients whose maps are compared")
	flag.IntVar(&o.viewEpochs, "view-epochs", 6, "most epochs of the network of views")
	flag.StringVar(&o.video, "video", "r3d_18", "network whose speed is measured")
	flag.Int64Var(&o.videoWidth, "video-width", 4, "its width")
	flag.IntVar(&o.turns, "turns", 2, "measured turns")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/explain:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	path := filepath.Join(o.out, "results.json")
	var r results
	if b, err := os.ReadFile(path); err == nil { // parts that are not asked for stay
		if err := json.Unmarshal(b, &r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return torch.Run(ctx, torch.Config{Threads: 1, Seed: 1}, func(e *torch.Engine) error {
		save := func() error {
			b, err := json.MarshalIndent(r, "", " ")
			if err != nil {
				return err
			}
			return atomicfile.WriteBytes(path, append(b, '\n'))
		}
		if wants(o, "cascade") || wants(o, "labels") || wants(o, "data") || wants(o, "roar") {
			var err error
			if tryErr := e.Try(func() { err = onDigits(e, o, &r) }); err == nil {
				err = tryErr
			}
			if err != nil {
				return err
			}
			if err := save(); err != nil {
				return err
			}
		}
		if wants(o, "views") {
			var v views
			var err error
			if tryErr := e.Try(func() { v, err = nameViews(e, o.out, o.viewTrain, o.viewTest, o.viewEpochs, 1, say) }); err == nil {
				err = tryErr
			}
			if err != nil {
				return err
			}
			r.Views = &v
			if err := save(); err != nil {
				return err
			}
		}
		if wants(o, "speed") {
			s, err := speed(ctx, e, o.video, o.videoWidth, o.turns, say)
			if err != nil {
				return err
			}
			r.Speed = &s
			if err := save(); err != nil {
				return err
			}
		}
		if wants(o, "peer") {
			switch p, err := compareWithPeer(ctx, e, o.videoWidth, o.turns, say); {
			case errors.Is(err, errNoPeer):
				say(err.Error())
				r.Peers = nil
			case err != nil:
				return err
			default:
				r.Peers = &p
			}
			if err := save(); err != nil {
				return err
			}
		}
		r.print()
		return nil
	})
}

func wants(o options, part string) bool {
	for p := range strings.SplitSeq(o.only, ",") {
		if p == part {
			return true
		}
	}
	return false
}

func onDigits(e *torch.Engine, o options, r *results) error {
	d, err := readImages(o.data, "mnist-train", o.train)
	if err != nil {
		return err
	}
	test, err := readImages(o.data, "mnist-t10k", 10000)
	if err != nil {
		return err
	}
	seed := stats.Seed(1)
	net := newNet(e, o.width, seed)
	epochs, _ := train(e, net, d, o.epochs, 1e-3, 2, seed, say)
	right := accuracy(e, net, test)
	judged := test.first(o.judged)
	if wants(o, "labels") {
		few := d.first(o.memorise)
		few.label = shuffled(few.label, seed)
		random := newNet(e, o.width, seed+1)
		say("random labels")
		l := labels{TrainPictures: len(few.label), TrueAccuracy: right, TrueEpochs: epochs, Pictures: len(judged.label), Figure: "labels.png"}
		l.RandomEpochs, l.Memorised = train(e, random, few, o.randomEpochs, 1e-3, 0.99, seed, say)
		l.RandomTest = accuracy(e, random, test)
		if l.Rows, err = compareNets(e, net, random, judged, 4, say); err != nil {
			return err
		}
		if err := labelFigure(judged, l.Rows).draw(filepath.Join(o.out, l.Figure)); err != nil {
			return err
		}
		r.Labels = &l
	}
	if wants(o, "data") {
		r.Data = nil
		for _, form := range []string{ownOrder, noise} {
			say(form)
			few, err := emptied(d.first(o.memorise), form, seed)
			if err != nil {
				return err
			}
			other := newNet(e, o.width, seed+4)
			x := dataless{Form: form}
			x.Epochs, x.Memorised = train(e, other, few, o.randomEpochs, 1e-3, 0.99, seed, say)
			x.Test = accuracy(e, other, test)
			x.Rows, err = compareNets(e, net, other, judged, 0, say)
			nn.Free(other)
			if err != nil {
				return err
			}
			r.Data = append(r.Data, x)
		}
	}
	if wants(o, "roar") {
		x, err := retrain(e, net, o.width, d.first(o.roarTrain), test.first(o.roarTest), o.roarEpochs, []float64{0.1, 0.2, 0.5}, seed, say)
		if err != nil {
			return err
		}
		r.Roar = &x
	}
	if wants(o, "cascade") {
		c, err := cascade(e, net, newNet(e, o.width, seed+2), judged, say)
		if err != nil {
			return err
		}
		c.Width, c.Accuracy = o.width, right
		r.Cascade = &c
	}
	return nil
}

// shuffled are the same labels in another order.
func shuffled(label []int64, seed stats.Seed) []int64 {
	out := make([]int64, len(label))
	for i, k := range seed.Stream("shuffled labels").Perm(len(label)) {
		out[i] = label[k]
	}
	return out
}

// print gives the tables, and rows of name | ours | peer | ratio | limit.
func (r results) print() {
	if c := r.Cascade; c != nil {
		fmt.Printf("cascading randomisation, width %d, test accuracy %.3f: rank correlation of absolute / signed maps\n", c.Width, c.Accuracy)
		for _, row := range c.Rows {
			fmt.Printf("%-22s", row.Method)
			for i, s := range row.Stages {
				fmt.Printf("  %s %.3f / %+.3f", c.Order[i], s.Abs, s.Signed)
			}
			fmt.Println()
		}
		fmt.Printf("guided backprop above gradient %.3f, gradient at the end %.3f, ordering kept: %v\n", c.Margin, c.End, c.Kept)
	}
	if l := r.Labels; l != nil {
		fmt.Printf("true labels (test accuracy %.3f) against random ones (memorised %.3f after %d epochs, test accuracy %.3f)\n",
			l.TrueAccuracy, l.Memorised, l.RandomEpochs, l.RandomTest)
		for _, row := range l.Rows {
			fmt.Printf("%-22s rank |map| %.3f  rank signed %+.3f  SSIM %.3f\n", row.Method, row.Abs, row.Signed, row.SSIM)
		}
	}
	for _, x := range r.Data {
		fmt.Printf("true pictures against %s (memorised %.3f after %d epochs, true test pictures %.3f)\n", x.Form, x.Memorised, x.Epochs, x.Test)
		for _, row := range x.Rows {
			fmt.Printf("%-22s rank |map| %.3f  rank signed %+.3f  SSIM %.3f\n", row.Method, row.Abs, row.Signed, row.SSIM)
		}
	}
	if x := r.Roar; x != nil {
		fmt.Printf("remove and retrain: %d pictures, %d epochs, whole %.3f; accuracy (below random removal, 95 %% interval)\n", x.Train, x.Epochs, x.Whole)
		for _, row := range x.Rows {
			fmt.Printf("%-22s", row.Method)
			for k, s := range x.Shares {
				fmt.Printf("  %.0f %%: %.3f (%+.3f, %+.3f to %+.3f)", 100*s, row.Accuracy[k], row.Below[k], row.Low[k], row.High[k])
			}
			fmt.Println()
		}
	}
	if v := r.Views; v != nil {
		fmt.Printf("views: %d frames, accuracy %.3f, %d wrong; rank of |map| with the nearest right map of another patient: wrong / right / AUROC as a sign of being right\n", v.Frames, v.Accuracy, v.Wrong)
		for _, row := range v.Rows {
			fmt.Printf("%-22s  %.3f / %.3f / %s", row.Method, row.Wrong, row.Right, tells(row.Tells))
			if row.Low != nil && row.High != nil {
				fmt.Printf(" (%.2f to %.2f)", *row.Low, *row.High)
			}
			fmt.Println()
		}
	}
	if s := r.Speed; s != nil {
		fmt.Printf("explain: Grad-CAM over forward and backward, CPU ms | %.0f | %.0f | %.2f | <= 1.3\n", s.GradCAM, s.Back, s.CAMRatio)
		fmt.Printf("explain: occlusion of %d windows against plain inference, clips per CPU-s | %.1f | %.1f | %.2f | >= 0.8\n", s.Windows, s.Occluded, s.Plain, s.Share)
	}
	if r.Peers == nil {
		fmt.Println("explain: beside Captum's algorithms in PyTorch | | absent | |")
		return
	}
	for _, p := range r.Peers.Rows {
		fmt.Printf("explain: %s, CPU ms, peer plain PyTorch (stand-in for Captum) | %.0f | %.0f | %.2f | <= 1\n", p.Method, p.Ours, p.Peer, p.Ratio)
	}
}

func say(s string) { fmt.Fprintln(os.Stderr, s) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
