package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/methods/explain"
	"github.com/cineloop/cineloop/methods/explain/attribute"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/stats"
	"github.com/cineloop/cineloop/torch"
)

// against is our time beside a peer's for one method, on the same network with the same weights and the same input, in turns in one run.
type against struct {
	Method   string  `json:"method"`
	Ours     float64 `json:"ours_cpu_ms"` // medians
	Peer     float64 `json:"peer_cpu_ms"`
	Ratio    float64 `json:"ours_over_peer"`
	WallOurs float64 `json:"ours_wall_ms"`
	WallPeer float64 `json:"peer_wall_ms"`
	// Apart is the largest difference between the two results, as a share of the peer's largest value.
	Apart float64 `json:"largest_difference"`
}

// peers is what stands in for Captum.
type peers struct {
	Peer string    `json:"peer"`
	Rows []against `json:"rows"`
}

const peerName = "bench/peers/explain.py: the published algorithms in plain PyTorch, a stand-in for Captum, which is not packaged"

// peerWindow is the window of occlusion, as the peer's script has it.
var peerWindow = [3]int{8, 28, 28}

// compareWithPeer measures; an absent peer is an error of exec.
func compareWithPeer(ctx context.Context, e *torch.Engine, width int64, turns int, say func(string)) (r peers, err error) {
	net, err := video.New(video.Spec{Name: "r3d_18", Width: width, Channels: 1, Heads: []video.Head{{Name: "y", Width: 2}}})
	if err != nil {
		return r, err
	}
	nn.Materialise(e, net, 1)
	defer nn.Free(net)
	const t, h, w = 32, 112, 112
	rng := stats.Seed(1).Stream("clip")
	in := explain.Input{C: 1, T: t, H: h, W: w, X: make([]float32, t*h*w)}
	for i := range in.X {
		in.X[i] = float32(rng.NormFloat64())
	}
	dir, err := os.MkdirTemp("", "explain-peer")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	peer, err := startPeer(ctx, net, in.X, dir)
	if err != nil {
		return r, err
	}
	defer peer.stop()
	r.Peer = peerName + ", " + peer.version
	n := attribute.Net{E: e, Forward: net.Forward, Volume: net.Volume}
	target := attribute.Target{1}
	var last []float32
	drawn := func(f func(x *torch.Tensor) (*torch.Tensor, error)) func() error {
		return func() (err error) {
			tryErr := e.Try(func() {
				s := e.Scope()
				defer s.Close()
				var m *torch.Tensor
				if m, err = f(e.FromFloat32(in.X, 1, 1, t, h, w)); err == nil {
					last = m.Float32s()
				}
			})
			return cmp.Or(err, tryErr)
		}
	}
	score := scorer(n, []int64{1, t, h, w}, 1)
	for _, m := range []struct {
		name  string
		turns int      // more of what is quick
		peers []string // forms of the peer's; the faster one counts
		ours  func() error
	}{
		{"gradcam", 5 * turns, []string{"gradcam"}, drawn(func(x *torch.Tensor) (*torch.Tensor, error) { return n.GradCAM(x, target, net.LastStage()) })},
		{"gradient", 5 * turns, []string{"gradient"}, drawn(func(x *torch.Tensor) (*torch.Tensor, error) { return n.Gradient(x, target), nil })},
		{"integrated-gradients", turns, []string{"integrated-gradients", "integrated-gradients-one"}, drawn(func(x *torch.Tensor) (*torch.Tensor, error) {
			return n.IntegratedGradients(x, x.ZerosLike(), target, 24, attribute.GaussLegendre).Relevance, nil
		})},
		{"occlusion", turns, []string{"occlusion"}, func() error {
			m, _, err := explain.Occlusion(ctx, in, explain.OcclusionOptions{Window: peerWindow, Batch: batch}, score)
			if err == nil {
				last = m.Values
			}
			return err
		}},
	} {
		say("beside the peer: " + m.name)
		row := against{Method: m.name, Peer: math.Inf(1)}
		for _, form := range m.peers {
			var theirs []took
			ours, _, err := inTurns(m.turns, true, m.ours, func() error {
				t, err := peer.ask(form)
				theirs = append(theirs, t)
				return err
			})
			if err != nil {
				return r, err
			}
			p := medianTook(theirs[1:]) // the first is not measured, as with ours
			if 1e3*p.cpu < row.Peer {
				row.Peer, row.WallPeer, row.Ours, row.WallOurs = 1e3*p.cpu, 1e3*p.wall, 1e3*ours.cpu, 1e3*ours.wall
			}
			want, err := readFloats(filepath.Join(dir, form+".bin"))
			if err != nil {
				return r, err
			}
			if row.Apart, err = apart(last, want); err != nil {
				return r, fmt.Errorf("%s: %w", m.name, err)
			}
		}
		row.Ratio = row.Ours / row.Peer
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

func medianTook(all []took) took {
	var cpu, wall []float64
	for _, t := range all {
		cpu, wall = append(cpu, t.cpu), append(wall, t.wall)
	}
	slices.Sort(cpu)
	slices.Sort(wall)
	return took{stats.Quantile(cpu, 0.5), stats.Quantile(wall, 0.5)}
}

// apart is the largest difference as a share of the largest value of want.
func apart(got, want []float32) (float64, error) {
	if len(got) != len(want) {
		return 0, fmt.Errorf("%d values, the peer has %d", len(got), len(want))
	}
	var diff, size float64
	for i := range want {
		diff, size = max(diff, math.Abs(float64(got[i]-want[i]))), max(size, math.Abs(float64(want[i])))
	}
	return diff / size, nil
}

func readFloats(path string) ([]float32, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out, nil
}

// peer is the peer's process.
type peer struct {
	cmd     *exec.Cmd
	in      *bufio.Writer
	close   func() error
	out     *bufio.Scanner
	version string
}

// errNoPeer says that there is no Python with PyTorch.
var errNoPeer = errors.New("no Python with PyTorch (make peers)")

func startPeer(ctx context.Context, net nn.Module, x []float32, dir string) (*peer, error) {
	python := ""
	for _, p := range []string{os.Getenv("CINELOOP_PYTHON"), "/usr/bin/python3", "python3"} {
		if p != "" && exec.CommandContext(ctx, p, "-c", "import torch, numpy").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		return nil, errNoPeer
	}
	tensors := map[string]torch.Array{}
	net.Visit("", func(name string, p *nn.Param) { tensors[name] = p.T.Detach().Array() })
	weights, input := filepath.Join(dir, "net.safetensors"), filepath.Join(dir, "x.bin")
	if err := torch.WriteSafetensors(weights, tensors, nil); err != nil {
		return nil, err
	}
	raw := make([]byte, 0, 4*len(x))
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	if err := os.WriteFile(input, raw, 0o644); err != nil {
		return nil, err
	}
	p := &peer{cmd: exec.CommandContext(ctx, python, "bench/peers/explain.py", weights, input, dir, "1")}
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.in, p.close, p.out = bufio.NewWriter(in), in.Close, bufio.NewScanner(out)
	if !p.out.Scan() {
		return nil, fmt.Errorf("the peer did not start: %w", cmp.Or(p.out.Err(), p.cmd.Wait()))
	}
	p.version = "PyTorch " + strings.TrimPrefix(p.out.Text(), "ready ")
	return p, nil
}

func (p *peer) ask(method string) (t took, err error) {
	fmt.Fprintln(p.in, method)
	if err := p.in.Flush(); err != nil {
		return t, err
	}
	if !p.out.Scan() {
		return t, fmt.Errorf("the peer stopped: %w", cmp.Or(p.out.Err(), errors.New("no answer")))
	}
	_, err = fmt.Sscan(p.out.Text(), &t.wall, &t.cpu)
	return t, err
}

func (p *peer) stop() {
	_ = p.close()
	_ = p.cmd.Wait()
}
