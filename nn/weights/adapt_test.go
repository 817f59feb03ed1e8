package weights

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cineloop/cineloop/nn"
	"github.com/cineloop/cineloop/nn/video"
	"github.com/cineloop/cineloop/torch"
)

// network is one of the registry's with its published number of scores.
func network(t *testing.T, name string) nn.Module {
	t.Helper()
	a, err := video.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := video.New(video.Spec{Name: name, Heads: []video.Head{{Name: "scores", Width: a.Classes}}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// state collects names with shapes, values left out.
type state map[string]torch.Array

func (s state) add(name string, shape ...int64) { s[name] = torch.Array{Shape: shape} }

// norm adds a batch norm of n channels.
func (s state) norm(name string, n int64) {
	for _, part := range []string{"weight", "bias", "running_mean", "running_var"} {
		s.add(name+"."+part, n)
	}
	s.add(name + ".num_batches_tracked")
}

func (s state) affine(name string, shape ...int64) {
	s.add(name+".weight", shape...)
	s.add(name+".bias", shape[0])
}

// timmViT is the state dict of timm's deit_small_patch16_224, after vision_transformer.py.
func timmViT() state {
	const d = 384
	s := state{}
	s.add("cls_token", 1, 1, d)
	s.add("pos_embed", 1, 197, d)
	s.affine("patch_embed.proj", d, 3, 16, 16)
	for i := range 12 {
		b := fmt.Sprintf("blocks.%d.", i)
		s.affine(b+"norm1", d)
		s.affine(b+"attn.qkv", 3*d, d)
		s.affine(b+"attn.proj", d, d)
		s.affine(b+"norm2", d)
		s.affine(b+"mlp.fc1", 4*d, d)
		s.affine(b+"mlp.fc2", d, 4*d)
	}
	s.affine("norm", d)
	s.affine("head", 1000, d)
	return s
}

// convNeXtTiny is that of convnext_tiny: timm's names, or the authors'.
func convNeXtTiny(timm bool) state {
	s := state{}
	dims, depths := []int64{96, 192, 384, 768}, []int{3, 3, 9, 3}
	for k, d := range dims {
		switch {
		case k == 0 && timm:
			s.affine("stem.0", d, 3, 4, 4)
			s.affine("stem.1", d)
		case k == 0:
			s.affine("downsample_layers.0.0", d, 3, 4, 4)
			s.affine("downsample_layers.0.1", d)
		case timm:
			s.affine(fmt.Sprintf("stages.%d.downsample.0", k), dims[k-1])
			s.affine(fmt.Sprintf("stages.%d.downsample.1", k), d, dims[k-1], 2, 2)
		default:
			s.affine(fmt.Sprintf("downsample_layers.%d.0", k), dims[k-1])
			s.affine(fmt.Sprintf("downsample_layers.%d.1", k), d, dims[k-1], 2, 2)
		}
		for i := range depths[k] {
			b, names := fmt.Sprintf("stages.%d.%d.", k, i), []string{"dwconv", "pwconv1", "pwconv2"}
			if timm {
				b, names = fmt.Sprintf("stages.%d.blocks.%d.", k, i), []string{"conv_dw", "mlp.fc1", "mlp.fc2"}
			}
			s.add(b+"gamma", d)
			s.affine(b+names[0], d, 1, 7, 7)
			s.affine(b+"norm", d)
			s.affine(b+names[1], 4*d, d)
			s.affine(b+names[2], d, 4*d)
		}
	}
	if timm {
		s.affine("head.norm", 768)
		s.affine("head.fc", 1000, 768)
	} else {
		s.affine("norm", 768)
		s.affine("head", 1000, 768)
	}
	return s
}

// timmEfficientNetB0 is that of timm's efficientnet_b0, after efficientnet.py: expansion, channels, repeats, kernel a stage.
func timmEfficientNetB0() state {
	s := state{}
	s.add("conv_stem.weight", 32, 3, 3, 3)
	s.norm("bn1", 32)
	in := int64(32)
	for k, st := range [][4]int64{{1, 16, 1, 3}, {6, 24, 2, 3}, {6, 40, 2, 5}, {6, 80, 3, 3}, {6, 112, 3, 5}, {6, 192, 4, 5}, {6, 320, 1, 3}} {
		for i := range st[2] {
			b := fmt.Sprintf("blocks.%d.%d.", k, i)
			mid, squeezed := in*st[0], max(1, in/4)
			n := 1
			bn := func(c int64) { s.norm(fmt.Sprintf("%sbn%d", b, n), c); n++ }
			if st[0] != 1 {
				s.add(b+"conv_pw.weight", mid, in, 1, 1)
				bn(mid)
			}
			s.add(b+"conv_dw.weight", mid, 1, st[3], st[3])
			bn(mid)
			s.affine(b+"se.conv_reduce", squeezed, mid, 1, 1)
			s.affine(b+"se.conv_expand", mid, squeezed, 1, 1)
			if st[0] != 1 {
				s.add(b+"conv_pwl.weight", st[1], mid, 1, 1)
			} else {
				s.add(b+"conv_pw.weight", st[1], mid, 1, 1)
			}
			bn(st[1])
			in = st[1]
		}
	}
	s.add("conv_head.weight", 1280, 320, 1, 1)
	s.norm("bn2", 1280)
	s.affine("classifier", 1000, 1280)
	return s
}

// own is a network's own state dict under other names.
func own(m nn.Module, rename func(string) string) state {
	s := state{}
	m.Visit("", func(name string, p *nn.Param) { s.add(rename(name), p.Shape...) })
	return s
}

func TestSchemes(t *testing.T) {
	for _, k := range []struct {
		file   state
		net    string
		scheme string
	}{
		{timmViT(), "vit_s_16_mean", "timm ViT"},
		{convNeXtTiny(true), "convnext_tiny_mean", "timm ConvNeXt"},
		{convNeXtTiny(false), "convnext_tiny_mean", "ConvNeXt"},
		{timmEfficientNetB0(), "efficientnet_b0_mean", "timm EfficientNet"},
		{own(network(t, "vit_b_16_mean"), func(n string) string {
			return strings.NewReplacer("mlp.0.", "mlp.linear_1.", "mlp.3.", "mlp.linear_2.").Replace(n)
		}), "vit_b_16_mean", "torchvision ViT before 0.13"},
		{own(network(t, "r3d_18"), func(n string) string { return "backbone." + n }), "r3d_18", "as it stands, without backbone."},
		{own(network(t, "r3d_18"), func(n string) string { return n }), "r3d_18", "as it stands"},
	} {
		a := Adapt(k.file, network(t, k.net))
		if a.Scheme != k.scheme || !a.Report.Exact() || a.Found != a.Kernels {
			t.Errorf("%s by %q: %s (%d of %d)", k.net, a.Scheme, a.Report, a.Found, a.Kernels)
		}
	}
}

// TestInflation: picture weights fill video networks but for what has no counterpart.
func TestInflation(t *testing.T) {
	picture := own(network(t, "resnet50_mean"), func(n string) string { return n })
	a := Adapt(picture, network(t, "i3d_r50"))
	if a.Scheme != "2D ResNet to I3D-R50" || len(a.Report.Missing)+len(a.Report.Unexpected) != 0 || len(a.Report.Inflated) != 10 {
		t.Errorf("i3d_r50 by %q: %s", a.Scheme, a.Report) // the stem and the nine blocks whose first kernel is 3×1×1; 1×1×1 kernels match
	}
	if !slices.Equal(a.Report.Resized, []string{"blocks.6.proj.weight", "blocks.6.proj.bias"}) {
		t.Errorf("resized %v", a.Report.Resized) // 1000 classes of pictures, 400 of video
	}
	small := own(network(t, "resnet18_mean"), func(n string) string { return n })
	b := Adapt(small, network(t, "r3d_18"))
	if b.Scheme != "2D ResNet to R3D" || len(b.Report.Missing) != 0 || len(b.Report.Inflated) != 17 || !slices.Equal(b.Report.Resized, []string{"fc.weight", "fc.bias"}) {
		t.Errorf("r3d_18 by %q: %s", b.Scheme, b.Report) // the stem and two convolutions in each of eight blocks
	}
}

// TestRank: a file's own network comes first; a file of something else fits none.
func TestRank(t *testing.T) {
	names := []string{"i3d_r50", "resnet18_mean", "resnet50_mean", "r3d_18", "vit_s_16_mean"}
	build := func(name string) (nn.Module, error) { return network(t, name), nil }
	for file, want := range map[string]string{"resnet50_mean": "resnet50_mean", "r3d_18": "r3d_18", "i3d_r50": "i3d_r50"} {
		got, err := Rank(own(network(t, file), func(n string) string { return n }), names, build)
		if err != nil || len(got) == 0 || got[0].Name != want || got[0].Share() != 1 {
			t.Errorf("%s: %v, %v", file, got, err)
		}
	}
	other := state{}
	other.affine("lstm", 4, 4)
	if got, err := Rank(other, names, build); err != nil || len(got) != 0 {
		t.Errorf("a file of something else fits %v, %v", got, err)
	}
	if got, err := Rank(nil, names, build); err != nil || len(got) != 0 {
		t.Errorf("an empty file fits %v, %v", got, err)
	}
}

// TestComputedTensors: the index that torchvision's Swin keeps beside its tables is no weight, and is not missed or found too much.
func TestComputedTensors(t *testing.T) {
	n := network(t, "swin3d_t")
	s := state{}
	n.Visit("", func(name string, p *nn.Param) {
		s.add(name, p.Shape...)
		if strings.HasSuffix(name, "relative_position_bias_table") {
			s.add(strings.TrimSuffix(name, "bias_table")+"index", 392, 392)
		}
	})
	a := Adapt(s, n)
	if !a.Report.Exact() || a.Found != a.Kernels {
		t.Errorf("%s: %v", a.Scheme, a.Report)
	}
}
