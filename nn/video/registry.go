package video

import (
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/image"
)

// body is a network below its heads.
type body struct {
	trunk    nn.Module // clip [N, C, T, H, W] to features [N, features]
	features int64
	head     string // name of the linear layer in torchvision's state dicts
	weight   nn.Init
	bias     nn.Init
	last     string // see [Net.LastStage]
}

// Architecture is an entry of the registry: what a network is, and what it takes.
type Architecture struct {
	Name   string
	Family string // r(2+1)d, transformer, frames, …
	Paper  image.Paper
	Input  [3]int64 // [T, H, W] of the published network
	Least  [3]int64 // smaller inputs vanish in its strides
	Params int64    // with Classes, as published; whole multiples of 10,000 are rounded there. 0: not published
	GMACs  float64  // of one clip of Input, as published; 0: not published, or with other operations counted
	// Classes is 400 (Kinetics) for networks of clips and 1000 (ImageNet) for those of frames.
	Classes int64

	build func(Spec) body
}

// Architectures lists the networks by name. Networks of frames are listed with the mean over time; see [Pooling] for the others.
func Architectures() []Architecture {
	all := slices.Concat(r3d, mc3, r2plus1d, medicalNet, i3d, i3dR50, s3d, x3d, csn, slowFast, mViT, timeSformer, viViT, videoMAE, swin3D, p3d)
	for _, a := range image.All() {
		all = append(all, ofFrames(a, PoolMean))
	}
	slices.SortFunc(all, func(a, b Architecture) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names is the list of architectures.
func Names() []string {
	var names []string
	for _, a := range Architectures() {
		names = append(names, a.Name)
	}
	return names
}

// Find is the architecture of that name, those of frames with any of the poolings over time: resnet50_lstm.
func Find(name string) (Architecture, error) {
	a, _, err := find(name)
	return a, err
}

func find(name string) (Architecture, func(Spec) body, error) {
	for _, a := range Architectures() {
		if a.Name == name {
			return a, a.build, nil
		}
	}
	if i := strings.LastIndexByte(name, '_'); i > 0 && slices.Contains(Poolings, Pooling(name[i+1:])) {
		if frame, err := image.Find(name[:i]); err == nil {
			a := ofFrames(frame, Pooling(name[i+1:]))
			return a, a.build, nil
		}
	}
	return Architecture{}, nil, fault.New(fault.Usage, "no network is named %q", name).WithHint("there are %s; in place of mean those of frames also take %s",
		strings.Join(Names(), ", "), strings.Join([]string{string(PoolAttention), string(PoolLSTM), string(PoolGRU), string(PoolTransformer)}, ", "))
}

// HasLastStage says whether the network has a stage for Grad-CAM to look at (see [Net.LastStage]); false for an unknown name.
func HasLastStage(name string) bool {
	n, err := New(Spec{Name: name, Heads: []Head{{Name: "any", Width: 1}}})
	return err == nil && n.LastStage() != ""
}
